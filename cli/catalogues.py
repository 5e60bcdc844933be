"""What is known of clouds without asking them: catalogues that were shipped, or refreshed and kept."""

import re
from pathlib import Path
from typing import NamedTuple

from ..adapters.registry import clouds, shipped_catalogue
from ..engine.domain.catalogue import Catalogue
from ..engine.domain.catalogues import MAX_BYTES, read_catalogue, write_catalogue
from ..engine.errors import InvalidInput
from . import wiring
from .files import replace_file

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


class Known(NamedTuple):
    """A cloud and its catalogue; `source` is ``shipped`` or ``refreshed``, or empty where there is none."""

    cloud: str
    catalogue: Catalogue | None
    source: str


def known(cloud: str) -> Known:
    """Return the newest catalogue of a cloud that is at hand. Raises `InvalidInput` for a damaged one."""
    kept, shipped = _kept(cloud), shipped_catalogue(cloud)
    if kept is not None and (shipped is None or kept.dated >= shipped.dated):
        return Known(cloud, kept, "refreshed")
    return Known(cloud, shipped, "" if shipped is None else "shipped")


def all_known(cloud: str = "") -> list[Known]:
    """Return what is known of every cloud, or of one. Raises `InvalidInput` for a name that is none."""
    names = clouds()
    if cloud and cloud not in names:
        raise InvalidInput("CLOUD", f"there is no cloud {cloud!r}", advice=f"clouds: {', '.join(names)}")
    return [known(name) for name in names if cloud in {"", name}]


def keep(catalogue: Catalogue) -> Path:
    """Keep a catalogue that a cloud just told, for its owner only. Raises `InvalidInput`."""
    path = _path(catalogue.cloud)
    content = write_catalogue(catalogue)
    read_catalogue(content, cloud=catalogue.cloud, name=f"the answer of {catalogue.cloud}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise InvalidInput("catalogue", f"cannot write {path}: {error.strerror}") from error
    return path


def _kept(cloud: str) -> Catalogue | None:
    path = _path(cloud)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidInput("catalogue", f"cannot read {path}: {error.strerror}") from error
    return read_catalogue(content, cloud=cloud, name=str(path))


def _path(cloud: str) -> Path:
    if not _NAME.fullmatch(cloud):
        raise InvalidInput("cloud", f"{cloud!r} cannot be the name of a file")
    return wiring.data_folder() / "catalogues" / f"{cloud}.json"
