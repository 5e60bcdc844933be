"""The inventory: which machines there are, where, and how to get in. A YAML file that people write.

What is wrong in it is said with line and column. Reading the file is here, reaching a host is not.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from ...engine.domain.catalogue import Region
from ...engine.domain.marked import MAX_BYTES, Marked
from ...engine.domain.model import Role
from ...engine.domain.places import PLACES
from ...engine.domain.validation import Problem, split_message
from ...engine.errors import InvalidInput
from ..ssh.host_keys import HostKey, parse_host_key

SETTING = "KUBISNAP_HOSTS"
MAX_HOSTS = 1000
DEFAULT_SITE = "default"
ADVICE = "docs/hosts.md describes the inventory of hosts and has an example"

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
_ADDRESS = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,63}")
_FOLDER = re.compile(r"(/|~/)[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")

_Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the file."""


class Site(_Part, frozen=True, kw_only=True):
    """Where machines stand: near a place that kubisnap knows, or at degrees north and east."""

    place: str = ""
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None


class Defaults(_Part, frozen=True, kw_only=True):
    """What holds for hosts that do not say otherwise."""

    user: str = ""
    port: _Port = 22
    identity: str = ""
    site: str = ""
    claims: str = ""


class Host(_Part, frozen=True, kw_only=True):
    """A machine. No roles: it takes any. `claims` is the folder for its claim, empty for the usual one."""

    name: str
    address: str
    port: _Port | None = None
    user: str = ""
    site: str = ""
    roles: frozenset[Role] = frozenset()
    host_key: str = ""
    identity: str = ""
    claims: str = ""

    def takes(self, role: Role) -> bool:
        """Return whether it may have the role."""
        return not self.roles or role in self.roles

    @property
    def pinned(self) -> HostKey | None:
        """Return the key that it must show, if the inventory says."""
        return parse_host_key(self.host_key) if self.host_key else None


class Inventory(_Part, frozen=True, kw_only=True):
    """All machines, each with what the defaults give it. `name` is the account: never to be changed."""

    name: str
    hosts: tuple[Host, ...]
    sites: dict[str, Site | str] = {}
    defaults: Defaults = Defaults()
    trust: Literal["recorded", "first-use"] = "recorded"

    def at(self, region: str) -> list[Host]:
        """Return the hosts of a site, in the order of the file."""
        return [host for host in self.hosts if host.site == region]

    def host(self, name: str) -> Host | None:
        """Return the host of that name, or None."""
        return next((host for host in self.hosts if host.name == name), None)

    def regions(self) -> Iterator[Region]:
        """Yield the sites that have hosts, in the order in which they are named."""
        for name in dict.fromkeys(host.site for host in self.hosts):
            site = self.sites.get(name, Site())
            site = Site(place=site) if isinstance(site, str) else site
            point = PLACES.get(site.place, (site.latitude, site.longitude))
            title = f"{name} (near {site.place})" if site.place else name
            yield Region(name=name, title=title, latitude=point[0], longitude=point[1])


def load(path: Path) -> Inventory:
    """Return the inventory in a file. Raises `InvalidInput`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        return parse(data.decode("utf-8"), name=str(path))
    except OSError as error:
        raise InvalidInput(
            SETTING, f"cannot read the inventory {path}: {error.strerror}", advice=ADVICE
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(SETTING, f"the inventory {path} is not text in UTF-8", advice=ADVICE) from error


def parse(text: str, *, name: str) -> Inventory:
    """Return the inventory in a text; `name` is the file's name for messages. Raises `InvalidInput`."""
    marked = Marked(name)
    try:
        content = marked.parse(text, otherwise="an inventory is a mapping: name, hosts and so on")
        if isinstance(hosts := content.get("hosts"), list) and len(hosts) > MAX_HOSTS:
            raise marked.wrong("hosts", f"more than {MAX_HOSTS}")
        inventory = msgspec.convert(content, Inventory)
        for problem in _problems(inventory):
            raise marked.wrong(problem.field, problem.problem)
    except msgspec.ValidationError as error:
        problem = split_message(error)
        raise _advised(marked.wrong(problem.field, problem.problem)) from error
    except InvalidInput as error:
        raise _advised(error) from error
    return _completed(inventory)


def _advised(error: InvalidInput) -> InvalidInput:
    return InvalidInput(error.field, error.problem, error.where, ADVICE)


def _completed(inventory: Inventory) -> Inventory:
    defaults = inventory.defaults
    hosts = tuple(
        msgspec.structs.replace(
            host,
            address=host.address.lower(),
            port=host.port or defaults.port,
            user=host.user or defaults.user,
            site=host.site or defaults.site or DEFAULT_SITE,
            identity=host.identity or defaults.identity,
            claims=host.claims or defaults.claims,
        )
        for host in inventory.hosts
    )
    return msgspec.structs.replace(inventory, hosts=hosts)


def _problems(inventory: Inventory) -> Iterator[Problem]:
    if not _NAME.fullmatch(inventory.name):
        yield Problem("name", f"{inventory.name!r} is not a name: lower-case letters, digits, dots, hyphens")
    if not inventory.hosts:
        yield Problem("hosts", "at least one is needed")
    for name, site in inventory.sites.items():
        yield from _site(f"sites.{name}", name, site)
    yield from _access("defaults", inventory.defaults, inventory)
    for index, host in enumerate(inventory.hosts):
        yield from _host(f"hosts[{index}]", host, inventory)
    yield from _doubled(inventory)


def _site(field: str, name: str, site: Site | str) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        yield Problem(field, f"{name!r} is not a name: lower-case letters, digits, dots, hyphens")
    place = site if isinstance(site, str) else site.place
    if place and place not in PLACES:
        yield Problem(field, f"unknown place {place!r}; known: {', '.join(PLACES)}")
    if isinstance(site, Site) and (site.latitude is None) != (site.longitude is None):
        yield Problem(field, "latitude and longitude go together")
    if isinstance(site, Site) and bool(place) == (site.latitude is not None):
        yield Problem(field, "write a place, or latitude and longitude")


def _host(field: str, host: Host, inventory: Inventory) -> Iterator[Problem]:
    if not _NAME.fullmatch(host.name):
        yield Problem(
            f"{field}.name", f"{host.name!r} is not a name: lower-case letters, digits, dots, hyphens"
        )
    if not _ADDRESS.fullmatch(host.address) and not _is_ip(host.address):
        yield Problem(f"{field}.address", f"{host.address!r} is neither a host name nor an IP address")
    if not host.user and not inventory.defaults.user:
        yield Problem(field, "which user? write it here or under defaults")
    if host.host_key:
        try:
            parse_host_key(host.host_key)
        except ValueError as error:
            yield Problem(f"{field}.host_key", str(error))
    yield from _access(field, host, inventory)


def _access(field: str, part: Host | Defaults, inventory: Inventory) -> Iterator[Problem]:
    if part.user and not _USER.fullmatch(part.user):
        yield Problem(f"{field}.user", f"{part.user!r} is not a user's name")
    if part.site and not _NAME.fullmatch(part.site):
        yield Problem(f"{field}.site", f"{part.site!r} is not a name")
    elif part.site and inventory.sites and part.site not in inventory.sites:
        yield Problem(f"{field}.site", f"{part.site!r} is not among the sites: {', '.join(inventory.sites)}")
    if part.claims and (not _FOLDER.fullmatch(part.claims) or ".." in part.claims.split("/")):
        yield Problem(f"{field}.claims", f"{part.claims!r} is not a folder such as /srv/kubisnap or ~/claims")
    if "\0" in part.identity:
        yield Problem(f"{field}.identity", "is not a file's name")


def _doubled(inventory: Inventory) -> Iterator[Problem]:
    names: dict[str, int] = {}
    places: dict[tuple[str, int], int] = {}
    keys: dict[HostKey, int] = {}
    for index, host in enumerate(inventory.hosts):
        if (first := names.setdefault(host.name, index)) != index:
            yield Problem(f"hosts[{index}].name", f"{host.name!r} is the name of hosts[{first}], too")
        place = (_canonical(host.address), host.port or inventory.defaults.port)
        if (first := places.setdefault(place, index)) != index:
            yield Problem(
                f"hosts[{index}].address", f"{host.address!r} is the address of hosts[{first}], too"
            )
        if host.pinned and (first := keys.setdefault(host.pinned, index)) != index:
            yield Problem(
                f"hosts[{index}].host_key", f"is the key of hosts[{first}], too: is it the same machine?"
            )


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _canonical(address: str) -> str:
    return str(ip_address(address)) if _is_ip(address) else address.lower()
