"""Creating droplets: what is checked, what is refused and with which words, and how they come up."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from . import actions, checks, keys, tags, vpcs
from .catalog import CLOSED_REGIONS, REGIONS, SIZES, Image, Size, find_image
from .droplet_view import view
from .models import Droplet, Volume, Vpc
from .routing import Call
from .wire import Answer, JsonObject, unprocessable
from .world import DROPLET_POOL, Account, stamp

_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9.\-]{0,253}[a-zA-Z0-9])?")
_MOST_AT_ONCE = 10
_USER_DATA_LIMIT = 64 * 1024
_DEFAULT_REGION = "nyc3"


@dataclass(frozen=True)
class Order:
    """A create request that has been found good, whatever the number of droplets."""

    region: str
    size: Size
    image: Image
    vpc: Vpc | None
    ssh_keys: tuple[str, ...]
    tags: tuple[str, ...]
    volumes: tuple[Volume, ...]
    features: tuple[str, ...]
    user_data: str
    public: bool
    ipv6: bool


def create(call: Call) -> Answer:
    """`POST /v2/droplets`, with `name` for one or `names` for up to ten. All are made or none."""
    names = _names(call.body)
    order = _order(call)
    if len(call.account.droplets) + len(names) > call.account.droplet_limit:
        raise unprocessable("creating this/these droplet(s) will exceed your droplet limit")
    vpc = order.vpc or vpcs.default_for(call.world, call.account, order.region)
    private_ips = vpcs.free_private_ips(call.account, vpc, len(names))
    tags.ensure(call.account, order.tags)
    made, links = [], []
    single = "names" not in call.body
    for name, private_ip in zip(names, private_ips, strict=True):
        droplet = _make(call, order, vpc, name, private_ip)
        made.append(droplet)
        links.append(_boot(call, droplet, "create" if single else "multiple_create"))
    views = [view(call.account, droplet) for droplet in made]
    body: JsonObject = {"droplet": views[0]} if single else {"droplets": views}
    return Answer(202, {**body, "links": {"actions": links}})


def _names(body: JsonObject) -> tuple[str, ...]:
    given = body["names"] if "names" in body else [body.get("name")]
    if not isinstance(given, list) or not given:
        raise unprocessable("Name can't be blank")
    if len(given) > _MOST_AT_ONCE:
        raise unprocessable(f"You can create at most {_MOST_AT_ONCE} Droplets at once.")
    for name in given:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise unprocessable("Name Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)")
    return tuple(given)


def _order(call: Call) -> Order:
    body = call.body
    vpc = _named_vpc(call)
    region = checks.text(body, "region", default="") or (vpc.region if vpc else _DEFAULT_REGION)
    if region not in REGIONS or region in CLOSED_REGIONS:
        raise unprocessable("You specified an invalid region for Droplet creation.")
    size = SIZES.get(str(body.get("size")))
    if size is None:
        raise unprocessable("You specified an invalid size for Droplet creation.")
    if not size.available or region not in size.regions:
        raise unprocessable("Size is not available in this region.")
    image = find_image(body.get("image"))
    if image is None:
        raise unprocessable("You specified an invalid image for Droplet creation.")
    if size.disk < image.min_disk:
        raise unprocessable("This size is not available because it has a smaller disk than the image needs.")
    if vpc is not None and vpc.region != region:
        raise unprocessable("Failed to resolve VPC: the VPC is in another region than the Droplet.")
    ipv6 = checks.flag(body, "ipv6")
    return Order(
        region=region,
        size=size,
        image=image,
        ssh_keys=_ssh_keys(call),
        tags=tags.valid(checks.texts(body, "tags")),
        volumes=_volumes(call, region),
        features=_features(body, ipv6=ipv6),
        user_data=_user_data(body),
        public=checks.flag(body, "public_networking", default=True),
        ipv6=ipv6,
        vpc=vpc,
    )


def _named_vpc(call: Call) -> Vpc | None:
    identifier = checks.text(call.body, "vpc_uuid", default="")
    if not identifier:
        return None
    vpc = call.account.vpcs.get(identifier)
    if vpc is None:
        raise unprocessable("Failed to resolve VPC")
    return vpc


def _ssh_keys(call: Call) -> tuple[str, ...]:
    given = call.body.get("ssh_keys") or []
    if not isinstance(given, list):
        raise unprocessable("ssh_keys must be a list")
    found = {str(identifier): keys.find(call.account, identifier) for identifier in given}
    unknown = [identifier for identifier, key in found.items() if key is None]
    if unknown:
        raise unprocessable(f"{', '.join(unknown)} are invalid key identifiers for Droplet creation.")
    return tuple(dict.fromkeys(key.fingerprint for key in found.values() if key))


def _volumes(call: Call, region: str) -> tuple[Volume, ...]:
    found = []
    for identifier in checks.texts(call.body, "volumes"):
        volume = call.account.volumes.get(identifier)
        if volume is None or volume.region != region or volume.droplet_id is not None or volume.busy:
            raise unprocessable(f"volume {identifier} can not be attached to this Droplet")
        found.append(volume)
    return tuple(found)


def _features(body: JsonObject, *, ipv6: bool) -> tuple[str, ...]:
    wanted = {
        "backups": checks.flag(body, "backups"),
        "ipv6": ipv6,
        "monitoring": checks.flag(body, "monitoring"),
        "private_networking": True,
        "droplet_agent": checks.flag(body, "with_droplet_agent", default=True),
    }
    return tuple(name for name, given in wanted.items() if given)


def _user_data(body: JsonObject) -> str:
    given = body.get("user_data") or ""
    if not isinstance(given, str) or len(given.encode(errors="surrogatepass")) > _USER_DATA_LIMIT:
        raise unprocessable("User data cannot exceed 64 KiB.")
    return given


def _make(call: Call, order: Order, vpc: Vpc, name: str, private_ip: str) -> Droplet:
    number = call.world.new_int("droplet")
    now = call.world.now()
    droplet = Droplet(
        id=number,
        name=name,
        region=order.region,
        size=order.size.slug,
        disk=order.size.disk,
        image=order.image.id,
        status="new",
        busy=True,
        created=now,
        created_at=stamp(now),
        features=order.features,
        tags=order.tags,
        vpc_uuid=vpc.id,
        private_ip=private_ip,
        public_ip=call.world.public_ip(DROPLET_POOL) if order.public else "",
        public_ipv6=f"2001:db8::{number % 0xFFFF:x}:1" if order.ipv6 else "",
        has_private_ip=False,
        has_public_ip=False,
        ssh_keys=order.ssh_keys,
        user_data=order.user_data,
    )
    call.account.droplets[number] = droplet
    for volume in order.volumes:
        call.account.volumes[volume.id] = replace(volume, droplet_id=number)
    return droplet


def _boot(call: Call, droplet: Droplet, rel: str) -> JsonObject:
    """Let the droplet come up: the private address at half time, then the public one and `active`."""
    change = partial(_change, call.account, droplet.id)
    seconds = call.world.timing.boot_seconds
    call.world.later(call.account, seconds / 2, lambda _: _ignore(change(_with_private_ip)))
    action = actions.start(
        call.world,
        call.account,
        kind="create",
        subject=f"droplet:{droplet.id}",
        region=droplet.region,
        resource=("droplet", droplet.id),
        finish=lambda: change(_up),
        seconds=seconds,
    )
    return actions.link(call, action, rel)


def _change(account: Account, number: int, change: Callable[[Droplet], Droplet]) -> bool:
    """Change a droplet if it is still there."""
    droplet = account.droplets.get(number)
    if droplet is not None:
        account.droplets[number] = change(droplet)
    return droplet is not None


def _with_private_ip(droplet: Droplet) -> Droplet:
    return replace(droplet, has_private_ip=True)


def _up(droplet: Droplet) -> Droplet:
    return replace(droplet, status="active", busy=False, has_private_ip=True, has_public_ip=True)


def _ignore(_: object) -> None:
    """Drop a result nobody waits for."""
