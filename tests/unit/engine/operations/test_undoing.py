"""Undo, redo and revert: what was declared before is declared again, and made so; the log only grows."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.comparing import compare
from kubisnap.engine.domain.events import OperationKind
from kubisnap.engine.domain.model import ClusterSpec, VolumeSpec, canonical
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.domain.undoing import REVERSALS, Reach, read_past, reversal
from kubisnap.engine.errors import (
    ChangedSince,
    Denied,
    Irreversible,
    Locked,
    LogMoved,
    NotFound,
    NothingToUndo,
    StillUnfinished,
)
from kubisnap.engine.operations.abandoning import carry_out_rollback, prepare_rollback
from kubisnap.engine.operations.changing import carry_out
from kubisnap.engine.operations.snapshots import Written, capture
from kubisnap.engine.operations.undoing import (
    choose_redo,
    choose_revert,
    choose_undo,
    prepare_undo,
    reversal_of,
)
from tests.property.test_operations import changed
from tests.unit.engine.world import World, spec

WRITTEN = Written(digest="sha256:00", size=123, file="web.ksnap")
NO = Denied("sandbox", "no", 403)


@pytest.fixture
def web(world: World) -> World:
    """A world with a cluster of one worker, scaled to three."""
    world.create()
    world.scale(3)
    return world


def workers(world: World) -> int:
    pool = world.state().spec().pool("workers")
    assert pool is not None
    return pool.count


def servers(world: World) -> int:
    return sum(key.kind is Kind.SERVER for key in world.state().bindings)


def started(world: World) -> list[tuple[str, int, str]]:
    return [(event.kind.value, event.of, event.summary) for event in world.events(ev.OperationStarted)]


def with_volume(cluster: ClusterSpec, name: str, gib: int) -> ClusterSpec:
    others = [volume for volume in cluster.volumes if volume.name != name]
    return canonical(msgspec.structs.replace(cluster, volumes=(*others, VolumeSpec(name=name, size_gib=gib))))


def refused(work: Callable[..., Any], *arguments: Any) -> Any:
    """Return the error of something that is refused and changes nothing."""
    with pytest.raises((NothingToUndo, Irreversible, StillUnfinished, ChangedSince, NotFound)) as caught:
        work(*arguments)
    return caught.value


# ── one after the other ──────────────────────────────────────────────────────────────────────


def test_an_undo_brings_back_what_was_declared_and_what_is_there(web: World) -> None:
    before = web.log()
    web.undo()

    assert workers(web) == 1
    web.assert_converged()
    assert web.log()[: len(before)] == before  # history stays
    assert started(web)[-1] == ("undo", 2, "of #2 scale scale")


def test_undo_again_goes_further_back_and_redo_goes_forward(web: World) -> None:
    web.scale(0)
    counts = []
    for step in (web.undo, web.undo, web.redo, web.redo, web.undo):
        step()
        counts.append(workers(web))

    assert counts == [3, 1, 3, 0, 3]
    assert [of for _, of, _ in started(web)] == [0, 0, 0, 3, 2, 5, 4, 3]
    web.assert_converged()


def test_another_change_ends_redo_and_the_undone_operation_is_not_undone_again(web: World) -> None:
    web.undo()
    web.apply(with_volume(web.state().spec(), "more", 5))

    assert "nothing was undone, or something else was changed since" in str(refused(web.redo))
    web.undo()
    assert refused(web.undo).operation_kind == "create"


def test_what_changes_nothing_of_what_is_declared_does_not_count(web: World) -> None:
    web.undo()
    web.sandbox.wipe()
    web.apply()
    capture(web.journal, web.state(), web.context(), lambda _: WRITTEN)

    web.redo()

    assert workers(web) == 3


def test_a_revert_keeps_what_came_later_and_can_be_undone_itself(web: World) -> None:
    web.apply(with_volume(web.state().spec(), "more", 5))
    web.revert(2)

    assert workers(web) == 1
    assert "more" in web.state().volumes
    web.undo()
    assert workers(web) == 3
    assert [kind for kind, _, _ in started(web)] == ["create", "scale", "apply", "revert", "undo"]
    web.assert_converged()


def test_back_to_an_operation_is_over_all_since_and_forward_again_at_once(web: World) -> None:
    web.apply(with_volume(web.state().spec(), "more", 5))
    web.scale(0)
    now = web.state().spec()
    web.undo(to=1)

    assert started(web)[-1] == ("undo", 2, "to #1, back over #4, #3, #2")
    assert (workers(web), "more" in web.state().volumes) == (1, False)
    web.redo()
    assert web.state().spec() == now
    assert started(web)[-1] == ("redo", 5, "of #5 undo to #1")
    web.undo()
    assert workers(web) == 3


def test_to_a_state_that_is_not_further_back_is_a_change_like_any_other(web: World) -> None:
    web.undo()
    web.undo(to=2)

    assert started(web)[-1] == ("undo", 0, "to #2")
    assert workers(web) == 3
    refused(web.redo)
    web.undo()
    assert workers(web) == 1


# ── what did not come about ──────────────────────────────────────────────────────────────────


def test_an_undo_that_failed_is_tried_again_and_does_not_go_further_back(web: World) -> None:
    web.scale(0)
    web.cloud.on("create", Kind.SERVER, before=NO, times=99)
    web.failing(web.undo)
    assert web.last_outcome().outcome is ev.Outcome.ROLLED_BACK
    web.failing(web.undo)
    web.mend()

    web.undo()
    assert workers(web) == 3
    web.redo()
    assert (workers(web), servers(web)) == (0, 1)
    web.undo()
    web.undo()
    assert workers(web) == 1
    assert [of for _, of, _ in started(web)] == [0, 0, 0, 3, 3, 3, 6, 3, 2]


def test_an_undo_that_failed_is_done_when_an_apply_has_made_it_so(web: World) -> None:
    web.scale(0)
    web.cloud.on("create", Kind.SERVER, before=NO, times=99)
    web.failing(web.undo)
    web.mend()
    web.apply()

    web.undo()
    assert workers(web) == 1


def test_an_undo_that_failed_can_be_taken_back(web: World) -> None:
    web.scale(0)
    web.cloud.on("create", Kind.SERVER, before=NO, times=99)
    web.failing(web.undo)
    web.mend()
    web.redo()

    assert workers(web) == 0
    web.assert_converged()
    web.undo()
    assert workers(web) == 3


def test_a_change_that_failed_left_its_intent_and_that_is_undone(web: World) -> None:
    web.cloud.on("create", Kind.SERVER, before=NO, times=99)
    web.failing(lambda: web.scale(5))
    web.mend()
    prepared = prepare_undo(web.journal, web.cloud, web.state(), web.context())

    assert prepared.plan.empty
    assert not prepared.empty
    web.undo()
    assert workers(web) == 3
    web.assert_converged()


def interrupted_undo(world: World) -> None:
    world.scale(0)
    world.cloud.on("create", Kind.SERVER, nth=2, before=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        world.undo()
    world.mend()


def test_what_is_unfinished_comes_first(web: World) -> None:
    interrupted_undo(web)
    for work in (web.undo, web.redo, lambda: web.revert(2), lambda: web.undo(to=1)):
        error = refused(work)
        assert isinstance(error, StillUnfinished)
        assert (error.operation, error.operation_kind) == (4, "undo")


def test_an_abandoned_undo_has_not_been(web: World) -> None:
    interrupted_undo(web)
    prepared = prepare_rollback(web.cloud, web.state(), web.context(), abandon=True)
    carry_out_rollback(
        web.journal, web.cloud, prepared, web.context(), kind=OperationKind.ABANDON, summary="of #4"
    )

    assert workers(web) == 0
    refused(web.redo)
    web.undo()
    assert workers(web) == 3
    web.assert_converged()


def test_an_undo_that_was_gone_on_with_has_been(web: World) -> None:
    interrupted_undo(web)
    web.apply()

    web.assert_converged()
    web.redo()
    assert workers(web) == 0


def test_a_rollback_of_an_unfinished_undo_leaves_it_to_be_tried_again(web: World) -> None:
    interrupted_undo(web)
    prepared = prepare_rollback(web.cloud, web.state(), web.context(), abandon=False)
    carry_out_rollback(
        web.journal, web.cloud, prepared, web.context(), kind=OperationKind.ROLLBACK, summary="of #4"
    )

    web.undo()
    assert workers(web) == 3
    web.assert_converged()


# ── refusals ─────────────────────────────────────────────────────────────────────────────────


def test_a_creation_is_not_undone_and_the_way_back_is_named(world: World) -> None:
    world.create()
    for work in (world.undo, lambda: world.revert(1)):
        error = refused(work)
        assert isinstance(error, Irreversible)
        assert error.hint.startswith("kubisnap delete web ")


def test_a_cluster_that_is_gone_names_its_last_snapshot(web: World) -> None:
    web.delete()
    error = refused(web.undo)

    assert isinstance(error, Irreversible)
    assert (error.operation, error.operation_kind) == (3, "delete")
    assert error.hint.splitlines() == [
        "kubisnap restore snap:latest      makes it anew from its last snapshot",
        "kubisnap fork web --at '#2' --as web-2      makes another one as it was",
    ]


def test_what_there_is_not_is_not_found(web: World) -> None:
    for work in (lambda: web.revert(9), lambda: web.undo(to=9)):
        error = refused(work)
        assert (error.kind, error.name) == ("not-found", "web#9")


def test_what_changed_nothing_is_not_reverted(web: World) -> None:
    web.sandbox.wipe()
    web.apply()

    assert "changed nothing of what is declared" in str(refused(web.revert, 3))
    web.revert(2)
    assert "as it was before already" in str(refused(web.revert, 2))
    assert "as it was after #1" in str(refused(lambda: web.undo(to=1)))


def test_a_field_that_was_changed_again_is_named_with_who_did_it(web: World) -> None:
    web.clock.sleep(3600)
    web.scale(2)
    web.clock.sleep(840)
    web.apply(with_volume(web.state().spec(), "more", 5))
    error = refused(web.revert, 2)

    assert isinstance(error, ChangedSince)
    [again] = error.again
    assert again[:3] == ("pool workers: count", "#3 scale scale", "tester")
    assert again.ago == "14 min ago"
    assert error.hint.startswith("kubisnap revert web#3 ")
    assert workers(web) == 2


def test_what_later_changes_need_is_not_taken_from_them(web: World) -> None:
    """A volume on a server that the operation had added."""
    more = VolumeSpec(name="more", size_gib=5, server="workers-2")
    cluster = web.state().spec()
    web.apply(msgspec.structs.replace(cluster, volumes=(*cluster.volumes, more)))
    error = refused(web.revert, 2)

    assert isinstance(error, ChangedSince)
    assert "what was declared after it needs it" in error.problem
    assert error.later == 3


def test_nobody_undoes_while_somebody_else_is_at_work(web: World) -> None:
    def undo_meanwhile() -> None:
        with pytest.raises(Locked):
            web.undo()

    web.alive = True
    prepared = web.prepare_apply(with_volume(web.state().spec(), "more", 5))
    web.cloud.on("create", Kind.VOLUME, before=undo_meanwhile)
    web.carry_out(prepared, OperationKind.APPLY)
    web.undo()
    assert workers(web) == 3


def test_an_undo_is_bound_to_where_the_log_stood(web: World) -> None:
    prepared = prepare_undo(web.journal, web.cloud, web.state(), web.context())
    web.apply(with_volume(web.state().spec(), "more", 5))

    with pytest.raises(LogMoved):
        carry_out(web.journal, web.cloud, prepared, web.context(), kind=OperationKind.UNDO, summary="")


# ── losses ───────────────────────────────────────────────────────────────────────────────────


def test_every_kind_of_operation_declares_how_far_it_is_undone() -> None:
    assert set(REVERSALS) == set(OperationKind)
    for kind, declared in REVERSALS.items():
        lossy = reversal(kind, loses=True)
        assert (declared.reach is Reach.REVERSIBLE) == (lossy.reach is Reach.WITH_LOSS)
        assert bool(declared.reason) == (declared.reach is not Reach.REVERSIBLE)
        assert bool(declared.way_back) == (declared.reach is Reach.IRREVERSIBLE)


def test_what_a_plan_will_cost_to_undo_is_known_before(web: World) -> None:
    assert (
        reversal_of(web.prepare_apply(with_volume(web.state().spec(), "more", 5))).reach is Reach.REVERSIBLE
    )
    undo = prepare_undo(web.journal, web.cloud, web.state(), web.context())
    assert reversal_of(undo).reach is Reach.WITH_LOSS
    assert reversal_of(web.prepare_delete()).reach is Reach.IRREVERSIBLE
    assert reversal_of(web.prepare_create(spec("other"))).reach is Reach.IRREVERSIBLE


def test_a_volume_that_grew_keeps_its_size_and_the_rest_is_taken_back(web: World) -> None:
    web.apply(changed(web.state().spec(), ports="2222", grow=5, address=False))
    undoing = choose_undo(web.journal, web.state(), web.context())
    web.undo()

    assert undoing.kept == ("volume data keeps its 15 GiB: a volume does not shrink",)
    differences = compare(spec(workers=3), web.state().spec())
    assert {(item.part, item.field) for item in differences if item.part.startswith("volume")} == {
        ("volume data", "size_gib")
    }
    web.assert_converged()
    web.redo()
    assert web.state().firewalls["nodes"].allow[0].ports == "2222"


def test_an_operation_that_only_grew_a_volume_is_not_undone(web: World) -> None:
    cluster = web.state().spec()
    grown = msgspec.structs.replace(cluster.volumes[0], size_gib=15)
    web.apply(msgspec.structs.replace(cluster, volumes=(grown,)))
    error = refused(web.undo)

    assert isinstance(error, Irreversible)
    assert "does not shrink" in error.reason


# ── reading the log ──────────────────────────────────────────────────────────────────────────


def test_what_was_chosen_says_what_it_is_about(web: World) -> None:
    context = web.context()
    undo = choose_undo(web.journal, web.state(), context)
    revert = choose_revert(web.journal, web.state(), context, 2)
    web.undo()
    redo = choose_redo(web.journal, web.state(), context)

    assert [(item.kind.value, item.of) for item in (undo, revert, redo)] == [
        ("undo", 2), ("revert", 2), ("redo", 3),
    ]  # fmt: skip
    assert {str(act) for item in (undo, revert, redo) for act in item.acts} == {"#2 scale scale"}


def test_titles_do_not_grow_with_the_history(web: World) -> None:
    for _ in range(4):
        web.revert(web.state().operations)

    assert started(web)[-1] == ("revert", 5, "of #5 revert of #4")


def test_a_long_log_is_read_with_its_parts_shared(web: World) -> None:
    past = read_past(web.log())
    first, second = past.acts[1], past.acts[2]

    assert second.before is first.after
    assert second.before.network is second.after.network
    assert past.moments[2].undo is not None
    assert past.moments[2].undo.below is past.moments[1].undo
