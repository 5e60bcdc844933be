"""Capture and restore: what goes in, what comes of what comes out, and what an archive may not do."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import Image, NetworkSpec, Placement, PoolSpec, Role, Size, neutral
from kubisnap.engine.domain.state import ClusterState
from kubisnap.engine.errors import (
    AlreadyExists,
    CorruptArchive,
    InvalidInput,
    Locked,
    LogMoved,
    Refused,
    Rejected,
    StoreUnusable,
    UnknownEvent,
)
from kubisnap.engine.journal.codec import Codec, StoredRow
from kubisnap.engine.operations.changing import Prepared
from kubisnap.engine.operations.context import Context
from kubisnap.engine.operations.snapshots import (
    ArchivedCluster,
    Capture,
    Captured,
    Since,
    Written,
    capture,
    prepare_restore,
    unpack,
)
from tests.golden.make_log import recorded
from tests.unit.engine.operations.test_changing import hold
from tests.unit.engine.starters import ENVELOPE
from tests.unit.engine.starters import events as some_events
from tests.unit.engine.world import World, spec

WRITTEN = Written(digest="sha256:00", size=123, file="web.ksnap")


class Shelf:
    """Keeps what was captured."""

    def __init__(self) -> None:
        self.kept: list[Capture] = []

    def write(self, captured: Capture) -> Written:
        self.kept.append(captured._replace(rows=tuple(captured.rows)))
        return WRITTEN

    def rows(self, number: int) -> tuple[StoredRow, ...]:
        """Return the rows of one of the captures."""
        return tuple(self.kept[number].rows)


def captured(world: World, shelf: Shelf, name: str = "web") -> Captured:
    return capture(world.journal, world.state(name), world.context(), shelf.write)


def archived(world: World) -> ArchivedCluster:
    shelf = Shelf()
    captured(world, shelf)
    return unpack("web.ksnap", "sha256:00", shelf.kept[0].rows)


def restore(world: World, archive: ArchivedCluster, *, name: str = "", region: str = "") -> Prepared:
    context: Context = world.context()
    return prepare_restore(world.journal, world.cloud, archive, context, name=name, region=region)


# ── capturing ────────────────────────────────────────────────────────────────────────────────


def test_a_capture_holds_the_log_before_it_and_is_recorded_after_it(world: World) -> None:
    world.create()
    before, shelf = world.journal.rows(world.state().cluster_id), Shelf()
    done = captured(world, shelf)
    (kept,) = shelf.kept
    assert list(kept.rows) == before
    assert (kept.cluster_id, kept.cluster_name) == (world.state().cluster_id, "web")
    assert (kept.first, kept.position, kept.events, kept.since) == (1, len(before), len(before), None)
    assert (done.operation, done.events, done.position) == (2, len(before), len(before))
    (event,) = world.events(ev.SnapshotCaptured)
    assert (event.digest, event.position, event.file) == ("sha256:00", len(before), "web.ksnap")
    assert world.last_outcome().outcome is ev.Outcome.SUCCEEDED
    assert world.state().snapshots == 1
    world.assert_converged()


def test_a_capture_asks_nothing_of_the_cloud(world: World) -> None:
    world.create()
    calls = len(world.cloud.calls)
    world.sandbox.close()
    captured(world, Shelf())
    assert len(world.cloud.calls) == calls


def test_the_second_capture_holds_the_first_ones_record(world: World) -> None:
    world.create()
    shelf = Shelf()
    captured(world, shelf)
    captured(world, shelf)
    assert [row.tag for row in shelf.rows(1)][-3:] == [
        "OperationStarted",
        "SnapshotCaptured",
        "OperationFinished",
    ]
    assert shelf.rows(1)[: len(shelf.rows(0))] == shelf.rows(0)


def since(world: World, shelf: Shelf, number: int = 0, **changes: Any) -> Since:
    """Return what goes on from one of the captures."""
    kept = shelf.kept[number]
    return Since(kept.cluster_id, b"r" * 32, shelf.rows(number)[-1])._replace(**changes)


def test_an_incremental_capture_holds_what_came_after_its_parent(world: World) -> None:
    world.create()
    shelf = Shelf()
    first = captured(world, shelf)
    base = since(world, shelf)
    done = capture(world.journal, world.state(), world.context(), shelf.write, base)
    kept = shelf.kept[1]
    assert (kept.first, kept.since, kept.cluster_id) == (first.position + 1, base, world.state().cluster_id)
    assert [row.tag for row in shelf.rows(1)] == ["OperationStarted", "SnapshotCaptured", "OperationFinished"]
    assert (done.events, done.position) == (3, first.position + 3)
    event = world.events(ev.SnapshotCaptured)[-1]
    assert (event.events, event.parent) == (3, f"sha256:{(b'r' * 32).hex()}")
    assert done.operation == 3


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"cluster_id": "f" * 32}, "is of another cluster"),
        ({"last": StoredRow(40, "StepSucceeded", b"other")}, "tells another history"),
        ({"last": StoredRow(4000, "StepSucceeded", b"other")}, "is newer than the log"),
    ],
)
def test_a_capture_does_not_go_on_from_what_is_not_its_past(
    world: World, changes: dict[str, Any], problem: str
) -> None:
    world.create()
    shelf = Shelf()
    captured(world, shelf)
    position = world.state().position
    with pytest.raises(Refused, match=problem):
        capture(world.journal, world.state(), world.context(), shelf.write, since(world, shelf, **changes))
    assert (len(shelf.kept), world.state().position) == (1, position)


def test_a_capture_is_refused_while_an_operation_runs(world: World) -> None:
    world.create()
    hold(world)
    world.alive = None
    shelf, position = Shelf(), world.state().position
    with pytest.raises(Locked):
        captured(world, shelf)
    assert shelf.kept == []
    assert world.state().position == position
    world.alive = False
    captured(world, shelf)
    assert [row.tag for row in shelf.rows(0)][-1] == "OperationFinished", "never half an operation"


def test_a_capture_that_cannot_be_written_is_not_recorded(world: World) -> None:
    world.create()
    position = world.state().position

    def fail(_: Capture) -> Written:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        capture(world.journal, world.state(), world.context(), fail)
    assert world.state().position == position


def test_a_capture_of_a_log_that_moved_is_told(world: World) -> None:
    world.create()
    state = world.state()
    world.journal.append(state.cluster_id, state.position, some_events(), ENVELOPE)
    with pytest.raises(LogMoved):
        capture(world.journal, state, world.context(), Shelf().write)


def test_nothing_is_not_captured(world: World) -> None:
    shelf = Shelf()
    with pytest.raises(Refused):
        capture(world.journal, ClusterState(), world.context(), shelf.write)
    assert shelf.kept == []


def test_a_file_whose_name_is_no_text_is_written_down(world: World) -> None:
    world.create()
    odd = msgspec.structs.replace(WRITTEN, file="caf\udce9.ksnap")
    capture(world.journal, world.state(), world.context(), lambda _: odd)
    (event,) = world.events(ev.SnapshotCaptured)
    assert event.file == "caf?.ksnap"


def test_a_deleted_cluster_can_be_captured_and_restored(world: World) -> None:
    world.create()
    world.delete()
    world.carry_out(restore(world, archived(world)), ev.OperationKind.RESTORE)
    world.assert_converged()


# ── restoring ────────────────────────────────────────────────────────────────────────────────


def test_a_restored_cluster_means_the_same_and_says_where_it_came_from(world: World) -> None:
    world.create(spec(workers=2))
    source = world.state()
    archive = archived(world)
    world.sandbox.wipe()
    world.carry_out(restore(world, archive, name="again", region="sim-eu-west"), ev.OperationKind.RESTORE)
    state = world.state("again")
    assert neutral(state.spec()) == neutral(source.spec())
    assert state.placement is not None
    assert state.placement.region == "sim-eu-west"
    assert state.cluster_id != source.cluster_id
    assert state.origin == ev.Origin(
        archive="sha256:00",
        cluster_id=source.cluster_id,
        cluster_name="web",
        position=source.position,
    )
    world.assert_converged("again")
    (chosen,) = world.events(ev.TranslationChosen, name="again")
    assert (chosen.cloud, chosen.region) == ("sandbox", "sim-eu-west")


def test_facts_stay_behind(world: World) -> None:
    """No provider id of the old cluster gets into the new one's log."""
    world.create()
    old = {binding.resource_id for binding in world.state().bindings.values()}
    archive = archived(world)
    world.sandbox.wipe()
    world.carry_out(restore(world, archive, name="again"), ev.OperationKind.RESTORE)
    written = b"".join(row.state for row in world.journal.rows(world.state("again").cluster_id))
    assert [name for name in old if name.encode() in written] == []


def test_a_restore_does_not_take_a_name_that_is_held(world: World) -> None:
    world.create()
    archive = archived(world)
    with pytest.raises(AlreadyExists):
        restore(world, archive)
    with pytest.raises(InvalidInput):
        restore(world, archive, name="Not A Name")
    with pytest.raises(InvalidInput):
        restore(world, archive, name="again", region="nowhere")


def test_a_restore_that_fails_leaves_nothing(world: World) -> None:
    world.create()
    archive = archived(world)
    world.delete()
    before = world.dump()
    world.cloud.on("create", before=Rejected("sandbox", "no"), nth=9)
    prepared = restore(world, archive)
    failed = world.failing(lambda: world.carry_out(prepared, ev.OperationKind.RESTORE))
    assert not failed.partial
    assert world.dump() == before
    world.mend()
    world.apply()
    world.assert_converged()


# ── hostile archives ─────────────────────────────────────────────────────────────────────────


def rows_of(*events: ev.AnyEvent) -> list[StoredRow]:
    codec = Codec()
    return [
        codec.encode(
            ev.Recorded(
                stream="",
                version=version,
                time=version,
                actor="mallory",
                operation=1,
                cause=0,
                reason="",
                schema=1,
                event=event,
            )
        )
        for version, event in enumerate(events, start=1)
    ]


def declared(**changes: Any) -> ev.ClusterDeclared:
    values: dict[str, Any] = {
        "cluster_id": "0" * 32,
        "name": "web",
        "kubernetes": "1.34",
        "placement": Placement(cloud="sandbox", region="sim-us-east"),
    }
    return ev.ClusterDeclared(**{**values, **changes})


def pool(**changes: Any) -> ev.ServerPoolDeclared:
    values: dict[str, Any] = {
        "name": "control-plane",
        "role": Role.CONTROL_PLANE,
        "count": 1,
        "size": Size(vcpus=1, memory_mib=1024),
        "image": Image(os="debian-12"),
    }
    return ev.ServerPoolDeclared(pool=PoolSpec(**{**values, **changes}))


def test_a_good_archive_is_unpacked() -> None:
    archive = unpack("good", "sha256:00", rows_of(declared(), pool()))
    assert archive.spec.servers() == ("control-plane-0",)
    assert archive.origin.position == 2


HOSTILE: dict[str, list[ev.AnyEvent]] = {
    "no-pool": [declared()],
    "a name that is a path": [declared(name="../../etc"), pool()],
    "a name that moves the cursor": [declared(name="\x1b[2Jweb"), pool()],
    "an id that is no id": [declared(cluster_id="\x1b]0;owned\x07"), pool()],
    "an id that is too long": [declared(cluster_id="0" * 33), pool()],
    "no id": [declared(cluster_id=""), pool()],
    "a huge pool": [declared(), pool(count=2**62)],
    "a negative pool": [declared(), pool(count=-1)],
    "a pool scaled to the moon": [
        declared(),
        pool(),
        ev.ServerPoolScaled(pool="control-plane", before=1, count=2**62),
    ],
    "a pool that was never declared": [declared(), ev.ServerPoolScaled(pool="x", before=1, count=2)],
    "no place on earth": [
        declared(placement=Placement(cloud="sandbox", latitude=float("nan"), longitude=0.0)),
        pool(),
    ],
    "a network that is none": [
        declared(),
        pool(),
        ev.NetworkDeclared(network=NetworkSpec(cidr="0.0.0.0/0")),
    ],
    "the log of a name": [declared(), pool(), ev.NameClaimed(name="web", cluster_id="0" * 32)],
}


@pytest.mark.parametrize("case", sorted(HOSTILE))
def test_a_log_that_makes_no_sense_is_a_corrupt_archive(case: str) -> None:
    with pytest.raises(CorruptArchive, match="evil"):
        unpack("evil", "sha256:00", rows_of(*HOSTILE[case]))


def test_a_log_that_declares_nothing_is_refused() -> None:
    for rows in ([], rows_of(ev.ClusterRetired())):
        with pytest.raises(Refused, match="holds no cluster"):
            unpack("empty", "sha256:00", rows)


def test_an_archive_of_a_newer_version_says_so() -> None:
    rows = [*rows_of(declared(), pool()), StoredRow(3, "ClusterTeleported", b"\x80")]
    with pytest.raises(UnknownEvent, match="ClusterTeleported"):
        unpack("newer", "sha256:00", rows)


@pytest.mark.parametrize("change", ["gap", "twice", "reversed", "from zero"])
def test_rows_out_of_order_are_a_corrupt_archive(change: str) -> None:
    rows = rows_of(declared(), pool(), ev.ClusterRetired())
    changed = {
        "gap": [rows[0], rows[2]],
        "twice": [rows[0], rows[0], rows[1]],
        "reversed": rows[::-1],
        "from zero": [row._replace(version=row.version - 1) for row in rows],
    }[change]
    with pytest.raises(CorruptArchive):
        unpack("evil", "sha256:00", changed)


_GOLDEN = [Codec().encode(item) for item in recorded() if not item.stream.startswith("name:")]
_TAGS = st.sampled_from([*sorted({row.tag for row in _GOLDEN}), "NameClaimed", "Nonsense"])


def unpacked(rows: list[StoredRow]) -> ArchivedCluster | None:
    try:
        return unpack("evil", "sha256:00", rows)
    except (CorruptArchive, UnknownEvent, Refused):
        return None


@given(rows=st.lists(st.tuples(st.integers(0, 4), _TAGS, st.binary(max_size=60)), max_size=4))
def test_any_rows_are_a_cluster_or_refused(rows: list[tuple[int, str, bytes]]) -> None:
    assert unpacked([StoredRow(*row) for row in rows]) is None


@given(data=st.data())
def test_a_good_log_with_any_byte_changed_is_a_cluster_or_refused(data: st.DataObject) -> None:
    rows = list(_GOLDEN[:40])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(rows) - 1))
        state = bytearray(rows[at].state)
        state[data.draw(st.integers(0, len(state) - 1))] = data.draw(st.integers(0, 255))
        rows[at] = rows[at]._replace(state=bytes(state))
    unpacked(rows)


_VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=20)


@given(data=st.data())
def test_a_good_log_with_any_value_changed_is_a_cluster_or_refused(data: st.DataObject) -> None:
    """Bytes that decode, with values that nobody expects: at any depth of any event."""
    rows = list(_GOLDEN[:18])
    at = data.draw(st.integers(0, len(rows) - 1))
    envelope = msgspec.msgpack.decode(rows[at].state)
    spot, parents = envelope, []
    while isinstance(spot, dict | list) and spot:
        key = data.draw(st.sampled_from(list(spot) if isinstance(spot, dict) else list(range(len(spot)))))
        parents.append((spot, key))
        spot = spot[key]
    parent, key = parents[data.draw(st.integers(0, len(parents) - 1))]
    try:
        parent[key] = data.draw(_VALUES)
        rows[at] = rows[at]._replace(state=msgspec.msgpack.encode(envelope))
    except UnicodeEncodeError:
        return
    unpacked(rows)


def test_capturing_to_a_store_that_is_gone_is_told(new_world: Callable[..., World]) -> None:
    world = new_world()
    world.create()
    state = world.state()
    world.journal.close()
    with pytest.raises(StoreUnusable):
        capture(world.journal, state, world.context(), Shelf().write)
