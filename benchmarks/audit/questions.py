"""What is asked: for each filter many values that are in the store, frequent ones and rare ones. Seeded."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import NamedTuple

import msgspec

from kubisnap.engine.domain.subjects import words
from kubisnap.engine.journal.audit.asking import Audit
from kubisnap.engine.journal.audit.queries import KINDS_OF_OPERATIONS, OUTCOMES, Found, Query

VALUES = 40
_SAMPLES, _AT_ONCE = 200, 25
_ABSENT = ("nobody", "zzz-nowhere", "server/never-0")


class Sample(NamedTuple):
    """Events from all over the store, and how often each value is among them."""

    found: list[Found]
    clusters: Counter[str]
    actors: Counter[str]
    kinds: Counter[str]
    resources: Counter[str]
    words: Counter[str]


def sample(audit: Audit, random: Random) -> Sample:
    """Look at events at random places."""
    found: list[Found] = []
    last = audit.newest()
    for _ in range(_SAMPLES):
        found += audit.after(Query(), random.randrange(last), limit=_AT_ONCE)
    everything = Sample(found, Counter(), Counter(), Counter(), Counter(), Counter())
    for item in found:
        everything.clusters[item.recorded.stream] += 1
        everything.actors[item.recorded.actor] += 1
        everything.kinds[type(item.recorded.event).__name__] += 1
        if item.resource:
            everything.resources[item.resource] += 1
        everything.words.update(sorted(filter(str.isascii, words(item.recorded))))
    return everything


def values(counted: Counter[str], random: Random, count: int = VALUES) -> list[str]:
    """Return the most frequent values, and as many of all the others."""
    often = [value for value, _ in counted.most_common(count // 2)]
    others = [value for value in counted if value not in often]
    return [*often, *random.sample(others, min(len(others), count - len(often)))]


def questions(seen: Sample, random: Random) -> dict[str, list[Query]]:
    """Return the questions, by filter."""
    actors, kinds = values(seen.actors, random), values(seen.kinds, random)
    clusters, resources = values(seen.clusters, random), values(seen.resources, random)
    long = Counter({word: count for word, count in seen.words.items() if len(word) > 3})
    common = [word for word, _ in long.most_common(VALUES)]
    seldom = random.sample([word for word, count in long.items() if count == 1], VALUES)
    spans = _spans(seen.found, random)
    return {
        "nothing": [Query()],
        "cluster": [Query(clusters=(value,)) for value in clusters],
        "time": spans,
        "actor": [Query(actor=value) for value in (*actors, _ABSENT[0])],
        "kind of event": [Query(kind=value) for value in kinds],
        "kind of operation": [Query(kind=value) for value in sorted(KINDS_OF_OPERATIONS)],
        "kind of resource": [
            Query(resource=value) for value in sorted({item.partition("/")[0] for item in seen.resources})
        ],
        "resource": [Query(resource=value) for value in (*resources, _ABSENT[2])],
        "outcome": [Query(outcome=value) for value in OUTCOMES],
        "word, common": [Query(text=value) for value in common],
        "word, rare": [Query(text=value) for value in (*seldom, _ABSENT[1])],
        "two words": [
            *(Query(text=" ".join(random.sample(common, 2))) for _ in range(VALUES // 2)),
            *(Query(text=f"{random.choice(common)} {value}") for value in seldom[: VALUES // 2]),
        ],
        "beginning": [
            Query(text=f"{_beginning(value, random)}*")
            for value in (*common[: VALUES // 2], *seldom[: VALUES // 2])
        ],
        **_combined(seen, spans, common, random),
    }


def _beginning(value: str, random: Random) -> str:
    """Return the first three letters of a word or more, not one that ends in punctuation."""
    for length in range(random.randint(3, max(3, len(value) - 1)), len(value)):
        if value[length - 1].isalnum():
            return value[:length]
    return value


def _combined(
    seen: Sample, spans: Sequence[Query], common: Sequence[str], random: Random
) -> dict[str, list[Query]]:
    """Return questions with several filters at once, of values that need not occur together."""
    pick: Callable[[Iterable[str]], str] = lambda many: random.choice(list(many))  # noqa: E731
    events = [random.choice(seen.found) for _ in range(VALUES)]
    return {
        "cluster, actor, time": [
            msgspec.structs.replace(span, clusters=(item.recorded.stream,), actor=item.recorded.actor)
            for item, span in zip(events, spans, strict=True)
        ],
        "kind of event, word, actor": [
            Query(kind=pick(seen.kinds), text=pick(common), actor=pick(seen.actors)) for _ in range(VALUES)
        ],
        "cluster, resource, outcome": [
            Query(
                clusters=(item.recorded.stream,),
                resource=item.resource or pick(seen.resources),
                outcome=pick(OUTCOMES),
            )
            for item in events
        ],
        "kind of operation, resource, time": [
            msgspec.structs.replace(
                span, kind=pick(sorted(KINDS_OF_OPERATIONS)), resource=pick(seen.resources)
            )
            for span in spans
        ],
    }


def _spans(found: Sequence[Found], random: Random) -> list[Query]:
    """Return times: from a moment on, up to a moment, and between two, from a minute to years."""
    times = sorted(item.recorded.time for item in found)
    spans = []
    for number in range(VALUES):
        first = random.choice(times)
        length = int(60_000_000 * 10 ** random.uniform(0, 6))
        since = first if number % 3 != 1 else None
        until = None if number % 3 == 0 else first + length
        spans.append(Query(since=since, until=until))
    return spans
