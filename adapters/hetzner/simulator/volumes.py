"""Volumes: being made, plugged in, made larger."""

from . import checks
from .models import Server, Volume
from .offers import LOCATIONS
from .routing import Call, Route, began, listed
from .ssh_keys import base, changed, common
from .wire import NO_CONTENT, Answer, ApiError, JsonObject, invalid, locked, not_found
from .world import action_view

SMALLEST, LARGEST = 10, 10_240


def view(volume: Volume) -> JsonObject:
    """A volume as the API shows it."""
    return {
        **common(volume),
        "size": volume.size,
        "server": volume.server,
        "location": LOCATIONS[volume.location],
        "linux_device": f"/dev/disk/by-id/scsi-0HC_Volume_{volume.id}",
        "format": volume.format,
        "status": volume.status,
        "protection": {"delete": False},
    }


def server_at(call: Call, place: str | None) -> Server:
    """The server that a request names, which must be in a place, where one is said."""
    number = checks.number(call.body, "server")
    server = call.project.servers.get(number)
    if server is None:
        raise not_found("server", number)
    if place is not None and server.location != place:
        raise invalid("server", "must be in the same location")
    if server.locked:
        raise locked("server")
    return server


def _create(call: Call) -> Answer:
    volumes, place = call.project.volumes, checks.text(call.body, "location")
    if place not in LOCATIONS:
        raise invalid("location", "not found")
    size = checks.number(call.body, "size", low=SMALLEST, high=LARGEST)
    wanted = checks.text(call.body, "format", default="")
    if wanted not in {"", "ext4", "xfs"}:
        raise invalid("format")
    volume = Volume(**base(call, "volume", volumes), location=place, size=size, format=wanted or None)
    volumes[volume.id] = volume

    def made() -> None:
        volume.status = "available"

    action = call.act("create_volume", ("volume", volume.id), finish=made)
    return Answer(201, {"volume": view(volume), "action": action_view(action), "next_actions": []})


def _one(call: Call) -> Volume:
    return call.of(call.project.volumes, "volume")


def _list(call: Call) -> Answer:
    return listed(call, "volumes", call.project.volumes.values(), view)


def _get(call: Call) -> Answer:
    return Answer(200, {"volume": view(_one(call))})


def _put(call: Call) -> Answer:
    volume = _one(call)
    changed(call, volume, call.project.volumes)
    return Answer(200, {"volume": view(volume)})


def _delete(call: Call) -> Answer:
    volume = _one(call)
    if volume.server is not None:
        raise ApiError(422, "resource_in_use", "volume is still attached to a server")
    _at_rest(volume)
    del call.project.volumes[volume.id]
    return NO_CONTENT


def _at_rest(volume: Volume) -> None:
    if volume.busy or volume.status == "creating":
        raise locked("volume")


def _begin(call: Call, volume: Volume, command: str, *others: tuple[str, int], **to: object) -> Answer:
    """Change a volume's fields when the time has come."""
    volume.busy = True

    def done() -> None:
        volume.busy = False
        for name, value in to.items():
            # the server may be gone by the time the volume gets there
            gone = name == "server" and value is not None and value not in call.project.servers
            setattr(volume, name, None if gone else value)

    return began(call.act(command, ("volume", volume.id), *others, finish=done))


def _attach(call: Call) -> Answer:
    volume = _one(call)
    _at_rest(volume)
    server = server_at(call, volume.location)
    if volume.server is not None:
        raise ApiError(422, "volume_already_attached", "volume is already attached to a server")
    return _begin(call, volume, "attach_volume", ("server", server.id), server=server.id)


def _detach(call: Call) -> Answer:
    volume = _one(call)
    _at_rest(volume)
    if volume.server is None:
        raise ApiError(422, "volume_not_attached", "volume is not attached to a server")
    return _begin(call, volume, "detach_volume", ("server", volume.server), server=None)


def _resize(call: Call) -> Answer:
    volume = _one(call)
    _at_rest(volume)
    size = checks.number(call.body, "size", low=SMALLEST, high=LARGEST)
    if size <= volume.size:
        raise invalid("size", "a volume can only be made larger")
    return _begin(call, volume, "resize_volume", size=size)


ROUTES = (
    Route("GET", "/volumes", _list),
    Route("POST", "/volumes", _create),
    Route("GET", "/volumes/{id}", _get),
    Route("PUT", "/volumes/{id}", _put),
    Route("DELETE", "/volumes/{id}", _delete),
    Route("POST", "/volumes/{id}/actions/attach", _attach),
    Route("POST", "/volumes/{id}/actions/detach", _detach),
    Route("POST", "/volumes/{id}/actions/resize", _resize),
)
