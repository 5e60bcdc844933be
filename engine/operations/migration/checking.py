"""Preflight: whether a migration can succeed, as far as can be known without changing anything. Pure.

What is needed comes from the plan's steps, what there is from the target's catalogue and allowance.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Final

import msgspec

from ...domain.catalogue import Catalogue
from ...domain.cluster import ClusterState
from ...domain.resources import Kind, Server, Volume
from ...ports import Allowance
from ..steps import Action, Plan, Step


class Level(StrEnum):
    """What a finding means for the migration."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing is in the way."""
    FAIL = "fail"
    """It would not succeed."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: `about` it in a word, and what was found."""

    level: Level
    about: str
    text: str


SECONDS: Final[Mapping[Kind, int]] = {Kind.SERVER: 60, Kind.LOAD_BALANCER: 120, Kind.VOLUME: 10}
"""How long making something takes where a cloud's catalogue does not say; the rest takes a few seconds."""

_FEW_SECONDS: Final = 3


def findings(
    plan: Plan, catalogue: Catalogue, allowance: Allowance, source: ClusterState
) -> tuple[Finding, ...]:
    """Return everything that was found, in the order in which to read it."""
    return tuple(
        item
        for group in (
            _permissions(allowance),
            _quotas(plan, catalogue, allowance),
            _versions(source),
            _drift(source),
        )
        for item in group
    )


def needs(plan: Plan, catalogue: Catalogue) -> dict[str, int]:
    """Return how many of each counted thing a plan makes, under the names of `Allowance.rooms`."""
    wanted: Counter[str] = Counter()
    for step in plan.steps:
        if step.action is not Action.CREATE or step.resource is None:
            continue
        wanted[step.key.kind.value] += 1
        if isinstance(step.resource, Volume):
            wanted["volume-gib"] += step.resource.size_gib
        size = catalogue.size(step.resource.size) if isinstance(step.resource, Server) else None
        if size is not None:
            wanted["vcpu"] += size.vcpus
            wanted["memory-mib"] += size.memory_mib
    return dict(wanted)


def estimate(plan: Plan, catalogue: Catalogue) -> int:
    """Return the seconds that a plan takes, about: its longest chain of steps, all else beside it."""
    steps = {step.id: step for step in plan.steps}

    @cache
    def until(number: int) -> int:
        step = steps[number]
        return _seconds(step, catalogue) + max(map(until, step.after), default=0)

    return max(map(until, sorted(steps)), default=0)


def _seconds(step: Step, catalogue: Catalogue) -> int:
    kind = step.key.kind
    return catalogue.seconds.get(kind, SECONDS.get(kind, _FEW_SECONDS))


def failed(found: Iterable[Finding]) -> tuple[str, ...]:
    """Return what is in the way."""
    return tuple(item.text for item in found if item.level is Level.FAIL)


def _permissions(allowance: Allowance) -> Iterator[Finding]:
    for text in allowance.denied:
        yield Finding(level=Level.FAIL, about="permissions", text=f"the credentials may not: {text}")
    for text in allowance.unasked:
        yield Finding(level=Level.NOTE, about="not asked", text=text)
    if not allowance.denied and not allowance.unasked:
        yield Finding(level=Level.OK, about="permissions", text="nothing that is needed is denied")


def _quotas(plan: Plan, catalogue: Catalogue, allowance: Allowance) -> Iterator[Finding]:
    wanted = needs(plan, catalogue)
    enough = []
    for name, room in sorted(allowance.rooms.items()):
        count = wanted.get(name, 0)
        if count > room.left:
            text = f"{name}: {count} wanted, {room.left} left of {room.limit} ({room.used} in use)"
            yield Finding(level=Level.FAIL, about="quota", text=text)
        elif count:
            enough.append(f"{name} {count} of {room.left} left")
    if enough:
        yield Finding(level=Level.OK, about="quota", text=", ".join(enough))
    unknown = sorted(
        kind for kind in (Kind.SERVER, Kind.VOLUME) if kind in wanted and kind not in allowance.rooms
    )
    if unknown:
        text = f"{catalogue.cloud} does not tell how many there may be of: {', '.join(unknown)}"
        yield Finding(level=Level.NOTE, about="quota", text=text)


def _versions(source: ClusterState) -> Iterator[Finding]:
    systems = sorted({pool.image.os for pool in source.pools.values()})
    text = f"{', '.join(systems)} is there; Kubernetes {source.kubernetes} is declared, and not installed"
    yield Finding(level=Level.OK, about="versions", text=text)


def _drift(source: ClusterState) -> Iterator[Finding]:
    if source.drifted:
        names = ", ".join(str(key) for key in sorted(source.drifted))
        text = f"what is declared is moved, not what somebody changed at the source: {names}"
        yield Finding(level=Level.NOTE, about="drift", text=text)
