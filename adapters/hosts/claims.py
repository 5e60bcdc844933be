"""Claims: how a machine is taken and given back. One file there says whose it is.

The file is made whole beside its place and linked into it, which the kernel does for one of two that
try at the same time; it is removed only while it holds, to the letter, what was read of it before.
"""

import re
import secrets
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, TypeAlias

import msgspec

from ...engine.domain.model import Role
from ...engine.domain.resources import Kind, Observed, Request, Server
from ...engine.errors import CloudError, Denied, Rejected, Unavailable
from ..ssh.problems import legible
from . import scripts
from .answers import CLOUD, nonsense
from .facts import addresses, lines
from .inventory import Host

MAX_BYTES = 4000
_SSH = 22
VERSION = 1
_Word: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:-]{0,128}\Z")]
_ID = re.compile(r"([a-z0-9][a-z0-9.-]{0,62}):([0-9a-f]{16})")

_FIELDS = ("kubisnap-claim", "folder", "writable", "addresses", "state", "claim")


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says: who has the machine, as which server, and since when.

    `region`, `size` and `image` are what it was taken as. `host` is its name in the inventory: a claim
    that is met on another one came there with a copied disk, or that one is the same machine.
    """

    kubisnap: int
    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
    inventory: _Word
    host: _Word
    cluster: _Word
    cluster_name: _Word
    server: _Word
    logical: _Word
    role: Role
    pool: _Word
    region: _Word
    size: _Word
    image: _Word
    taken: _Word


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a machine's claim. `text` is the file's, empty where there is none.

    `claim` is None where there is none, or where `problem` says why nobody can tell what it says.
    """

    host: Host
    folder: str
    writable: bool
    addresses: tuple[str, ...]
    text: str = ""
    claim: Claim | None = None
    problem: str = ""

    @property
    def free(self) -> bool:
        """Whether nobody has it."""
        return self.claim is None and not self.problem

    def of(self, inventory: str) -> Claim | None:
        """Return the claim if it was made through this inventory, for this host."""
        claim = self.claim
        return claim if claim and (claim.inventory, claim.host) == (inventory, self.host.name) else None

    @property
    def holder(self) -> str:
        """Say for people who has it."""
        if self.claim is None:
            return f"{self.host.name} ({self.problem})"
        return f"{self.host.name} ({self.claim.server})"


def resource_id(host: str, claim: str) -> str:
    """Return the id of a server: the host, and the claim, so that a host that is claimed anew is another."""
    return f"{host}:{claim}"


def parts_of(resource: str) -> tuple[str, str]:
    """Return host and claim of an id, empty texts for what cannot be one."""
    match = _ID.fullmatch(resource)
    return (match[1], match[2]) if match else ("", "")


def taking(host: Host, claim: Claim) -> str:
    """Return the script that claims a host."""
    return scripts.taking(host.claims, claim.id, written(claim))


def releasing(sight: Sight) -> str:
    """Return the script that gives a host back, if its claim is still the one that was seen."""
    return scripts.releasing(sight.host.claims, sight.text)


def written(claim: Claim) -> str:
    """Return a claim as the one line that the file has. Raises `Rejected` for one that is too long."""
    text = msgspec.json.encode(claim).decode()
    if len(text.encode()) > MAX_BYTES:
        raise Rejected(CLOUD, "the names of the cluster and its server are too long for a claim")
    return text


def claim_of(request: Request, server: Server, host: Host, inventory: str, now: float) -> Claim:
    """Return the claim for a request; `now` is in seconds since 1970 UTC."""
    return Claim(
        kubisnap=VERSION,
        id=secrets.token_hex(8),
        inventory=inventory,
        host=host.name,
        cluster=request.cluster.id,
        cluster_name=request.cluster.name,
        server=request.name,
        logical=request.key.name,
        role=server.role,
        pool=server.pool,
        region=server.region,
        size=server.size,
        image=server.image,
        taken=datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def seen(host: Host, answer: bytes) -> Sight:
    """Return what an answer shows. Raises `Rejected` for one that cannot be understood."""
    told = lines(answer, _FIELDS, host.name)
    if told["state"] not in {"free", "held", "hidden"}:
        raise nonsense(told["state"].encode(), host.name)
    folder = legible(told["folder"])
    text = told["claim"].strip() if told["state"] == "held" else ""
    claim, problem = None, ""
    if told["state"] == "hidden":
        problem = f"{folder}/claim.json is there and cannot be read"
    elif told["state"] == "held":
        claim, problem = _parsed(text, f"{folder}/claim.json")
    return Sight(
        host=host,
        folder=folder,
        writable=told["writable"] == "yes",
        addresses=tuple(addresses(told["addresses"])),
        text=text,
        claim=claim,
        problem=problem,
    )


def _parsed(text: str, path: str) -> tuple[Claim | None, str]:
    if len(text.encode()) > MAX_BYTES:
        return None, f"{path} is longer than any claim"
    try:
        claim = msgspec.json.decode(text, type=Claim)
    except (msgspec.DecodeError, RecursionError):
        return None, f"{path} is not a claim that can be understood"
    if claim.kubisnap != VERSION:
        return None, f"{path} was written by another version of kubisnap"
    return claim, ""


def observed(sight: Sight, claim: Claim) -> Observed:
    """Return a claimed host as the engine sees servers."""
    told = {
        "public_ip": sight.host.address,
        "host": sight.host.name,
        "private_ip": _private(sight),
        "ssh_port": "" if sight.host.port == _SSH else str(sight.host.port),
    }
    return Observed(
        kind=Kind.SERVER,
        id=resource_id(sight.host.name, claim.id),
        name=claim.server,
        properties={
            "region": claim.region,
            "size": claim.size,
            "image": claim.image,
            "role": claim.role.value,
            "pool": claim.pool,
        },
        attributes={name: value for name, value in told.items() if value},
    )


def _private(sight: Sight) -> str:
    own = [ip_address(text) for text in sight.addresses]
    return next((str(ip) for ip in own if ip.is_private and str(ip) != sight.host.address), "")


def outcome(host: Host, status: int, answer: bytes, errors: bytes) -> str:
    """Return what became of a command that changes something: ``done``, ``taken``, ``gone`` or ``another``.

    Raises `Denied`, `Unavailable` or `Rejected` for what the host could not do, ambiguous for what
    cannot be understood.
    """
    try:
        word = lines(answer, ("kubisnap-did", "word"), host.name)["word"]
    except CloudError as error:
        told = f"{host.name} was asked, and did not say what it did (exit status {status}): "
        raise Unavailable(CLOUD, told + _why(errors), ambiguous=True) from error
    match word:
        case "done" | "taken" | "gone" | "another":
            return word
        case "readonly":
            raise Denied(
                CLOUD,
                f"{host.user} may not write claims on {host.name}",
                advice=f"let {host.user} write the folder for claims there (docs/hosts.md)",
            )
        case "busy":
            raise Unavailable(CLOUD, f"another claim on {host.name} has not ended")
        case "failed":
            raise Rejected(CLOUD, f"{host.name} could not write its claim: {_why(errors)}")
        case _:
            raise Unavailable(CLOUD, f"{host.name} did something unexpected: {legible(word)}", ambiguous=True)


def _why(errors: bytes) -> str:
    return legible(errors.decode("utf-8", "replace")) or "it does not say why"
