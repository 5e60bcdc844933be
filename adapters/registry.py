"""Finds cloud adapters by the entry point group ``kubisnap.adapters``.

An entry point names a function that takes settings (a mapping in the shape of the environment) and
returns a `Cloud`. Other packages can bring their own. A file ``catalogue.json`` beside the function's
module, written by `kubisnap.engine.domain.catalogues`, is what the cloud offers as far as it is known
without asking. A module ``about`` there has an `ABOUT`, what it says of itself.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from importlib.util import find_spec

from ..engine.domain.catalogue import Catalogue
from ..engine.domain.catalogues import read_catalogue
from ..engine.errors import InvalidInput
from ..engine.ports import Cloud
from .about import About

GROUP = "kubisnap.adapters"


def clouds() -> tuple[str, ...]:
    """Return the names of the clouds that are installed, sorted."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def open_cloud(name: str, settings: Mapping[str, str], *, field: str = "cloud") -> Cloud:
    """Return the adapter for a cloud.

    Raises `InvalidInput` (about `field`) for an unknown one, `Denied` where credentials are missing.
    """
    for point in entry_points(group=GROUP, name=name):
        factory = point.load()
        cloud: Cloud = factory(settings)
        return cloud
    raise InvalidInput(field, f"there is no cloud {name!r}", advice=f"clouds: {', '.join(clouds())}")


def shipped_catalogue(name: str) -> Catalogue | None:
    """Return the catalogue that came with a cloud's adapter, or None; nobody is asked.

    Raises `InvalidInput` for one that does not make sense.
    """
    for point in entry_points(group=GROUP, name=name):
        file = files(_package(point) or point.module) / "catalogue.json"
        if file.is_file():
            return read_catalogue(file.read_bytes(), cloud=name, name=f"{point.module}/catalogue.json")
    return None


def about(name: str) -> About | None:
    """Return what a cloud's adapter says about itself, or None; nobody is asked, no client library loaded."""
    for point in entry_points(group=GROUP, name=name):
        module = f"{_package(point)}.about"
        if _package(point) and find_spec(module) is not None:
            told: About = import_module(module).ABOUT
            return told
    return None


def _package(point: EntryPoint) -> str:
    """Return the package that an entry point's module is, or is in; empty where it is in none."""
    spec = import_module(point.module).__spec__
    return spec.parent or "" if spec is not None else ""
