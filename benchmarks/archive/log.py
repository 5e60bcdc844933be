"""A cluster's log as the journal would store it, and as a person would export it. Seeded.

200,000 events are four years of a cluster of 77 to some 200 servers on one cloud: 8,600 operations by
people and by an autoscaler, with retries, quotas that are used up, drift, lost servers, new images,
captures. An event is 468 bytes as JSON on average, envelope included, and 245 as it is stored.
`Draw.bits` counts what is random in it, under which no encoding can go: 5.2 bytes an event (provider ids
are UUIDs, times have microseconds, addresses and processes are anything).
"""

import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

import msgspec

from benchmarks.archive.draw import Draw
from benchmarks.archive.life import Life
from kubisnap.engine.domain.events import Recorded
from kubisnap.engine.journal.codec import Codec, StoredRow

SEED = 20230101
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def cluster_id(seed: int = SEED) -> str:
    """Return the id of the cluster whose log it is."""
    return Life(Draw(seed)).cluster.ref.id


def recorded(count: int, seed: int = SEED, draw: Draw | None = None) -> Iterator[Recorded]:
    """Yield the first `count` events in their envelopes."""
    return itertools.islice(Life(draw or Draw(seed)).operations(), count)


def events(count: int, seed: int = SEED, draw: Draw | None = None) -> Iterator[StoredRow]:
    """Yield the first `count` events as they are stored."""
    return map(Codec().encode, recorded(count, seed, draw))


def as_json(rows: Iterable[StoredRow], stream: str) -> Iterator[bytes]:
    """Yield each event as a line of JSON, without its line feed."""
    decode, encode = Codec().decode, msgspec.json.Encoder().encode
    for row in rows:
        item = decode(stream, row)
        yield encode(
            {
                "stream": item.stream,
                "version": item.version,
                "time": (_EPOCH + timedelta(microseconds=item.time)).isoformat(),
                "actor": item.actor,
                "operation": item.operation,
                "cause": item.cause,
                "reason": item.reason,
                "kind": row.tag,
                "schema": item.schema,
                "payload": msgspec.to_builtins(item.event),
            }
        )
