"""Saved plans: carried out as they are, once, where log, account and cloud are as they were."""

from collections.abc import Callable

import msgspec
import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import CorruptPlan, InvalidInput, KubisnapError, StalePlan, WrongAccount
from kubisnap.engine.operations import saved as module
from kubisnap.engine.operations.changing import Prepared
from kubisnap.engine.operations.saved import load_plan, prepare_saved, save_plan
from tests.unit.engine.world import World, spec, with_count

FILE = "web.plan"


def kept(world: World, prepared: Prepared) -> module.SavedPlan:
    """Send a plan through a file."""
    return load_plan(save_plan(prepared, world.context()), FILE)


def ready(world: World, plan: module.SavedPlan) -> Prepared:
    return prepare_saved(world.journal, world.cloud, plan, world.context(), file=FILE)


def stale(world: World, plan: module.SavedPlan) -> StalePlan:
    before = world.journal.claims(), world.dump()
    with pytest.raises(StalePlan) as caught:
        ready(world, plan)
    assert (world.journal.claims(), world.dump()) == before
    return caught.value


def test_a_plan_for_a_new_cluster_is_carried_out_as_the_cluster_that_it_was_made_for(world: World) -> None:
    plan = kept(world, world.prepare_create())
    prepared = ready(world, plan)
    assert prepared.plan == world.prepare_create().plan
    world.carry_out(prepared, ev.OperationKind.APPLY)
    world.assert_converged()
    assert world.state().cluster_id == plan.cluster_id


def test_a_plan_is_carried_out_once_also_where_there_was_nothing(world: World) -> None:
    plan = kept(world, world.prepare_create())
    world.carry_out(ready(world, plan), ev.OperationKind.APPLY)
    error = stale(world, plan)
    assert (error.made_at, error.now_at) == (0, world.state().position)
    assert [came.what for came in error.between] == ["#1 apply apply"]
    assert [came.actor for came in error.between] == ["tester"]
    world.delete()
    assert [came.what for came in stale(world, plan).between] == ["#1 apply apply", "#2 delete delete"]


def test_two_plans_for_one_name_and_one_of_them_is_carried_out(world: World) -> None:
    first, second = kept(world, world.prepare_create()), kept(world, world.prepare_create())
    assert first.cluster_id != second.cluster_id
    world.carry_out(ready(world, first), ev.OperationKind.APPLY)
    assert [came.what for came in stale(world, second).between] == ["#1 apply apply"]


def test_a_name_that_became_free_again_is_taken_by_a_plan_for_it(world: World) -> None:
    plan = kept(world, world.prepare_create())
    world.create()
    assert stale(world, plan).between
    world.delete()
    world.carry_out(ready(world, plan), ev.OperationKind.APPLY)
    world.assert_converged()


def test_a_plan_for_a_change_is_stale_once_anything_was_recorded(world: World) -> None:
    world.create()
    plan = kept(world, world.prepare_apply(with_count(spec(), 3)))
    again = kept(world, world.prepare_apply(with_count(spec(), 3)))
    world.carry_out(ready(world, plan), ev.OperationKind.APPLY)
    assert len(world.state().spec().servers()) == 4
    for old in (plan, again):
        assert [came.what for came in stale(world, old).between] == ["#2 apply apply"]


def test_a_plan_is_stale_when_the_cloud_would_need_other_steps(world: World) -> None:
    world.create()
    plan = kept(world, world.prepare_apply(with_count(spec(), 2)))
    (server,) = [item for item in world.dump() if "workers-0" in item["name"]]
    world.sandbox.delete(Kind.SERVER, server["id"])
    assert "now also create server/workers-0" in stale(world, plan).reason


def test_a_plan_that_the_cloud_has_caught_up_with_is_stale(world: World) -> None:
    """What was lost when the plan was made is not lost any more, as far as planning can see."""
    world.create()
    (server,) = [item for item in world.dump() if "workers-0" in item["name"]]
    world.sandbox.delete(Kind.SERVER, server["id"])
    plan = kept(world, world.prepare_apply())
    assert [step.key.name for step in plan.plan.steps][:1] == ["workers-0"]
    world.apply()
    assert stale(world, plan).between


def test_an_empty_plan_has_nothing_to_do(world: World) -> None:
    world.create()
    plan = kept(world, world.prepare_apply())
    assert ready(world, plan).empty
    assert plan.prepared().empty


def test_a_plan_for_another_account_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    new = kept(world, world.prepare_create())
    other = msgspec.structs.replace(world.sandbox.account(), id="another")
    with monkeypatch.context() as patch:
        patch.setattr(type(world.sandbox), "account", lambda _: other)
        assert "another" in stale(world, new).reason
    world.create()
    change = kept(world, world.prepare_apply(with_count(spec(), 2)))
    monkeypatch.setattr(type(world.sandbox), "account", lambda _: other)
    with pytest.raises(WrongAccount):
        ready(world, change)


def test_what_it_shows_is_what_was_planned(world: World) -> None:
    world.create()
    for prepared in (world.prepare_apply(with_count(spec(), 3)), world.prepare_apply(with_count(spec(), 0))):
        shown = kept(world, prepared).prepared()
        assert msgspec.json.encode(shown.plan) == msgspec.json.encode(prepared.plan)
        assert (shown.cost_before, shown.cost_after) == (prepared.cost_before, prepared.cost_after)


def test_a_deletion_is_not_saved(world: World) -> None:
    world.create()
    with pytest.raises(InvalidInput, match="towards a declared cluster"):
        save_plan(world.prepare_delete(), world.context())


# ── files from elsewhere ─────────────────────────────────────────────────────────────────────────


def content(world: World) -> bytes:
    return save_plan(world.prepare_create(spec(rich=False)), world.context())


def test_no_byte_can_be_missing_or_another(world: World) -> None:
    whole = content(world)
    for place in range(0, len(whole), 7):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            with pytest.raises((CorruptPlan, InvalidInput)):
                load_plan(damaged, FILE)


def sealed(world: World, change: Callable[[dict[str, object]], object]) -> bytes:
    """Return a file whose digest is right, and whose plan was changed by hand."""
    plan = msgspec.json.decode(content(world))["plan"]
    change(plan)
    inner = msgspec.json.encode(plan)
    return b'{"kubisnap_plan":1,"digest":"%s","plan":%s}' % (module._digest(inner).encode(), inner)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (lambda plan: plan.update(position=-1), "position"),
        (lambda plan: plan.update(position="1"), "int"),
        (lambda plan: plan.update(cluster_id="../../etc"), "its cluster"),
        (lambda plan: plan.update(more=1), "unknown field"),
        (lambda plan: plan.pop("plan"), "missing"),
        (lambda plan: plan["spec"].update(name="\x1b[2J"), "not a name"),
        (lambda plan: plan["spec"].update(pools=[]), "control-plane"),
        (lambda plan: plan.update(intents=[{"event": "Nonsense"}]), "Invalid"),
    ],
)
def test_what_makes_no_plan_is_refused_in_spite_of_its_digest(
    world: World, bad: Callable[[dict[str, object]], object], problem: str
) -> None:
    with pytest.raises(CorruptPlan, match=problem):
        load_plan(sealed(world, bad), FILE)


def test_forged_steps_are_not_carried_out(world: World) -> None:
    """A digest is no signature; planning anew finds out what somebody wrote into the file."""
    world.create(spec("other", rich=False))
    victim = world.state("other").bindings

    def forge(plan: dict[str, object]) -> None:
        steps = plan["plan"]["steps"]  # type: ignore[index]
        (server,) = [key for key in victim if key.name == "workers-0"]
        steps[0].update(action="delete", resource_id=victim[server].resource_id)

    plan = load_plan(sealed(world, forge), FILE)
    assert "now also" in stale(world, plan).reason


@pytest.mark.parametrize(
    "text",
    [b"", b"dear diary\n", b"\x00" * 64, b"KUBISNAP", b"[" * 100_000, b'{"kubisnap": "1.0", "kind": "Plan"}'],
)
def test_another_kind_of_file_is_wrong_input(text: bytes) -> None:
    with pytest.raises(InvalidInput, match="is not a saved plan"):
        load_plan(text, FILE)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b'{"kubisnap_plan":' + b"[" * 100_000, "damaged"),
        (b'{"kubisnap_plan":1,"digest":"","plan":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "damaged"),
        (b'{"kubisnap_plan":1,"digest":"\xff","plan":1}', "damaged"),
        (b'{"kubisnap_plan":2,"digest":"","plan":{}}', "format 2, this kubisnap reads 1"),
        (b'{"kubisnap_plan":' + b" " * (16 * 1024 * 1024), "longer than"),
    ],
    ids=["nested", "deep", "not-text", "newer", "long"],
)
def test_a_plan_that_cannot_be_read_is_corrupt(text: bytes, problem: str) -> None:
    with pytest.raises(CorruptPlan, match=problem) as caught:
        load_plan(text, FILE)
    assert isinstance(caught.value, KubisnapError)
    assert caught.value.kind == "corrupt"
