"""Places to keep archives in, and ways to get at them behind a store's back."""

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.loaders import create_loader

from kubisnap.archives.stores import ArchiveStore, open_store
from tests.contract.s3_servers import BUCKET, Server

_NUMBERS = itertools.count(1)
_LOADER = create_loader()


@dataclass
class Place:
    """A store, and ways to get at it behind its back."""

    kind: str
    store: ArchiveStore
    server: Server | None = None
    folder: Path = Path()
    client: Any = None
    bucket: str = ""
    prefix: str = ""
    begin: Callable[[str], None] = field(default=lambda _name: None)

    @property
    def names(self) -> list[str]:
        return sorted(item.name for item in self.store.list())

    def replace(self, name: str, content: bytes) -> None:
        """Put something else under a name, as kubisnap never does."""
        self.client.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{name}", Body=content)


def in_environment(server: Server, patch: pytest.MonkeyPatch) -> None:
    """Let nothing of this machine's own access to S3 get in."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    # the description of S3's API is read from the disk once, and not for each of a hundred stores
    patch.setattr(botocore.session, "create_loader", lambda *_paths: _LOADER)
    for name, value in server.environment.items():
        patch.setenv(name, value)


def s3_place(kind: str, server: Server, patch: pytest.MonkeyPatch, bucket: str = BUCKET) -> Place:
    """Return a store in a part of the bucket that nothing else is in."""
    in_environment(server, patch)
    client = server.raw
    prefix = f"run-{next(_NUMBERS)}/kept"

    def begin(name: str) -> None:
        client.create_multipart_upload(Bucket=bucket, Key=f"{prefix}/{name}")

    return Place(
        kind,
        open_store(f"s3://{bucket}/{prefix}"),
        server,
        client=client,
        bucket=bucket,
        prefix=prefix,
        begin=begin,
    )


def folder_place(folder: Path) -> Place:
    def begin(name: str) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(".unfinished-4711.ksnap").write_bytes(b"half")

    return Place("folder", open_store(str(folder)), folder=folder, begin=begin)
