"""The SSH key that a new cluster's servers are opened with.

A key that has to be made is kept only once something is about to be changed: a refused or dry run
leaves none behind.
"""

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from ..adapters.ssh.keys import made_public_key, read_public_key, usual_public_key
from ..engine.errors import Refused


class OperatorKey:
    """A public key: the one given, else the operator's own, else kubisnap's, made where there is none.

    Use it in a ``with``, so that a made key that was not kept goes away.
    """

    def __init__(self, given: Path | None, folder: Path) -> None:
        self._folder = folder
        self._draft: tempfile.TemporaryDirectory[str] | None = None
        path = given or usual_public_key(Path.home())
        if path is None and (folder / "kubisnap_ed25519.pub").is_file():
            path, _ = made_public_key(folder)
        if path is None:
            self._draft = tempfile.TemporaryDirectory(prefix="kubisnap-key-")
            path, _ = made_public_key(Path(self._draft.name))
        self.public = read_public_key(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._draft is not None:
            self._draft.cleanup()

    def keep(self) -> Path | None:
        """Keep a key that was made just now; return the private file, or None if it was there before.

        Raises `Refused` when another process made one in between.
        """
        if self._draft is None:
            return None
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = self._folder / "kubisnap_ed25519"
        for name, mode in ((kept.name, 0o600), (f"{kept.name}.pub", 0o644)):
            content = (Path(self._draft.name) / name).read_bytes()
            try:
                descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            except FileExistsError as error:
                raise Refused(f"{kept} was made by another process", "run the command again") from error
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        return kept
