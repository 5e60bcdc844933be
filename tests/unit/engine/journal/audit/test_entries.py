"""What the index keeps of each event, and when it refuses to go on."""

import msgspec
import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.history import OperationView, operations
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.errors import DamagedIndex
from kubisnap.engine.journal.audit import entries
from kubisnap.engine.journal.audit.entries import (
    BeyondTheEnd,
    IndexBehind,
    Indexer,
    Written,
    packed,
    unpacked,
)
from kubisnap.engine.journal.audit.queries import Query
from kubisnap.engine.journal.codec import Codec, StoredRow
from kubisnap.engine.journal.log import Envelope, Journal
from tests.unit.engine.journal.audit.stories import SHOP, WEB, furnish, started
from tests.unit.engine.starters import ENVELOPE

SERVER, VOLUME = Key(Kind.SERVER, "workers-0"), Key(Kind.VOLUME, "data")
CODEC = Codec()


class Memory:
    """A store in memory: what was indexed is known."""

    def __init__(self) -> None:
        self.heads: dict[tuple[str, int], bytes | None] = {}
        self.numbers: dict[str, int] = {}
        self.told: dict[tuple[str, int], Written] = {}
        self.events: dict[tuple[str, int], ev.Recorded] = {}

    def head(self, stream: str, version: int) -> bytes:
        if (stream, version) not in self.heads:
            raise BeyondTheEnd(f"event {version} of {stream}")
        found = self.heads[stream, version]
        if found is None:
            raise IndexBehind(f"event {version} of {stream}")
        return found

    def number(self, stream: str) -> int:
        return self.numbers.setdefault(stream, len(self.numbers) + 1)

    def operation(self, stream: str, number: int) -> Written | None:
        return self.told.get((stream, number))

    def event(self, stream: str, version: int) -> ev.Recorded | None:
        return self.events.get((stream, version))


def at(first: int, items: list[tuple[ev.Recorded, StoredRow]]) -> list[tuple[int, ev.Recorded, StoredRow]]:
    """Give the events their positions in the store, one after the other."""
    return [(position, *pair) for position, pair in enumerate(items, first)]


def item(
    event: ev.AnyEvent, version: int, *, cause: int = 0, operation: int = 1, stream: str = WEB
) -> tuple[ev.Recorded, StoredRow]:
    recorded = ev.Recorded(stream, version, version * 10, "ada", operation, cause, "", event.SCHEMA, event)
    return recorded, CODEC.encode(recorded)


START = ev.StepStarted(step=1, action="create", key=SERVER)
OTHER = ev.StepStarted(step=2, action="create", key=VOLUME)
OUTCOMES = (
    ev.StepSucceeded(step=1),
    ev.StepFailed(step=1, error="Rejected", message=""),
    ev.StepRetried(step=1, attempt=1, error="Unavailable", message="", wait_ms=1),
)


# ── what an event is about ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_came_of_a_step_is_about_what_the_step_was_about(outcome: ev.AnyEvent) -> None:
    batch = Indexer(Memory()).index(at(1, [item(START, 1), item(OTHER, 2), item(outcome, 3, cause=1)]))
    assert [entry.resource for entry in batch.entries] == [
        "server/workers-0",
        "volume/data",
        "server/workers-0",
    ]
    assert "(r:server/workers-0" in batch.terms[2][1].split()


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_step_that_began_long_ago_is_asked_of_the_store(outcome: ev.AnyEvent) -> None:
    memory = Memory()
    memory.events[WEB, 1] = item(START, 1)[0]
    memory.heads[WEB, 8] = bytes(32)
    (entry,) = Indexer(memory).index(at(9, [item(outcome, 9, cause=1)])).entries
    assert entry.resource == "server/workers-0"


def test_many_steps_at_once_are_still_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "_CAUSES", 3)
    steps = range(1, 21)
    keys = [Key(Kind.SERVER, f"workers-{step}") for step in steps]
    items = [
        item(ev.StepStarted(step=step, action="create", key=key), step)
        for step, key in zip(steps, keys, strict=True)
    ]
    items += [item(ev.StepSucceeded(step=step), 20 + step, cause=step) for step in steps]
    memory = Memory()
    memory.events = {(recorded.stream, recorded.version): recorded for recorded, _ in items}
    found = [entry.resource for entry in Indexer(memory).index(at(1, items)).entries]
    assert found == [*map(str, keys)] * 2


@pytest.mark.parametrize(
    ("cause", "operation", "step"),
    [(0, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2), (3, 1, 1), (4, 1, 1), (-1, 1, 1), (99, 1, 1)],
    ids=[
        "none",
        "no start",
        "another operation",
        "another step",
        "itself",
        "what follows",
        "negative",
        "none yet",
    ],
)
def test_an_outcome_whose_step_is_not_to_be_found_is_about_nothing(
    cause: int, operation: int, step: int
) -> None:
    memory = Memory()
    items = [
        item(START, 1),
        item(ev.LeaseRenewed(), 2),
        item(ev.StepSucceeded(step=step), 3, cause=cause, operation=operation),
        item(START, 4),
    ]
    memory.events = {(recorded.stream, recorded.version): recorded for recorded, _ in items}
    assert Indexer(memory).index(at(1, items)).entries[2].resource == ""


def test_a_cause_that_lies_ahead_means_nothing_now_or_when_the_index_is_made_anew(journal: Journal) -> None:
    """It may have come with an archive."""
    journal.append(WEB, 0, [ev.StepSucceeded(step=1)], Envelope(1, "ada", 1, cause=2))
    journal.append(WEB, 1, [START], ENVELOPE)
    assert journal.audit_differences() == []
    assert journal.audit.about(WEB, "server") == journal.audit.about(WEB, "server/workers-0")
    assert [found.recorded.version for found in journal.audit.about(WEB, "server")] == [2]


# ── operations, times, names ─────────────────────────────────────────────────────────────────


def test_an_operation_goes_by_the_position_of_its_first_event(journal: Journal) -> None:
    furnish(journal)
    page = journal.audit.operations(Query(), limit=10)
    assert [(stream, view.number, view.first, view.last) for stream, view in page.items] == [
        (SHOP, 2, 5, 12),
        (WEB, 2, 5, 12),
        (SHOP, 1, 1, 4),
        (WEB, 1, 1, 4),
    ]
    for stream in (WEB, SHOP):
        told = {view.number: view for view in operations(stream[:8], journal.stream(stream))}
        for number in (1, 2):
            expected = msgspec.structs.replace(told[number], events=[])
            assert journal.audit.operation(stream, number) == expected


def test_operations_that_take_turns_are_kept_apart() -> None:
    items = [
        item(started(ev.OperationKind.CREATE), 1),
        item(started(ev.OperationKind.CREATE), 1, stream=SHOP),
        item(started(ev.OperationKind.UNDO), 2, operation=2),
        item(ev.OperationFinished(outcome=ev.Outcome.FAILED), 3),
        item(ev.LeaseRenewed(), 4, operation=2),
    ]
    batch = Indexer(Memory()).index(at(11, items))
    assert [entry.operation for entry in batch.entries] == [11, 12, 13, 11, 13]
    assert {at: (found.id, found.new, found.view.outcome) for at, found in batch.operations.items()} == {
        (WEB, 1): (11, True, "failed"),
        (SHOP, 1): (12, True, "unfinished"),
        (WEB, 2): (13, True, "unfinished"),
    }


def test_an_operation_that_is_known_goes_on() -> None:
    memory = Memory()
    first = Indexer(memory).index(at(1, [item(started(ev.OperationKind.UNDO), 1)]))
    known = first.operations[WEB, 1]
    memory.told[WEB, 1] = copied(known)
    memory.heads[WEB, 1] = first.entries[0].hash
    second = Indexer(memory).index(at(9, [item(ev.OperationFinished(outcome=ev.Outcome.PARTIAL), 2)]))
    written = second.operations[WEB, 1]
    assert (written.id, written.new) == (1, False)
    assert (written.view.kind, written.view.outcome, written.view.last) == ("undo", "partial", 2)


def copied(written: Written) -> Written:
    return Written(written.id, written.stream, unpacked(packed(written.view), {}, WEB), new=False)


def test_blocks_of_positions_have_an_earliest_and_a_latest_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "BLOCK", 4)
    times = [5, 3, 9, 1, 7, 7]
    items = []
    for version, time in enumerate(times, 1):
        recorded = ev.Recorded(WEB, version, time, "ada", 1, 0, "", 1, ev.LeaseRenewed())
        items.append((recorded, CODEC.encode(recorded)))
    assert Indexer(Memory()).index(at(2, items)).times == {0: (3, 5), 1: (1, 9)}


def test_the_log_of_a_name_is_chained_and_not_searched() -> None:
    claim = ev.NameClaimed(name="web", cluster_id=WEB)
    batch = Indexer(Memory()).index(at(1, [item(claim, 1, stream="name:web")]))
    ((position, time, operation, resource, hashed),) = batch.entries
    assert (position, time, operation, resource) == (1, 10, 0, "")
    assert len(hashed) == 32
    assert (batch.terms, batch.operations) == ([], {})


def test_names_are_in_no_answer(journal: Journal) -> None:
    furnish(journal)
    assert {found.recorded.stream for found in journal.audit.events(Query(), limit=100).items} == {WEB, SHOP}
    assert journal.audit.events(Query(kind="NameClaimed"), limit=100).items == []
    assert journal.audit.events(Query(clusters=("name:web",)), limit=100).items == []


# ── what does not follow ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", [2, 3, 0, -5])
def test_an_event_that_follows_none_is_refused(version: int) -> None:
    with pytest.raises(BeyondTheEnd, match=f"event {version - 1} of {WEB}"):
        Indexer(Memory()).index(at(1, [item(ev.LeaseRenewed(), version)]))


@pytest.mark.parametrize("version", [1, 3, 0])
def test_an_event_that_does_not_follow_the_one_beside_it_is_refused(version: int) -> None:
    with pytest.raises(BeyondTheEnd):
        Indexer(Memory()).index(at(1, [item(ev.LeaseRenewed(), 1), item(ev.LeaseRenewed(), version)]))


def test_an_event_behind_one_that_is_not_in_the_index_is_refused() -> None:
    memory = Memory()
    memory.heads[WEB, 4] = None
    with pytest.raises(IndexBehind, match=f"event 4 of {WEB}"):
        Indexer(memory).index(at(9, [item(ev.LeaseRenewed(), 5)]))


# ── kept operations ──────────────────────────────────────────────────────────────────────────


def view() -> OperationView:
    return OperationView(
        cluster="web",
        number=7,
        kind="undo",
        summary="größe",
        actor="ada",
        reason="",
        started=5,
        left=("server/x",),
        of=3,
        retries=2,
        events=[item(START, 1)[0]],
    )


def test_an_operation_is_kept_without_its_events_and_without_its_clusters_name() -> None:
    kept = unpacked(packed(view()), {WEB: "shop"}, WEB)
    assert kept == msgspec.structs.replace(view(), cluster="shop", events=[])
    assert unpacked(packed(view()), {}, WEB).cluster == WEB[:8]


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x80", b"\x90", packed(view())[:-1], packed(view()) + b"\0"]
)
def test_an_operation_that_cannot_be_read_is_damage_of_the_index(data: bytes) -> None:
    with pytest.raises(DamagedIndex, match=f"an operation of {WEB[:8]} cannot be read"):
        unpacked(data, {}, WEB)
