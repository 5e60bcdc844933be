"""Attaching, detaching and growing volumes: each takes its time."""

from collections.abc import Callable
from dataclasses import replace

from . import actions, checks
from .models import Action, Volume
from .routing import Call, Route, paged
from .volumes import LARGEST_GIGABYTES, named, wanted
from .wire import Answer, conflict, not_found, unprocessable


def _attached(call: Call, volume: Volume) -> Callable[[Volume], Volume]:
    number = checks.number(call.body, "droplet_id", low=1, high=10**15)
    droplet = call.account.droplets.get(number)
    if droplet is None:
        raise not_found("The droplet could not be found.")
    if droplet.region != volume.region:
        raise unprocessable("The volume and the Droplet must be in the same region.")
    if volume.droplet_id is not None:
        raise unprocessable("The volume is already attached to a Droplet.")

    def change(current: Volume) -> Volume:
        # The droplet may be gone by the time the volume gets there.
        return replace(current, droplet_id=number if number in call.account.droplets else None)

    return change


def _detached(call: Call, volume: Volume) -> Callable[[Volume], Volume]:
    number = checks.number(call.body, "droplet_id", low=1, high=10**15)
    if volume.droplet_id != number:
        raise unprocessable("The volume is not attached to this Droplet.")
    return lambda current: replace(current, droplet_id=None)


def _resized(call: Call, volume: Volume) -> Callable[[Volume], Volume]:
    size = checks.number(call.body, "size_gigabytes", low=1, high=LARGEST_GIGABYTES)
    if size <= volume.size_gigabytes:
        raise unprocessable("A volume can only be made larger.")
    return lambda current: replace(current, size_gigabytes=size)


_KINDS = {"attach": _attached, "detach": _detached, "resize": _resized}


def _begin(call: Call, volume: Volume) -> Action:
    volumes = call.account.volumes
    kind = checks.text(call.body, "type")
    if kind not in _KINDS:
        raise unprocessable("type must be attach, detach or resize")
    region = call.body.get("region")
    if region is not None and region != volume.region:
        raise unprocessable("The volume is in another region.")
    if volume.busy:
        raise conflict("The volume already has a pending event.")
    change = _KINDS[kind](call, volume)
    volumes[volume.id] = replace(volume, busy=True)

    def finish() -> bool:
        current = volumes.get(volume.id)
        if current is not None:
            volumes[volume.id] = replace(change(current), busy=False)
        return current is not None

    return actions.start(
        call.world,
        call.account,
        kind=f"{kind}_volume",
        subject=f"volume:{volume.id}",
        region=volume.region,
        resource=("backend", None),
        finish=finish,
    )


def _create(call: Call) -> Answer:
    return Answer(202, {"action": actions.view(_begin(call, wanted(call)))})


def _create_by_name(call: Call) -> Answer:
    """The same with the volume named in the body; to detach or attach, not to resize."""
    if call.body.get("type") == "resize":
        raise unprocessable("type must be attach or detach")
    name, region = checks.text(call.body, "volume_name"), checks.text(call.body, "region")
    return Answer(202, {"action": actions.view(_begin(call, named(call, name, region)))})


def _list(call: Call) -> Answer:
    found = actions.about(call.account, f"volume:{wanted(call).id}")
    return paged(call, "actions", [actions.view(action) for action in found])


def _get(call: Call) -> Answer:
    return actions.one_about(call, f"volume:{wanted(call).id}")


ROUTES = (
    Route("POST", "/v2/volumes/actions", _create_by_name),
    Route("GET", "/v2/volumes/{volume}/actions", _list),
    Route("POST", "/v2/volumes/{volume}/actions", _create),
    Route("GET", "/v2/volumes/{volume}/actions/{action:int}", _get),
)
