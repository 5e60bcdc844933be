"""Private networks: their ranges, their members, and each region's default."""

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from itertools import islice

from . import checks
from .catalog import REGIONS
from .models import Vpc
from .routing import Call, Route, paged
from .wire import NO_CONTENT, Answer, JsonObject, forbidden, not_found, unprocessable
from .world import Account, World, stamp

_NAME = re.compile(r"[a-zA-Z0-9\-.]{1,255}")
_PRIVATE = (IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"))
# DigitalOcean keeps these for itself. The first is also flannel's default: a classic collision.
_RESERVED = tuple(
    IPv4Network(text) for text in ("10.244.0.0/16", "10.245.0.0/16", "10.246.0.0/24", "10.229.0.0/16")
)


def view(vpc: Vpc) -> JsonObject:
    """A VPC as the API shows it."""
    return {
        "id": vpc.id,
        "urn": f"do:vpc:{vpc.id}",
        "name": vpc.name,
        "description": vpc.description,
        "region": vpc.region,
        "ip_range": vpc.ip_range,
        "default": vpc.default,
        "created_at": vpc.created_at,
    }


def default_for(world: World, account: Account, region: str) -> Vpc:
    """The region's default VPC; it comes into being with the first resource that needs it."""
    for vpc in account.vpcs.values():
        if vpc.default and vpc.region == region:
            return vpc
    return _add(world, account, f"default-{region}", "", region, _free_range(account), default=True)


def free_private_ips(account: Account, vpc: Vpc, count: int) -> tuple[str, ...]:
    """The lowest addresses of the VPC that nobody has; the first one of all is the gateway's."""
    taken = {droplet.private_ip for droplet in account.droplets.values() if droplet.vpc_uuid == vpc.id}
    taken |= {balancer.ip for balancer in account.load_balancers.values()}
    hosts = islice(IPv4Network(vpc.ip_range).hosts(), 1, None)
    free = tuple(islice((str(host) for host in hosts if str(host) not in taken), count))
    if len(free) < count:
        raise unprocessable("There are not enough IP addresses left in this VPC network.")
    return free


def gateway(vpc: Vpc) -> tuple[str, str]:
    """The VPC's gateway and its netmask."""
    network = IPv4Network(vpc.ip_range)
    return str(network.network_address + 1), str(network.netmask)


def members(account: Account, vpc_id: str) -> list[JsonObject]:
    """Everything that has an address in the VPC, and what has left so lately that it is still counted."""
    droplets = [
        {"name": droplet.name, "urn": f"do:droplet:{droplet.id}", "created_at": droplet.created_at}
        for droplet in account.droplets.values()
        if droplet.vpc_uuid == vpc_id
    ]
    balancers = [
        {"name": balancer.name, "urn": f"do:loadbalancer:{balancer.id}", "created_at": balancer.created_at}
        for balancer in account.load_balancers.values()
        if balancer.vpc_uuid == vpc_id
    ]
    return droplets + balancers + [member for left, member in account.leaving if left == vpc_id]


def _add(
    world: World, account: Account, name: str, description: str, region: str, ip_range: str, *, default: bool
) -> Vpc:
    created_at = stamp(world.now())
    vpc = Vpc(world.new_uuid("vpc"), name, description, region, ip_range, default, created_at)
    account.vpcs[vpc.id] = vpc
    return vpc


def _free_range(account: Account) -> str:
    taken = [IPv4Network(vpc.ip_range) for vpc in account.vpcs.values()] + list(_RESERVED)
    first = int(IPv4Address("10.100.0.0"))
    for step in range(1000):
        network = IPv4Network((first + step * 4096, 20))
        if not any(network.overlaps(other) for other in taken):
            return str(network)
    raise unprocessable("There is no free IP range left in this account.")


def _checked_range(account: Account, text: str) -> str:
    try:
        network = IPv4Network(text)
    except ValueError:
        raise unprocessable(f"ip_range is not a network: {text}") from None
    if not 16 <= network.prefixlen <= 28:
        raise unprocessable("ip_range may not be smaller than /28 nor larger than /16")
    if not any(network.subnet_of(private) for private in _PRIVATE):
        raise unprocessable("ip_range must be in a range of private addresses as defined in RFC1918")
    if any(network.overlaps(reserved) for reserved in _RESERVED):
        raise unprocessable(f"ip_range overlaps with a range reserved by DigitalOcean: {network}")
    for vpc in account.vpcs.values():
        if network.overlaps(IPv4Network(vpc.ip_range)):
            raise unprocessable(
                "This range/size overlaps with another VPC network in your account: "
                f"{vpc.ip_range}. Please choose a different range/size."
            )
    return str(network)


def _checked_name(call: Call, own_id: str) -> str:
    name = checks.text(call.body, "name")
    if not _NAME.fullmatch(name):
        raise unprocessable("name may only contain letters, numbers, dashes, and periods")
    if any(vpc.name == name and vpc.id != own_id for vpc in call.account.vpcs.values()):
        raise unprocessable(f'a VPC with the name "{name}" already exists in your account')
    return name


def _wanted(call: Call) -> Vpc:
    vpc = call.account.vpcs.get(call.args["vpc"])
    if vpc is None:
        raise not_found()
    return vpc


def _list(call: Call) -> Answer:
    return paged(call, "vpcs", [view(vpc) for vpc in call.account.vpcs.values()])


def _create(call: Call) -> Answer:
    name = _checked_name(call, "")
    region = checks.text(call.body, "region")
    if region not in REGIONS:
        raise unprocessable(f"region {region} does not exist")
    description = checks.text(call.body, "description", default="")
    wanted = checks.text(call.body, "ip_range", default="")
    ip_range = _checked_range(call.account, wanted) if wanted else _free_range(call.account)
    vpc = _add(call.world, call.account, name, description, region, ip_range, default=False)
    return Answer(201, {"vpc": view(vpc)})


def _get(call: Call) -> Answer:
    return Answer(200, {"vpc": view(_wanted(call))})


def _update(call: Call) -> Answer:
    vpc = _wanted(call)
    name = _checked_name(call, vpc.id) if call.body.get("name") is not None else vpc.name
    description = checks.text(call.body, "description", default=vpc.description)
    if checks.flag(call.body, "default", default=vpc.default) and not vpc.default:
        for other in tuple(call.account.vpcs.values()):
            if other.region == vpc.region and other.default:
                call.account.vpcs[other.id] = replace(other, default=False)
        vpc = replace(vpc, default=True)
    call.account.vpcs[vpc.id] = replace(vpc, name=name, description=description)
    return Answer(200, {"vpc": view(call.account.vpcs[vpc.id])})


def _replace(call: Call) -> Answer:
    checks.text(call.body, "name")  # PUT needs it, PATCH does not
    return _update(call)


def _delete(call: Call) -> Answer:
    vpc = _wanted(call)
    if vpc.default:
        raise forbidden("Can not delete default VPCs")
    if members(call.account, vpc.id):
        raise forbidden("Can not delete VPC with members")
    del call.account.vpcs[vpc.id]
    return NO_CONTENT


def _members(call: Call) -> Answer:
    kind = call.query.get("resource_type")
    listed = members(call.account, _wanted(call).id)
    shown = [member for member in listed if kind is None or member["urn"].split(":")[1] == kind]
    return paged(call, "members", shown)


ROUTES = (
    Route("GET", "/v2/vpcs", _list),
    Route("POST", "/v2/vpcs", _create),
    Route("GET", "/v2/vpcs/{vpc}", _get),
    Route("PUT", "/v2/vpcs/{vpc}", _replace),
    Route("PATCH", "/v2/vpcs/{vpc}", _update),
    Route("DELETE", "/v2/vpcs/{vpc}", _delete),
    Route("GET", "/v2/vpcs/{vpc}/members", _members),
)
