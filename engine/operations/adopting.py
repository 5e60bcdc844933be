"""Adopting drift: the declaration that says what somebody else made of the cluster. Pure."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from ..domain.model import (
    ClusterSpec,
    DriftPolicy,
    FirewallSpec,
    Forward,
    LoadBalancerSpec,
    ReservedIpSpec,
    Rule,
    SshKeySpec,
    VolumeSpec,
)
from ..domain.resources import Kind
from ..domain.validation import problems
from .drift import Drift

_P = TypeVar("_P", SshKeySpec, FirewallSpec, LoadBalancerSpec, VolumeSpec, ReservedIpSpec)


def adopt(
    wanted: ClusterSpec, declared: ClusterSpec, drifts: Sequence[Drift]
) -> tuple[ClusterSpec, list[Drift]]:
    """Return the specification with the drift that is to be adopted, and the drifts as they are treated.

    What has no word in a specification, or would make one that is not valid, is told and left as it
    is. What the operator wants changed just now is not adopted over: it is reverted.
    """
    treated: list[Drift] = []
    spec = wanted
    # the last server of a pool first: only from the end can there be fewer
    for drift in sorted(drifts, key=_last_first):
        if drift.policy is not DriftPolicy.ADOPT:
            treated.append(drift)
            continue
        if _part(wanted, drift) != _part(declared, drift):
            treated.append(
                msgspec.structs.replace(drift, policy=DriftPolicy.REVERT, note="it is declared anew")
            )
            continue
        adopted, problem = _adopted(spec, drift)
        if adopted is None:
            treated.append(drift.to_stay(f"it cannot be adopted: {problem}"))
        else:
            spec = adopted
            treated.append(drift)
    return spec, sorted(treated, key=lambda drift: drift.key)


def _last_first(drift: Drift) -> tuple[str, str, int]:
    kind, (stem, _, ordinal) = drift.key.kind.value, drift.key.name.rpartition("-")
    return (kind, stem, -int(ordinal)) if ordinal.isdecimal() else (kind, drift.key.name, 0)


def _adopted(spec: ClusterSpec, drift: Drift) -> tuple[ClusterSpec | None, str]:
    change = _CHANGES.get(drift.key.kind)
    try:
        adopted = None if change is None else change(spec, drift)
    except msgspec.ValidationError as error:
        return None, f"it has no word for it ({error})"
    if adopted is None:
        return None, "a specification has no word for it"
    for problem in problems(adopted):
        return None, f"{problem.field}: {problem.problem}"
    return adopted, ""


def _after(drift: Drift, field: str) -> Any:
    """Return what the only change is now; None where it is another, or not the only one."""
    return drift.changes[0].after if [change.field for change in drift.changes] == [field] else None


def _firewall(spec: ClusterSpec, drift: Drift) -> ClusterSpec | None:
    rules = _after(drift, "rules")
    if rules is None and not drift.missing:
        return None
    allow = msgspec.convert(rules or (), tuple[Rule, ...])
    return _with(spec, "firewalls", drift, lambda item: msgspec.structs.replace(item, allow=allow))


def _balancer(spec: ClusterSpec, drift: Drift) -> ClusterSpec | None:
    found = _after(drift, "forward")
    if found is None and not drift.missing:
        return None
    forward = msgspec.convert(found or (), tuple[Forward, ...])
    return _with(spec, "load_balancers", drift, lambda item: msgspec.structs.replace(item, forward=forward))


def _volume(spec: ClusterSpec, drift: Drift) -> ClusterSpec | None:
    size = _after(drift, "size_gib")
    if size is None and not drift.missing:
        return None
    return _with(spec, "volumes", drift, lambda item: msgspec.structs.replace(item, size_gib=size))


def _only_gone(field: str) -> "Callable[[ClusterSpec, Drift], ClusterSpec | None]":
    def change(spec: ClusterSpec, drift: Drift) -> ClusterSpec | None:
        return _with(spec, field, drift, lambda item: item) if drift.missing else None

    return change


def _pointed_elsewhere(field: str) -> "Callable[[ClusterSpec, Drift], ClusterSpec | None]":
    def change(spec: ClusterSpec, drift: Drift) -> ClusterSpec | None:
        server = "" if drift.missing else _after(drift, "server")
        if server is None:
            return None
        parts = tuple(
            msgspec.structs.replace(item, server=server) if item.name == drift.key.name else item
            for item in getattr(spec, field)
        )
        return msgspec.structs.replace(spec, **{field: parts})

    return change


def _server(spec: ClusterSpec, drift: Drift) -> ClusterSpec | None:
    """Let its pool have one server less, if it was the last of it."""
    if not drift.missing:
        return None
    pools = tuple(
        msgspec.structs.replace(pool, count=pool.count - 1)
        if pool.count and list(pool.servers())[-1] == drift.key.name
        else pool
        for pool in spec.pools
    )
    return None if pools == spec.pools else msgspec.structs.replace(spec, pools=pools)


def _with(spec: ClusterSpec, field: str, drift: Drift, change: Callable[[_P], _P]) -> ClusterSpec:
    """Change one named part of a specification, or leave it out where it is gone."""
    parts = tuple(
        change(item) if item.name == drift.key.name else item
        for item in getattr(spec, field)
        if not (drift.missing and item.name == drift.key.name)
    )
    return msgspec.structs.replace(spec, **{field: parts})


_CHANGES: dict[Kind, Callable[[ClusterSpec, Drift], ClusterSpec | None]] = {
    Kind.FIREWALL: _firewall,
    Kind.LOAD_BALANCER: _balancer,
    Kind.VOLUME: _volume,
    Kind.VOLUME_ATTACHMENT: _pointed_elsewhere("volumes"),
    Kind.RESERVED_IP: _only_gone("reserved_ips"),
    Kind.RESERVED_IP_ASSIGNMENT: _pointed_elsewhere("reserved_ips"),
    Kind.SSH_KEY: _only_gone("ssh_keys"),
    Kind.SERVER: _server,
}

_PARTS: dict[Kind, str] = {
    Kind.FIREWALL: "firewalls",
    Kind.LOAD_BALANCER: "load_balancers",
    Kind.VOLUME: "volumes",
    Kind.VOLUME_ATTACHMENT: "volumes",
    Kind.RESERVED_IP: "reserved_ips",
    Kind.RESERVED_IP_ASSIGNMENT: "reserved_ips",
    Kind.SSH_KEY: "ssh_keys",
}


def _part(spec: ClusterSpec, drift: Drift) -> Any:
    """Return what a specification says of a resource."""
    if drift.key.kind is Kind.SERVER:
        return [pool.count for pool in spec.pools if drift.key.name.rpartition("-")[0] == pool.name]
    field = _PARTS.get(drift.key.kind)
    return None if field is None else [item for item in getattr(spec, field) if item.name == drift.key.name]
