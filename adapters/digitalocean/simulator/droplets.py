"""Droplets: listing, showing and destroying them. Creating is next door, and so are their actions."""

from dataclasses import replace

from . import firewalls
from .droplet_create import create
from .droplet_view import listed, view, wanted
from .models import Droplet
from .routing import Call, Route, paged
from .wire import NO_CONTENT, Answer, unprocessable


def destroy(call: Call, droplet: Droplet) -> None:
    """Take the droplet away, and its name out of everything that mentions it."""
    account, number = call.account, droplet.id
    _linger(call, droplet)
    del account.droplets[number]
    for volume in tuple(account.volumes.values()):
        if volume.droplet_id == number:
            account.volumes[volume.id] = replace(volume, droplet_id=None)
    for firewall in tuple(account.firewalls.values()):
        left = tuple(each for each in firewall.droplet_ids if each != number)
        account.firewalls[firewall.id] = replace(firewall, droplet_ids=left)
    for balancer in tuple(account.load_balancers.values()):
        left = tuple(each for each in balancer.droplet_ids if each != number)
        account.load_balancers[balancer.id] = replace(balancer, droplet_ids=left)
    for reserved in tuple(account.reserved_ips.values()):
        if reserved.droplet_id == number:
            account.reserved_ips[reserved.ip] = replace(reserved, droplet_id=None)


def _linger(call: Call, droplet: Droplet) -> None:
    """With a list lag, a destroyed droplet stays a member of its VPC for as long: the VPC can not go yet."""
    if call.world.timing.list_lag_seconds <= 0:
        return
    urn = f"do:droplet:{droplet.id}"
    entry = (droplet.vpc_uuid, {"name": droplet.name, "urn": urn, "created_at": droplet.created_at})
    leaving = call.account.leaving
    leaving.append(entry)
    call.world.later(call.account, call.world.timing.list_lag_seconds, lambda _: leaving.remove(entry))


def _list(call: Call) -> Answer:
    tag, name = call.query.get("tag_name"), call.query.get("name")
    shown = [
        droplet
        for droplet in listed(call)
        if (tag is None or tag in droplet.tags) and (name is None or name.lower() == droplet.name.lower())
    ]
    if call.query.get("type") == "gpus":  # none are sold here
        shown = []
    return paged(call, "droplets", [view(call.account, droplet) for droplet in shown])


def _get(call: Call) -> Answer:
    return Answer(200, {"droplet": view(call.account, wanted(call))})


def _delete(call: Call) -> Answer:
    destroy(call, wanted(call))
    return NO_CONTENT


def _delete_by_tag(call: Call) -> Answer:
    tag = call.query.get("tag_name")
    if not tag:
        raise unprocessable("tag_name is required")
    for droplet in tuple(call.account.droplets.values()):
        if tag in droplet.tags:
            destroy(call, droplet)
    return NO_CONTENT


def _firewalls(call: Call) -> Answer:
    droplet = wanted(call)
    on_it = [
        firewall
        for firewall in call.account.firewalls.values()
        if droplet.id in firewall.droplet_ids or set(droplet.tags) & set(firewall.tags)
    ]
    return paged(call, "firewalls", [firewalls.view(call.world, firewall) for firewall in on_it])


def _neighbors(call: Call) -> Answer:
    wanted(call)
    return Answer(200, {"droplets": []})


def _no_snapshots(call: Call) -> Answer:
    wanted(call)
    return paged(call, "snapshots", [])


ROUTES = (
    Route("GET", "/v2/droplets", _list),
    Route("POST", "/v2/droplets", create),
    Route("DELETE", "/v2/droplets", _delete_by_tag),
    Route("GET", "/v2/droplets/{droplet:int}", _get),
    Route("DELETE", "/v2/droplets/{droplet:int}", _delete),
    Route("GET", "/v2/droplets/{droplet:int}/firewalls", _firewalls),
    Route("GET", "/v2/droplets/{droplet:int}/neighbors", _neighbors),
    Route("GET", "/v2/droplets/{droplet:int}/snapshots", _no_snapshots),
)
