"""The log of a company: several hundred clusters of very different sizes, interleaved by time. Seeded.

Each cluster's log is one of `benchmarks.archive.log`, with a seed of its own. The largest has about a third
of all events and lives from the first day to the last; the others are born and end in between, and are the
less busy the smaller they are. Robots work on all of them, people on a few.
"""

import heapq
import itertools
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import msgspec

from benchmarks.archive import log
from benchmarks.archive.draw import Draw
from benchmarks.archive.life import PAUSE, START, Life
from kubisnap.engine.domain import events as ev

SEED = 5
BIG = "shop"
LARGEST_BATCH = 64
_EVENTS_OF_AN_OPERATION = 23
_ROBOTS = frozenset({"ci-autoscaler", "ci-deploy", "root"})
_PEOPLE = 400
"""Beside those of the big cluster."""


class Member(NamedTuple):
    """A cluster: its seed, its name, how many events it has, and when it lived (microseconds)."""

    seed: int
    name: str
    events: int
    born: int
    lived: int


def members(count: int) -> list[Member]:
    """Return the clusters that have `count` events together, the largest first."""
    random = Random(SEED)
    others = max(3, min(1200, 30 + count // 3000))
    big = count // 3
    span = big // _EVENTS_OF_AN_OPERATION * PAUSE
    weights = [1 / (rank + 8) ** 0.9 for rank in range(others)]
    sizes = [max(1, int((count - big) * weight / sum(weights))) for weight in weights]
    sizes[0] += count - big - sum(sizes)
    found = [Member(log.SEED, BIG, big, START, span)]
    for rank, size in enumerate(sizes, 1):
        own = size // _EVENTS_OF_AN_OPERATION * PAUSE
        lived = max(own, int(span * random.uniform(0.2, 1)))
        born = START + int(max(0, span - lived) * random.random())
        found.append(Member(log.SEED + rank, f"{random.choice(_NAMES)}-{rank}", size, born, lived))
    return found


_NAMES = ("web", "billing", "search", "etl", "edge", "staging", "lab", "payments", "mail", "ml")


def appends(count: int) -> Iterator[list[ev.Recorded]]:
    """Yield what is appended together, by time: pieces of one operation, a cluster's first with its name."""
    logs = [_pieces(member) for member in members(count)]
    for _, _, piece in heapq.merge(*logs):
        yield piece


def alone(count: int) -> Iterator[list[ev.Recorded]]:
    """Yield the log of one cluster, a thousand events at a time."""
    events = log.recorded(count)
    while piece := list(itertools.islice(events, 1000)):
        yield piece


def _pieces(member: Member) -> Iterator[tuple[int, str, list[ev.Recorded]]]:
    """Yield pieces of one log with their time, and the cluster's id so that no two are alike."""
    random = Random(member.seed)
    events = itertools.groupby(_stamped(member), key=lambda item: item.operation)
    for number, operation in events:
        if number == 1:
            first = list(operation)
            yield first[0].time, first[0].stream, [_claim(member, first[0]), *first]
            continue
        while piece := list(itertools.islice(operation, random.randint(1, LARGEST_BATCH))):
            yield piece[0].time, piece[0].stream, piece


def _claim(member: Member, first: ev.Recorded) -> ev.Recorded:
    event = ev.NameClaimed(name=member.name, cluster_id=first.stream)
    return msgspec.structs.replace(
        first, stream=f"name:{member.name}", version=1, cause=0, schema=event.SCHEMA, event=event
    )


def _stamped(member: Member) -> Iterator[ev.Recorded]:
    """Yield a log of which the pauses between operations are as long as its cluster's life, by its people."""
    own = max(1, member.events // _EVENTS_OF_AN_OPERATION * PAUSE)
    wider = member.lived / own
    random = Random(member.seed)
    people: dict[str, str] = {}
    operation, shift = 0, member.born - START
    last = START
    for item in Life(Draw(member.seed)).operations():
        if item.version > member.events:
            return
        if item.operation != operation:
            operation = item.operation
            shift += int(max(0, item.time - last) * (wider - 1))
        last = item.time
        actor = item.actor
        if member.name != BIG and actor not in _ROBOTS:
            actor = people.setdefault(actor, f"{actor}.{random.randrange(_PEOPLE)}")
        event = item.event
        if isinstance(event, ev.ClusterDeclared):
            event = msgspec.structs.replace(event, name=member.name)
        yield ev.Recorded(
            stream=item.stream,
            version=item.version,
            time=item.time + shift,
            actor=actor,
            operation=item.operation,
            cause=item.cause,
            reason=item.reason,
            schema=item.schema,
            event=event,
        )
