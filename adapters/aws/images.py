"""Which image a name stands for, asked when a server is made."""

from ...engine.errors import Rejected
from . import wire
from .family import ec2_filters
from .names import CLOUD
from .systems import DPKG, SYSTEMS
from .talk import Talk


def newest(talk: Talk, region: str, name: str) -> wire.Image:
    """Return the newest image of a symbolic name in a region. Raises `Rejected` where there is none."""
    system, _, suffix = name.rpartition("-")
    source = SYSTEMS.get(system)
    architecture = next((kind for kind, called in DPKG.items() if called == suffix), None)
    if source is None or architecture is None:
        raise Rejected(CLOUD, f"there is no image {name[:120]!r}")
    filters = {
        "name": [source.pattern.format(suffix)],
        "architecture": [architecture],
        "state": ["available"],
    }
    found = talk.listed(
        region,
        "ec2.describe_images",
        "Images",
        wire.Image,
        Owners=[source.owner],
        Filters=ec2_filters(filters),
    )
    if not found:
        raise Rejected(CLOUD, f"{region} has no image {name}")
    return max(found, key=lambda image: (image.creation_date, image.image_id))
