"""Finds cloud adapters by the entry point group ``kubisnap.adapters``.

An entry point names a function that takes settings (a mapping in the shape of the environment) and
returns a `Cloud`. Other packages can bring their own.
"""

from collections.abc import Mapping
from importlib.metadata import entry_points

from ..engine.errors import InvalidInput
from ..engine.ports import Cloud

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
