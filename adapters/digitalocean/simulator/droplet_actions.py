"""What one can do to a droplet: power, resize, rename, rebuild."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from . import actions, checks
from .catalog import SIZES, find_image
from .droplet_view import wanted
from .models import Action, Droplet
from .routing import Call, Route, paged
from .wire import Answer, JsonObject, unprocessable

# What the droplet will be like when the action is over; refuses with 422 what can not be done.
_Plan: TypeAlias = Callable[[Droplet, JsonObject], Droplet]


def _off(droplet: Droplet, _: JsonObject) -> Droplet:
    if droplet.status == "off":
        raise unprocessable("Droplet is already powered off.")
    return replace(droplet, status="off")


def _on(droplet: Droplet, _: JsonObject) -> Droplet:
    if droplet.status == "active":
        raise unprocessable("Droplet is already powered on.")
    return replace(droplet, status="active")


def _restart(droplet: Droplet, _: JsonObject) -> Droplet:
    if droplet.status == "off":
        raise unprocessable("Droplet is currently powered off. Please power it on to run this event.")
    return droplet


def _resize(droplet: Droplet, body: JsonObject) -> Droplet:
    size = SIZES.get(checks.text(body, "size"))
    if size is None:
        raise unprocessable("You specified an invalid size for Droplet resize.")
    if not size.available or droplet.region not in size.regions:
        raise unprocessable("Size is not available in this region.")
    if droplet.status != "off":
        raise unprocessable("Droplet must be powered off to be resized.")
    if size.slug == droplet.size:
        raise unprocessable("Droplet already has this size.")
    if size.disk < droplet.disk:
        raise unprocessable("This size is not available because it has a smaller disk.")
    disk = size.disk if checks.flag(body, "disk") else droplet.disk
    return replace(droplet, size=size.slug, disk=disk)


def _rename(droplet: Droplet, body: JsonObject) -> Droplet:
    return replace(droplet, name=checks.text(body, "name"))


def _rebuild(droplet: Droplet, body: JsonObject) -> Droplet:
    image = find_image(body.get("image"))
    if image is None:
        raise unprocessable("You specified an invalid image for Droplet rebuild.")
    return replace(droplet, image=image.id, status="active")


_PLANS: dict[str, _Plan] = {
    "power_off": _off,
    "shutdown": _off,
    "power_on": _on,
    "reboot": _restart,
    "power_cycle": _restart,
    "resize": _resize,
    "rename": _rename,
    "rebuild": _rebuild,
}


def _begin(call: Call, droplet: Droplet) -> Action:
    account = call.account
    kind = checks.text(call.body, "type")
    plan = _PLANS.get(kind)
    if plan is None:
        raise unprocessable(f"The simulator knows no droplet action {kind!r}.")
    if droplet.busy:
        raise unprocessable("Droplet already has a pending event.")
    after = plan(droplet, call.body)
    account.droplets[droplet.id] = replace(droplet, busy=True)

    def finish() -> bool:
        current = account.droplets.get(droplet.id)
        if current is not None:
            # Tags may have changed meanwhile: only what this action is about is taken over.
            account.droplets[droplet.id] = replace(
                current,
                busy=False,
                name=after.name,
                status=after.status,
                size=after.size,
                disk=after.disk,
                image=after.image,
            )
        return current is not None

    return actions.start(
        call.world,
        account,
        kind=kind,
        subject=f"droplet:{droplet.id}",
        region=droplet.region,
        resource=("droplet", droplet.id),
        finish=finish,
    )


def _create(call: Call) -> Answer:
    return Answer(201, {"action": actions.view(_begin(call, wanted(call)))})


def _create_by_tag(call: Call) -> Answer:
    tag = call.query.get("tag_name", "")
    droplets = [droplet for droplet in call.account.droplets.values() if tag in droplet.tags]
    begun = [_begin(call, droplet) for droplet in droplets]
    return Answer(201, {"actions": [actions.view(action) for action in begun]})


def _list(call: Call) -> Answer:
    found = actions.about(call.account, f"droplet:{wanted(call).id}")
    return paged(call, "actions", [actions.view(action) for action in found])


def _get(call: Call) -> Answer:
    return actions.one_about(call, f"droplet:{wanted(call).id}")


ROUTES = (
    Route("POST", "/v2/droplets/actions", _create_by_tag),
    Route("GET", "/v2/droplets/{droplet:int}/actions", _list),
    Route("POST", "/v2/droplets/{droplet:int}/actions", _create),
    Route("GET", "/v2/droplets/{droplet:int}/actions/{action:int}", _get),
)
