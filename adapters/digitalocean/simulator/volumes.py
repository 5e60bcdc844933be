"""Block storage volumes. They have a size and no bytes."""

import re

from . import checks, tags
from .catalog import REGIONS, region_view
from .models import Volume
from .routing import Call, Route, paged
from .wire import NO_CONTENT, Answer, JsonObject, conflict, not_found, unprocessable
from .world import stamp

LARGEST_GIGABYTES = 16384
_NAME = re.compile(r"[a-z]([a-z0-9\-]{0,62}[a-z0-9])?")
_FILE_SYSTEMS = {"": 0, "ext4": 16, "xfs": 12}  # and how long a label may be


def view(volume: Volume) -> JsonObject:
    """A volume as the API shows it."""
    return {
        "id": volume.id,
        "name": volume.name,
        "description": volume.description,
        "region": region_view(volume.region),
        "size_gigabytes": volume.size_gigabytes,
        "droplet_ids": [] if volume.droplet_id is None else [volume.droplet_id],
        "created_at": volume.created_at,
        "filesystem_type": volume.filesystem_type,
        "filesystem_label": volume.filesystem_label,
        "tags": list(volume.tags),
    }


def wanted(call: Call) -> Volume:
    """The volume the path names, or 404."""
    volume = call.account.volumes.get(call.args["volume"])
    if volume is None:
        raise not_found()
    return volume


def named(call: Call, name: str, region: str) -> Volume:
    """The volume of this name in this region, or 404: names are unique in a region only."""
    for volume in call.account.volumes.values():
        if volume.name == name and volume.region == region:
            return volume
    raise not_found()


def _list(call: Call) -> Answer:
    name, region = call.query.get("name"), call.query.get("region")
    shown = [
        view(volume)
        for volume in call.account.volumes.values()
        if name in (None, volume.name) and region in (None, volume.region)
    ]
    return paged(call, "volumes", shown)


def _create(call: Call) -> Answer:
    body = call.body
    name = checks.text(body, "name", longest=64)
    if not _NAME.fullmatch(name):
        raise unprocessable("name must be lowercase letters, numbers and dashes, and begin with a letter")
    region = checks.text(body, "region")
    if region not in REGIONS or not region_view(region)["available"]:
        raise unprocessable("region is invalid")
    if body.get("snapshot_id"):
        raise not_found("snapshot not found")  # the simulator makes none
    size = checks.number(body, "size_gigabytes", low=1, high=LARGEST_GIGABYTES)
    if any(each.name == name and each.region == region for each in call.account.volumes.values()):
        raise conflict("failed to create volume: a volume with that name already exists in this region")
    kind = checks.text(body, "filesystem_type", default="")
    if kind not in _FILE_SYSTEMS:
        raise unprocessable("filesystem_type must be ext4 or xfs")
    volume = Volume(
        id=call.world.new_uuid("volume"),
        name=name,
        description=checks.text(body, "description", default=""),
        region=region,
        size_gigabytes=size,
        created_at=stamp(call.world.now()),
        filesystem_type=kind,
        filesystem_label=checks.text(body, "filesystem_label", default="", longest=_FILE_SYSTEMS[kind]),
        tags=tags.ensure(call.account, checks.texts(body, "tags")),
        droplet_id=None,
        busy=False,
    )
    call.account.volumes[volume.id] = volume
    return Answer(201, {"volume": view(volume)})


def _get(call: Call) -> Answer:
    return Answer(200, {"volume": view(wanted(call))})


def _remove(call: Call, volume: Volume) -> Answer:
    if volume.droplet_id is not None or volume.busy:
        raise conflict("failed to delete volume: the volume is attached to a Droplet or in use")
    del call.account.volumes[volume.id]
    return NO_CONTENT


def _delete(call: Call) -> Answer:
    return _remove(call, wanted(call))


def _delete_by_name(call: Call) -> Answer:
    return _remove(call, named(call, call.query.get("name", ""), call.query.get("region", "")))


def _no_snapshots(call: Call) -> Answer:
    wanted(call)
    return paged(call, "snapshots", [])


ROUTES = (
    Route("GET", "/v2/volumes", _list),
    Route("POST", "/v2/volumes", _create),
    Route("DELETE", "/v2/volumes", _delete_by_name),
    Route("GET", "/v2/volumes/{volume}", _get),
    Route("DELETE", "/v2/volumes/{volume}", _delete),
    Route("GET", "/v2/volumes/{volume}/snapshots", _no_snapshots),
)
