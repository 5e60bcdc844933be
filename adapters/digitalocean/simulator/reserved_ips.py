"""Reserved IPs, under their own name and under the old one, floating IPs."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address

from . import actions, checks, droplet_view
from .catalog import CLOSED_REGIONS, REGIONS, region_view
from .models import Action, ReservedIp
from .routing import Call, Handler, Route, paged
from .wire import NO_CONTENT, Answer, JsonObject, not_found, unprocessable
from .world import OTHER_POOL, Account


def view(account: Account, reserved: ReservedIp) -> JsonObject:
    """A reserved IP as the API shows it, with the whole droplet it is assigned to."""
    droplet = account.droplets.get(reserved.droplet_id) if reserved.droplet_id else None
    return {
        "ip": reserved.ip,
        "region": region_view(reserved.region),
        "droplet": droplet_view.view(account, droplet) if droplet else None,
        "locked": reserved.busy,
        "project_id": reserved.project_id,
    }


def _wanted(call: Call) -> ReservedIp:
    reserved = call.account.reserved_ips.get(call.args["ip"])
    if reserved is None:
        raise not_found()
    return reserved


def _list(word: str, call: Call) -> Answer:
    shown = [view(call.account, reserved) for reserved in call.account.reserved_ips.values()]
    return paged(call, f"{word}s", shown)


def _create(word: str, call: Call) -> Answer:
    """Reserve one: for a region, or for a droplet and assigned to it straight away."""
    account = call.account
    number = call.body.get("droplet_id")
    if len(account.reserved_ips) >= account.floating_ip_limit:
        raise unprocessable("creating this reserved IP will exceed your reserved IP limit")
    if number is None:
        region = checks.text(call.body, "region")
    else:
        region = account.droplets[_free_droplet(call)].region
    if region not in REGIONS or region in CLOSED_REGIONS:
        raise unprocessable("region is invalid")
    project = checks.text(call.body, "project_id", default="") or account.uuid
    reserved = ReservedIp(call.world.public_ip(OTHER_POOL), region, project, None, busy=False)
    account.reserved_ips[reserved.ip] = reserved
    links: JsonObject = {}
    if number is not None:
        action = _begin(call, reserved, word, "assign")
        droplet_link = {"id": number, "rel": word, "href": f"{call.root}/v2/droplets/{number}"}
        links = {"droplets": [droplet_link], "actions": [actions.link(call, action, "assign_ip")]}
    return Answer(202, {word: view(account, account.reserved_ips[reserved.ip]), "links": links})


def _get(word: str, call: Call) -> Answer:
    return Answer(200, {word: view(call.account, _wanted(call))})


def _delete(_word: str, call: Call) -> Answer:
    reserved = _wanted(call)
    if reserved.busy:
        raise unprocessable("The reserved IP already has a pending event.")
    del call.account.reserved_ips[reserved.ip]
    return NO_CONTENT


def _free_droplet(call: Call) -> int:
    """The droplet the body names, if it can take an address."""
    number = checks.number(call.body, "droplet_id", low=1, high=10**15)
    if number not in call.account.droplets:
        raise unprocessable("The droplet does not exist.")
    if any(reserved.droplet_id == number for reserved in call.account.reserved_ips.values()):
        raise unprocessable("The droplet already has a reserved IP.")
    return number


def _begin(call: Call, reserved: ReservedIp, word: str, kind: str) -> Action:
    account, address = call.account, reserved.ip
    if reserved.busy:
        raise unprocessable("The reserved IP already has a pending event.")
    target: int | None = None
    if kind == "assign":
        target = _free_droplet(call)
        if account.droplets[target].region != reserved.region:
            raise unprocessable("The droplet is in another region than the reserved IP.")
    elif reserved.droplet_id is None:
        raise unprocessable("The reserved IP is not assigned to a droplet.")
    account.reserved_ips[address] = replace(reserved, busy=True)

    def finish() -> bool:
        current = account.reserved_ips.get(address)
        if current is None:
            return False
        reached = target is None or target in account.droplets
        account.reserved_ips[address] = replace(current, busy=False, droplet_id=target if reached else None)
        return reached

    return actions.start(
        call.world,
        account,
        kind=f"{kind}_ip",
        subject=f"ip:{address}",
        region=reserved.region,
        resource=(word, int(IPv4Address(address))),
        finish=finish,
    )


def _act(word: str, call: Call) -> Answer:
    kind = checks.text(call.body, "type")
    if kind not in {"assign", "unassign"}:
        raise unprocessable("type must be assign or unassign")
    reserved = _wanted(call)
    action = _begin(call, reserved, word, kind)
    return Answer(201, {"action": {**actions.view(action), "project_id": reserved.project_id}})


def _list_actions(_word: str, call: Call) -> Answer:
    found = actions.about(call.account, f"ip:{_wanted(call).ip}")
    return paged(call, "actions", [actions.view(action) for action in found])


def _get_action(_word: str, call: Call) -> Answer:
    return actions.one_about(call, f"ip:{_wanted(call).ip}")


_OPERATIONS: tuple[tuple[str, str, Callable[[str, Call], Answer]], ...] = (
    ("GET", "", _list),
    ("POST", "", _create),
    ("GET", "/{ip}", _get),
    ("DELETE", "/{ip}", _delete),
    ("GET", "/{ip}/actions", _list_actions),
    ("POST", "/{ip}/actions", _act),
    ("GET", "/{ip}/actions/{action:int}", _get_action),
)
ROUTES: tuple[Route[Handler], ...] = tuple(
    Route(method, f"/v2/{word}s{rest}", partial(handler, word))
    for word in ("reserved_ip", "floating_ip")
    for method, rest, handler in _OPERATIONS
)
