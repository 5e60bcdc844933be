"""Load balancers. They are only kept and shown: no traffic goes through them."""

from dataclasses import replace

from . import checks, vpcs
from .balancer_rules import MOST_RULES, merged, read, settings, without
from .catalog import CLOSED_REGIONS, REGIONS, region_view
from .models import LoadBalancer
from .routing import Call, Route, paged
from .wire import NO_CONTENT, Answer, JsonObject, forbidden, not_found, unprocessable
from .world import OTHER_POOL, Account, stamp


def view(account: Account, balancer: LoadBalancer) -> JsonObject:
    """A load balancer as the API shows it. One with a tag shows the droplets that have the tag."""
    tagged = [
        droplet.id
        for droplet in account.droplets.values()
        if balancer.tag and balancer.tag in droplet.tags and droplet.region == balancer.region
    ]
    return {
        "id": balancer.id,
        "name": balancer.name,
        "ip": balancer.ip if balancer.status == "active" else "",
        "status": balancer.status,
        "created_at": balancer.created_at,
        "region": region_view(balancer.region),
        "vpc_uuid": balancer.vpc_uuid,
        "forwarding_rules": [dict(rule) for rule in balancer.forwarding_rules],
        "tag": balancer.tag,
        "droplet_ids": tagged if balancer.tag else list(balancer.droplet_ids),
        **balancer.settings,
    }


def _wanted(call: Call) -> LoadBalancer:
    balancer = call.account.load_balancers.get(call.args["balancer"])
    if balancer is None:
        raise not_found()
    return balancer


def _idle(call: Call) -> LoadBalancer:
    """The load balancer the path names, if it is in a state to be changed."""
    balancer = _wanted(call)
    if balancer.status != "active":
        raise forbidden("Load Balancer can't be updated while it processes previous actions")
    return balancer


def _place(call: Call) -> tuple[str, str]:
    """The region and the VPC that the body asks for; either may follow from the other."""
    vpc_uuid = checks.text(call.body, "vpc_uuid", default="")
    vpc = call.account.vpcs.get(vpc_uuid)
    if vpc_uuid and vpc is None:
        raise unprocessable("vpc_uuid is not a VPC of your account")
    given = call.body.get("region")
    # Clients send back what they were shown, where the region is an object.
    slug = given.get("slug") if isinstance(given, dict) else given
    region = slug or (vpc.region if vpc else None)
    if not isinstance(region, str) or region not in REGIONS or region in CLOSED_REGIONS:
        raise unprocessable("region is invalid")
    if vpc is not None and vpc.region != region:
        raise unprocessable("the VPC is in another region than the load balancer")
    return region, vpc.id if vpc else ""


def _targets(call: Call, region: str) -> tuple[tuple[int, ...], str]:
    droplet_ids = checks.numbers(call.body, "droplet_ids")
    tag = checks.text(call.body, "tag", default="")
    if tag and droplet_ids:
        raise unprocessable("specify either a tag or droplet_ids, not both")
    if tag and not checks.TAG_PATTERN.fullmatch(tag):
        raise unprocessable("tag has characters that no tag may have")
    _check_droplets(call, droplet_ids, region)
    return droplet_ids, tag


def _check_droplets(call: Call, droplet_ids: tuple[int, ...], region: str) -> None:
    for number in droplet_ids:
        droplet = call.account.droplets.get(number)
        if droplet is None or droplet.region != region:
            raise unprocessable(f"droplet {number} does not exist in the region of the load balancer")


def _checked_name(call: Call, own_id: str) -> str:
    name = checks.text(call.body, "name")
    if not name:
        raise unprocessable("name is required")
    if any(each.name == name and each.id != own_id for each in call.account.load_balancers.values()):
        raise unprocessable("a load balancer with this name already exists in your account")
    return name


def _list(call: Call) -> Answer:
    shown = [view(call.account, balancer) for balancer in call.account.load_balancers.values()]
    return paged(call, "load_balancers", shown)


def _create(call: Call) -> Answer:
    name = _checked_name(call, "")
    rules = read(call.body)
    region, vpc_uuid = _place(call)
    droplet_ids, tag = _targets(call, region)
    kept = settings(call.body)
    vpc = call.account.vpcs.get(vpc_uuid) or vpcs.default_for(call.world, call.account, region)
    inside = kept["network"] == "INTERNAL"
    balancer = LoadBalancer(
        id=call.world.new_uuid("load_balancer"),
        name=name,
        region=region,
        vpc_uuid=vpc.id,
        ip=vpcs.free_private_ips(call.account, vpc, 1)[0] if inside else call.world.public_ip(OTHER_POOL),
        status="new",
        created_at=stamp(call.world.now()),
        forwarding_rules=rules,
        droplet_ids=droplet_ids,
        tag=tag,
        settings=kept,
    )
    balancers = call.account.load_balancers
    balancers[balancer.id] = balancer

    def come_up(_: float) -> None:
        if current := balancers.get(balancer.id):
            balancers[balancer.id] = replace(current, status="active")

    call.world.later(call.account, call.world.timing.boot_seconds, come_up)
    return Answer(202, {"load_balancer": view(call.account, balancer)})


def _get(call: Call) -> Answer:
    return Answer(200, {"load_balancer": view(call.account, _wanted(call))})


def _replace(call: Call) -> Answer:
    """PUT puts the whole body in the old one's place: what is not given goes back to its default."""
    old = _idle(call)
    name = _checked_name(call, old.id)
    droplet_ids, tag = _targets(call, old.region)
    if call.body.get("region") is not None and _place(call)[0] != old.region:
        raise unprocessable("the region of a load balancer can not be changed")
    changed = replace(
        old,
        name=name,
        forwarding_rules=read(call.body),
        droplet_ids=droplet_ids,
        tag=tag,
        settings=settings(call.body),
    )
    call.account.load_balancers[old.id] = changed
    return Answer(200, {"load_balancer": view(call.account, changed)})


def _delete(call: Call) -> Answer:
    del call.account.load_balancers[_wanted(call).id]
    return NO_CONTENT


def _change_droplets(call: Call) -> Answer:
    balancer, given = _idle(call), checks.numbers(call.body, "droplet_ids")
    if balancer.tag:
        raise unprocessable("droplets of a load balancer with a tag follow from the tag")
    if call.args.get("verb") == "remove":
        left = tuple(number for number in balancer.droplet_ids if number not in given)
    else:
        _check_droplets(call, given, balancer.region)
        left = tuple(dict.fromkeys((*balancer.droplet_ids, *given)))
    call.account.load_balancers[balancer.id] = replace(balancer, droplet_ids=left)
    return NO_CONTENT


def _remove_droplets(call: Call) -> Answer:
    return _change_droplets(replace(call, args={**call.args, "verb": "remove"}))


def _add_rules(call: Call) -> Answer:
    balancer = _idle(call)
    rules = merged(balancer.forwarding_rules, read(call.body))
    if len(rules) > MOST_RULES:
        raise unprocessable(f"a load balancer may have at most {MOST_RULES} forwarding rules")
    call.account.load_balancers[balancer.id] = replace(balancer, forwarding_rules=rules)
    return NO_CONTENT


def _remove_rules(call: Call) -> Answer:
    balancer = _idle(call)
    rules = without(balancer.forwarding_rules, read(call.body))
    call.account.load_balancers[balancer.id] = replace(balancer, forwarding_rules=rules)
    return NO_CONTENT


ROUTES = (
    Route("GET", "/v2/load_balancers", _list),
    Route("POST", "/v2/load_balancers", _create),
    Route("GET", "/v2/load_balancers/{balancer}", _get),
    Route("PUT", "/v2/load_balancers/{balancer}", _replace),
    Route("DELETE", "/v2/load_balancers/{balancer}", _delete),
    Route("POST", "/v2/load_balancers/{balancer}/droplets", _change_droplets),
    Route("DELETE", "/v2/load_balancers/{balancer}/droplets", _remove_droplets, reads_body=True),
    Route("POST", "/v2/load_balancers/{balancer}/forwarding_rules", _add_rules),
    Route("DELETE", "/v2/load_balancers/{balancer}/forwarding_rules", _remove_rules, reads_body=True),
)
