"""What differs between two intents: typed, part by part, and blind to any order that means nothing.

Walks the specs themselves, so that a field which is added to them is compared without a line here.
"""

from collections.abc import Hashable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from .model import (
    ClusterSpec,
    DriftRule,
    FirewallSpec,
    Forward,
    LoadBalancerSpec,
    PoolSpec,
    ReservedIpSpec,
    Spec,
    SshKeySpec,
    SubnetSpec,
    VolumeSpec,
    canonical,
)

KNOWN_BY: Final[Mapping[type[Spec], str]] = {
    SshKeySpec: "name",
    FirewallSpec: "name",
    PoolSpec: "name",
    LoadBalancerSpec: "name",
    VolumeSpec: "name",
    ReservedIpSpec: "name",
    SubnetSpec: "name",
    Forward: "port",
    DriftRule: "kind",
}
"""By which field two parts are the same part. What is not here (rules, taints) is itself or another."""

NOUNS: Final[Mapping[type[Spec], str]] = {
    SshKeySpec: "ssh-key",
    FirewallSpec: "firewall",
    PoolSpec: "pool",
    LoadBalancerSpec: "load-balancer",
    VolumeSpec: "volume",
    ReservedIpSpec: "reserved-ip",
    DriftRule: "drift",
}
"""What a part of the cluster is called; the rest are fields of the part that they are in."""


class Sign(StrEnum):
    """What became of a part or a field."""

    ADDED = "+"
    REMOVED = "-"
    CHANGED = "~"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs. `part` is ``pool workers``, or ``cluster``; `field` is ``size.vcpus`` in it.

    With an empty `field` the whole part is there on one side only. `before` and `after` are values of
    the specs, None where there is none.
    """

    sign: Sign
    part: str
    field: str = ""
    before: Any = None
    after: Any = None


def compare(before: ClusterSpec, after: ClusterSpec) -> tuple[Difference, ...]:
    """Return what differs, in the order of the specification; nothing where the intent is the same."""
    return tuple(_fields("cluster", "", canonical(before), canonical(after)))


def _fields(part: str, path: str, before: Spec, after: Spec) -> Iterator[Difference]:
    for name in before.__struct_fields__:
        inside = f"{path}.{name}" if path else name
        yield from _values(part, inside, getattr(before, name), getattr(after, name))


def _values(part: str, path: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after:
        return
    if isinstance(before, Spec) and isinstance(after, Spec):
        yield from _fields(part, path, before, after)
    elif isinstance(before, dict):
        yield from _named(part, path, before, after)
    elif isinstance(before, tuple) and _known_by(before + after):
        key = _known_by(before + after)
        old, new = ({getattr(item, key): item for item in items} for items in (before, after))
        yield from _named(part, path, old, new)
    elif isinstance(before, tuple):
        yield from (_one_sided(part, path, item, None) for item in before if item not in after)
        yield from (_one_sided(part, path, None, item) for item in after if item not in before)
    else:
        yield Difference(sign=Sign.CHANGED, part=part, field=path, before=before, after=after)


def _known_by(items: tuple[Any, ...]) -> str:
    return KNOWN_BY.get(_type(items[0]), "")


def _type(value: object) -> type[Any]:
    return type(value)


def _named(
    part: str, path: str, before: Mapping[Hashable, Any], after: Mapping[Hashable, Any]
) -> Iterator[Difference]:
    """Compare what is known by a key: what is on both sides field by field."""
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        noun = NOUNS.get(_type(new if old is None else old), "")
        where, inside = (f"{noun} {key}", "") if noun else (part, f"{path}[{key}]")
        if old is None or new is None:
            yield _one_sided(where, inside, old, new)
        elif isinstance(old, Spec):
            yield from _fields(where, inside, old, new)
        else:
            yield from _values(where, inside, old, new)


def _one_sided(part: str, field: str, before: Any, after: Any) -> Difference:
    sign = Sign.ADDED if before is None else Sign.REMOVED
    return Difference(sign=sign, part=part, field=field, before=before, after=after)
