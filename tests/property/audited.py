"""Stores with the logs of several clusters, and a second reading of them: what the audit index must answer.

The second reading knows nothing of the index. It goes through the events one by one.
"""

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.history import OperationView, operations
from kubisnap.engine.domain.model import FirewallSpec, Placement, Protocol, Role, Rule
from kubisnap.engine.domain.resources import Key, Kind, SshKey, Tag
from kubisnap.engine.domain.state import ClusterState
from kubisnap.engine.journal.audit.queries import Query
from kubisnap.engine.journal.codec import Codec
from kubisnap.engine.journal.log import Envelope, Journal
from kubisnap.engine.journal.whole import WholeLog
from tests.property.strategies import events as any_event

CLUSTERS = ("a" * 32, "b" * 32, "c" * 32)
STRANGER = "d" * 32
KINDS_OF_OPERATIONS = ("create", "apply", "undo")
ACTORS = ("ada", "Ada", "Grete Müller", "")
TIMES = (*range(6), -1, 1_700_000_000_000_000)
WORDS = (
    "workers-0",
    "workers",
    "WORKERS",
    "wor*",
    "443",
    "443,",
    "Größe",
    "GRÖSSE",
    "grö*",
    "10.0.0.0/8",
    "10.0.*",
    "stepf*",
    "create",
    "why?",
    "c:1",
    "nowhere",
    "quota*",
    "ssh-ed25519",
)
KEYS = (
    Key(Kind.SERVER, "workers-0"),
    Key(Kind.SERVER, "workers-1"),
    Key(Kind.FIREWALL, "web"),
    Key(Kind.TAG, "cluster"),
)
RESOURCES = (
    *map(str, KEYS),
    "server",
    "firewall",
    "tag",
    "pool/workers",
    "pool",
    "cluster",
    "Server",
    "serve",
    "server/",
)


def _started(kind: str) -> ev.AnyEvent:
    holder = ev.Holder(host="desk-1", pid=443)
    return ev.OperationStarted(kind=ev.OperationKind(kind), summary="Größe 3", holder=holder, tool="t")


_RULE = Rule(protocol=Protocol.TCP, ports="443", sources=("10.0.0.0/8",))
EVENTS: tuple[ev.AnyEvent, ...] = (
    *map(_started, KINDS_OF_OPERATIONS),
    *(ev.OperationFinished(outcome=outcome, error="(quota!)") for outcome in ev.Outcome),
    *(ev.StepStarted(step=step, action="create", key=KEYS[step]) for step in range(3)),
    *(ev.StepSucceeded(step=step, attributes={"größe": "443"}) for step in range(3)),
    *(ev.StepFailed(step=step, error="Rejected", message='"no" quota-left, sorry.') for step in range(2)),
    ev.StepRetried(step=0, attempt=1, error="Unavailable", message="why", wait_ms=5),
    ev.ServerPoolScaled(pool="workers", before=0, count=443),
    ev.PartWithdrawn(part=ev.Part.POOL, name="workers"),
    ev.ClusterRetired(),
    ev.KubernetesVersionDeclared(before="1.33", version="1.34"),
    ev.ClusterDeclared(
        cluster_id=CLUSTERS[0], name="web", kubernetes="1.34", placement=Placement(cloud="s", region="r")
    ),
    ev.FirewallDeclared(firewall=FirewallSpec(name="web", role=Role.WORKER, allow=(_RULE,))),
    *(
        ev.ResourceProvisioned(
            step=0,
            key=key,
            resource_id="443",
            provider_name="p",
            cloud="s",
            account="",
            region="r",
            resource=Tag() if key.kind is Kind.TAG else SshKey(public_key="ssh-ed25519 AAAA grete@Größe"),
            adopted=key.kind is Kind.TAG,
        )
        for key in KEYS
    ),
    ev.ResourceDestroyed(step=0, key=KEYS[0], resource_id="443"),
    ev.LeaseRenewed(),
)


# ── stores ───────────────────────────────────────────────────────────────────────────────────


class Write(NamedTuple):
    """Events that go to a cluster's log together, and how: appended, or from elsewhere."""

    cluster: str
    events: tuple[ev.AnyEvent, ...]
    envelope: Envelope
    way: str


def scripted(random: Random, count: int) -> list[Write]:
    """Return what is written to a store, many operations of several clusters at the same time."""
    lengths, starts = Counter[str](), defaultdict[str, list[tuple[int, ev.StepStarted]]](list)
    return [_write(random, lengths, starts) for _ in range(count)]


def _write(
    random: Random, lengths: Counter[str], starts: dict[str, list[tuple[int, ev.StepStarted]]]
) -> Write:
    cluster = random.choice(CLUSTERS)
    events = random.choices(EVENTS, k=random.choice((1, 1, 2, 3, 5)))
    operation, cause = (
        random.choice((1, 2, 3, 4, 5, 6, 7, 8)),
        random.choice((0, 0, -1, lengths[cluster] + 2)),
    )
    if starts[cluster] and random.random() < 0.5:  # what came of a step
        cause, start = random.choice(starts[cluster])
        events[0] = random.choice(
            (
                ev.StepSucceeded(step=start.step),
                ev.StepFailed(step=start.step, error="Rejected", message="quota"),
                ev.StepRetried(step=start.step, attempt=1, error="", message="", wait_ms=5),
            )
        )
        operation = random.choice((start.step + 1, operation))
    elif random.random() < 0.5:
        events[0] = start = random.choice([event for event in EVENTS if isinstance(event, ev.StepStarted)])
        starts[cluster].append((lengths[cluster] + 1, start))
        operation = start.step + 1
    lengths[cluster] += len(events)
    time = random.choice(TIMES)
    reason = random.choice(("", "why 443", "Größe"))
    envelope = Envelope(time, random.choice(ACTORS), operation, reason, cause)
    way = random.choice(("append", "append", "append", "found", "take in"))
    return Write(cluster, tuple(events), envelope, way)


@st.composite
def writes(draw: st.DrawFn) -> list[Write]:
    """Draw what is written to a store.

    By a seed, but for one event that may be any: drawn one by one, logs would be too short to say much.
    """
    random = Random(draw(st.integers(0, 1 << 32)))
    items = scripted(random, draw(st.integers(0, 25)))
    for event in draw(st.lists(any_event, max_size=1)):
        items.append(Write(CLUSTERS[0], (event,), Envelope(3, "ada", 9), "append"))
    return items


def keep(journal: Journal, write: Write) -> None:
    """Do it: a log that is there already cannot be founded, it is appended to."""
    log = journal.read(write.cluster)
    name = f"name-{write.cluster[:4]}"
    if write.way == "found" and not log and journal.claim_of(name) is None:
        journal.found(write.cluster, name, write.events, write.envelope)
    elif write.way == "take in":
        codec, envelope = Codec(), write.envelope
        new = [
            ev.Recorded(
                stream=write.cluster,
                version=version,
                time=envelope.time,
                actor=envelope.actor,
                operation=envelope.operation,
                cause=version - 1 if envelope.cause < 1 else envelope.cause,
                reason=envelope.reason,
                schema=event.SCHEMA,
                event=event,
            )
            for version, event in enumerate(write.events, len(log) + 1)
        ]
        state = ClusterState()
        state.cluster_id, state.name = write.cluster, name
        rows = (*journal.rows(write.cluster), *map(codec.encode, new))
        journal.take_in(WholeLog(rows, state), write.envelope)
    else:
        journal.append(write.cluster, len(log), write.events, write.envelope)


# ── the second reading ───────────────────────────────────────────────────────────────────────

_BETWEEN = re.compile("[\\s\x00-\x1f\x7f\"']+")
_AROUND = "`.,;:!?()[]{}<>“”‘’…"


class Told(NamedTuple):
    """An event with everything that it can be asked for by."""

    position: int
    resource: str
    recorded: ev.Recorded
    operation: OperationView
    first: int


def told(journal: Journal, path: Path) -> list[Told]:
    """Return all events of all clusters in the order of the store, a file."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT originator_id, originator_version, rowid FROM stored_events")
        return told_at(journal, {(stream, version): position for stream, version, position in rows})
    finally:
        connection.close()


def told_at(journal: Journal, positions: Mapping[tuple[str, int], int]) -> list[Told]:
    """Return all events of all clusters, each at its position in the store."""
    found = []
    for cluster in CLUSTERS:
        log = list(journal.stream(cluster))
        views = {view.number: view for view in operations(cluster[:8], log)}
        for item in log:
            view = views[item.operation]
            first = min(positions[cluster, other.version] for other in view.events)
            found.append(Told(positions[cluster, item.version], about(log, item), item, view, first))
    return sorted(found)


def about(log: Sequence[ev.Recorded], item: ev.Recorded) -> str:
    """Return what an event is about, as it is shown."""
    return _shown(_about(log, item))


def _shown(resource: str) -> str:
    """Return it without null characters, which PostgreSQL cannot keep in a text."""
    return resource.replace("\0", "\ufffd")


def _about(log: Sequence[ev.Recorded], item: ev.Recorded) -> str:
    match item.event:
        case ev.StepSucceeded(step=step) | ev.StepFailed(step=step) | ev.StepRetried(step=step):
            cause = log[item.cause - 1] if 0 < item.cause < item.version else None
            if cause is None or cause.operation != item.operation:
                return ""
            match cause.event:
                case ev.StepStarted(step=started, key=key) if started == step:
                    return "/".join(key)
            return ""
        case ev.ServerPoolScaled(pool=name):
            return f"pool/{name}"
        case ev.PartWithdrawn(part=part, name=name):
            return f"{part.value}/{name}"
        case (
            ev.ClusterDeclared()
            | ev.KubernetesVersionDeclared()
            | ev.ClusterRetired()
            | ev.RetirementWithdrawn()
            | ev.DriftPolicyDeclared()
        ):
            return "cluster"
        case event if hasattr(event, "key"):
            return "/".join(event.key)
        case event:
            return _declared(event)


def _declared(event: ev.AnyEvent) -> str:
    """Return the part that an event declares: the one field that it has."""
    kind = type(event).__name__.removesuffix("Declared").removeprefix("Server")
    if not type(event).__name__.endswith("Declared"):
        return ""
    (field,) = event.__struct_fields__
    name = "-".join(re.findall("[A-Z][a-z]+", kind)).lower()
    return f"{name}/{getattr(event, field).name}"


def words(item: ev.Recorded) -> set[str]:
    """Return the words of an event."""
    texts = [type(item.event).__name__, *_texts(item.event)]
    if isinstance(item.event, ev.OperationStarted):
        texts.append(item.reason)
    found = set()
    for piece in (piece for text in texts for piece in _BETWEEN.split(text)):
        whole = piece.casefold().strip(_AROUND)
        found.add(whole[:80])
        # a numeral that is no digit, such as ¼, is taken for a letter
        letters = "".join(letter if letter.isalnum() and not letter.isdecimal() else " " for letter in whole)
        if len(whole) <= 32 or whole.isalpha():
            found.update(run[:80] for run in letters.split() if len(run) > 2)
    return found - {""}


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield str(value)
        case bool() | None:
            return
        case int() | float():
            yield str(value)
        case dict():
            yield from _texts(tuple(value.items()))
        case tuple() | list():
            for item in value:
                yield from _texts(item)
        case msgspec.Struct():
            fields = (getattr(value, name) for name in value.__struct_fields__ if name != "step")
            yield from _texts(tuple(field for field in fields if field != 0))
        case _:
            raise TypeError(value)


def fits(query: Query, item: Told) -> bool:
    """Whether an event is one of those that are asked for."""
    recorded, kind = item.recorded, type(item.recorded.event).__name__
    return (
        (not query.clusters or recorded.stream in query.clusters)
        and (query.since is None or recorded.time >= query.since)
        and (query.until is None or recorded.time <= query.until)
        and (not query.actor or recorded.actor == query.actor)
        and (not query.kind or query.kind in (kind, item.operation.kind))
        and (not query.outcome or query.outcome == item.operation.outcome)
        and (not query.resource or _shown(query.resource) in (item.resource, item.resource.partition("/")[0]))
        and (not query.upto or item.position <= query.upto)
        and (not query.text or _has_all(words(recorded), query.text))
    )


def _has_all(found: set[str], text: str) -> bool:
    return all(_has(found, asked) for asked in _BETWEEN.split(text) if asked.strip(_AROUND))


def _has(found: Iterable[str], asked: str) -> bool:
    text = asked.casefold()
    if text.endswith("*"):
        return any(word.startswith(text.rstrip("*").strip(_AROUND)[:80]) for word in found)
    return text.strip(_AROUND)[:80] in found


def asked(random: Random) -> Query:
    """Return a question: most ask for few things, some for everything at once."""
    often = random.choice((0.0, 0.15, 0.15, 0.3, 0.6))
    kinds = (*KINDS_OF_OPERATIONS, "fork", *sorted({type(event).__name__ for event in EVENTS}))

    def maybe(values: Sequence[Any], nothing: Any = "") -> Any:
        return random.choice(values) if random.random() < often else nothing

    return Query(
        clusters=tuple(random.choices((*CLUSTERS, STRANGER), k=maybe((1, 2, 3), 0))),
        since=maybe(TIMES, None),
        until=maybe(TIMES, None),
        actor=maybe(ACTORS),
        kind=maybe(kinds),
        resource=maybe(RESOURCES),
        outcome=maybe((*map(str, ev.Outcome), "unfinished", "unfinished")),
        text=" ".join(random.choices(WORDS, k=maybe((1, 1, 2), 0))),
        upto=maybe(range(1, 60), 0),
    )


queries = st.integers(0, 1 << 32).map(lambda seed: asked(Random(seed)))


def dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return everything that is in the audit index."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(
            "CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, audit_terms, instance)"
        )
        tables = ["audit_streams", "audit_entries", "audit_operations", "audit_times", "audit_format"]
        found = {name: sorted(connection.execute(f"SELECT * FROM {name}")) for name in tables}
        found["audit_terms"] = sorted(connection.execute("SELECT term, doc FROM temp.vocabulary"))
    finally:
        connection.close()
    return found
