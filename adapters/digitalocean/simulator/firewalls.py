"""Cloud firewalls: rules, and the droplets and tags they are put on."""

import re
from dataclasses import replace

from . import checks, firewall_rules, tags
from .models import Firewall
from .routing import Call, Route, paged
from .wire import NO_CONTENT, Answer, JsonObject, conflict, not_found, unprocessable
from .world import World, stamp

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.\-]{0,254}")
# DigitalOcean's documented limits of one firewall; beyond ten droplets one has to use tags.
_MOST_RULES, _MOST_DROPLETS, _MOST_TAGS = 50, 10, 5


def view(world: World, firewall: Firewall) -> JsonObject:
    """A firewall as the API shows it: `waiting` until its droplets have taken the change."""
    settled = world.now() >= firewall.changed + world.timing.action_seconds
    waiting = [] if settled else list(firewall.droplet_ids)
    pending = [{"droplet_id": number, "removing": False, "status": "waiting"} for number in waiting]
    return {
        "id": firewall.id,
        "name": firewall.name,
        "status": "waiting" if pending else "succeeded",
        "inbound_rules": [dict(rule) for rule in firewall.inbound_rules],
        "outbound_rules": [dict(rule) for rule in firewall.outbound_rules],
        "created_at": firewall.created_at,
        "droplet_ids": list(firewall.droplet_ids),
        "tags": list(firewall.tags),
        "pending_changes": pending,
    }


def _checked(call: Call, firewall: Firewall) -> Firewall:
    """The firewall again if the account may have it so."""
    if len(firewall.inbound_rules) + len(firewall.outbound_rules) > _MOST_RULES:
        raise unprocessable(f"a firewall may have at most {_MOST_RULES} rules")
    if not firewall.inbound_rules and not firewall.outbound_rules:
        raise unprocessable("a firewall must have at least one rule")
    if len(firewall.droplet_ids) > _MOST_DROPLETS:
        raise unprocessable(f"a firewall may be put on at most {_MOST_DROPLETS} droplets")
    if len(firewall.tags) > _MOST_TAGS:
        raise unprocessable(f"a firewall may be put on at most {_MOST_TAGS} tags")
    for number in firewall.droplet_ids:
        if number not in call.account.droplets:
            raise unprocessable(f"droplet {number} does not exist")
    tags.must_exist(call.account, firewall.tags)
    return firewall


def _from_body(call: Call, firewall_id: str, created_at: str) -> Firewall:
    name = checks.text(call.body, "name")
    if not _NAME.fullmatch(name):
        raise unprocessable("name must begin with a letter or number; then dashes and periods may follow")
    if any(other.name == name and other.id != firewall_id for other in call.account.firewalls.values()):
        raise conflict("duplicate name")
    return _checked(
        call,
        Firewall(
            id=firewall_id,
            name=name,
            created_at=created_at,
            changed=call.world.now(),
            inbound_rules=firewall_rules.read(call.account, call.body, "inbound_rules"),
            outbound_rules=firewall_rules.read(call.account, call.body, "outbound_rules"),
            droplet_ids=checks.numbers(call.body, "droplet_ids"),
            tags=checks.texts(call.body, "tags"),
        ),
    )


def _wanted(call: Call) -> Firewall:
    firewall = call.account.firewalls.get(call.args["firewall"])
    if firewall is None:
        raise not_found("firewall not found")
    return firewall


def _keep(call: Call, firewall: Firewall) -> Answer:
    changed = replace(_checked(call, firewall), changed=call.world.now())
    call.account.firewalls[firewall.id] = changed
    return NO_CONTENT


def _list(call: Call) -> Answer:
    return paged(call, "firewalls", [view(call.world, each) for each in call.account.firewalls.values()])


def _create(call: Call) -> Answer:
    firewall = _from_body(call, "", stamp(call.world.now()))
    firewall = replace(firewall, id=call.world.new_uuid("firewall"))
    call.account.firewalls[firewall.id] = firewall
    return Answer(202, {"firewall": view(call.world, firewall)})


def _get(call: Call) -> Answer:
    return Answer(200, {"firewall": view(call.world, _wanted(call))})


def _replace(call: Call) -> Answer:
    old = _wanted(call)
    firewall = _from_body(call, old.id, old.created_at)
    call.account.firewalls[old.id] = firewall
    return Answer(200, {"firewall": view(call.world, firewall)})


def _delete(call: Call) -> Answer:
    del call.account.firewalls[_wanted(call).id]
    return NO_CONTENT


def _add_droplets(call: Call) -> Answer:
    firewall = _wanted(call)
    numbers = dict.fromkeys((*firewall.droplet_ids, *checks.numbers(call.body, "droplet_ids")))
    return _keep(call, replace(firewall, droplet_ids=tuple(numbers)))


def _remove_droplets(call: Call) -> Answer:
    firewall, gone = _wanted(call), checks.numbers(call.body, "droplet_ids")
    return _keep(call, replace(firewall, droplet_ids=tuple(i for i in firewall.droplet_ids if i not in gone)))


def _add_tags(call: Call) -> Answer:
    firewall = _wanted(call)
    names = dict.fromkeys((*firewall.tags, *checks.texts(call.body, "tags")))
    return _keep(call, replace(firewall, tags=tuple(names)))


def _remove_tags(call: Call) -> Answer:
    firewall, gone = _wanted(call), checks.texts(call.body, "tags")
    return _keep(call, replace(firewall, tags=tuple(tag for tag in firewall.tags if tag not in gone)))


def _add_rules(call: Call) -> Answer:
    firewall = _wanted(call)
    inbound = firewall_rules.read(call.account, call.body, "inbound_rules")
    outbound = firewall_rules.read(call.account, call.body, "outbound_rules")
    changed = replace(
        firewall,
        inbound_rules=firewall_rules.merged(firewall.inbound_rules, inbound),
        outbound_rules=firewall_rules.merged(firewall.outbound_rules, outbound),
    )
    return _keep(call, changed)


def _remove_rules(call: Call) -> Answer:
    firewall = _wanted(call)
    inbound = firewall_rules.read(call.account, call.body, "inbound_rules")
    outbound = firewall_rules.read(call.account, call.body, "outbound_rules")
    changed = replace(
        firewall,
        inbound_rules=firewall_rules.without(firewall.inbound_rules, inbound),
        outbound_rules=firewall_rules.without(firewall.outbound_rules, outbound),
    )
    return _keep(call, changed)


ROUTES = (
    Route("GET", "/v2/firewalls", _list),
    Route("POST", "/v2/firewalls", _create),
    Route("GET", "/v2/firewalls/{firewall}", _get),
    Route("PUT", "/v2/firewalls/{firewall}", _replace),
    Route("DELETE", "/v2/firewalls/{firewall}", _delete),
    Route("POST", "/v2/firewalls/{firewall}/droplets", _add_droplets),
    Route("DELETE", "/v2/firewalls/{firewall}/droplets", _remove_droplets, reads_body=True),
    Route("POST", "/v2/firewalls/{firewall}/tags", _add_tags),
    Route("DELETE", "/v2/firewalls/{firewall}/tags", _remove_tags, reads_body=True),
    Route("POST", "/v2/firewalls/{firewall}/rules", _add_rules),
    Route("DELETE", "/v2/firewalls/{firewall}/rules", _remove_rules, reads_body=True),
)
