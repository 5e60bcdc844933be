"""The fold: what a log's events add up to, and which logs add up to nothing."""

from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.decisions import declare
from kubisnap.engine.domain.model import Role
from kubisnap.engine.domain.resources import Key, Kind, Server, SshKey
from kubisnap.engine.domain.state import ClusterState, apply_event, fold
from tests.property.strategies import recorded
from tests.unit.engine.examples import CLUSTER, SPEC, WORKERS

INTENTS = declare(SPEC, cluster_id=CLUSTER.id)
HOLDER = ev.Holder(host="laptop", pid=7)
KEY = Key(Kind.SERVER, "workers-0")
SERVER = Server(region="east", size="small", image="ubuntu", role=Role.WORKER, pool="workers", network="main")


def started(kind: ev.OperationKind = ev.OperationKind.CREATE, account: str = "me") -> ev.OperationStarted:
    return ev.OperationStarted(kind=kind, summary="", holder=HOLDER, tool="t", cloud="acme", account=account)


def finished(outcome: ev.Outcome = ev.Outcome.SUCCEEDED) -> ev.OperationFinished:
    return ev.OperationFinished(outcome=outcome)


def begun(step: int = 1, action: str = "create", key: Key = KEY) -> ev.StepStarted:
    return ev.StepStarted(step=step, action=action, key=key, provider_name="n")


def provisioned(step: int = 1, key: Key = KEY, **fields: Any) -> ev.ResourceProvisioned:
    return ev.ResourceProvisioned(
        **{
            "step": step,
            "key": key,
            "resource_id": "srv-1",
            "provider_name": "web-workers-0-7f3a9c21",
            "cloud": "acme",
            "account": "me",
            "region": "east",
            "resource": SERVER,
            **fields,
        }
    )


def after(*items: Any) -> ClusterState:
    """Fold the declaration of a cluster and what comes after it, as operation 1."""
    return fold(recorded([started(), *INTENTS, *items]))


def test_nothing_folds_to_no_cluster() -> None:
    state = fold([])

    assert (state.position, state.declared, state.bindings) == (0, False, {})
    with pytest.raises(ValueError, match="no cluster was declared"):
        state.spec()


def test_a_declared_cluster_knows_who_it_is() -> None:
    state = after()

    assert state.declared
    assert state.ref == CLUSTER
    assert state.account == "me"
    assert state.operations == 1
    assert state.spec().pool("workers") == WORKERS


def test_events_must_come_in_order_without_a_gap() -> None:
    log = recorded([started(), *INTENTS])
    state = fold(log[:2])

    for wrong in (log[0], log[1], log[3]):
        with pytest.raises(ValueError, match="cannot follow position 2"):
            apply_event(state, wrong)
    assert state == fold(log[:2])


@pytest.mark.parametrize(
    "event", [ev.NameClaimed(name="web", cluster_id="x"), ev.NameReleased(name="web", cluster_id="x")]
)
def test_an_event_of_the_registry_does_not_belong_in_a_clusters_log(event: Any) -> None:
    with pytest.raises(ValueError, match="does not belong in a cluster's log"):
        fold(recorded([event]))


def test_a_pool_cannot_be_scaled_before_it_is_declared() -> None:
    with pytest.raises(ValueError, match="pool 'x' was scaled before it was declared"):
        after(ev.ServerPoolScaled(pool="x", before=1, count=2))


def test_a_part_can_be_withdrawn_and_declared_again() -> None:
    gone = after(ev.PartWithdrawn(part=ev.Part.POOL, name="workers"))
    back = after(ev.PartWithdrawn(part=ev.Part.POOL, name="workers"), ev.ServerPoolDeclared(pool=WORKERS))

    assert gone.spec().pool("workers") is None
    assert back.spec() == after().spec()


@pytest.mark.parametrize("part", ev.Part)
def test_every_part_can_be_withdrawn_and_takes_nothing_else_along(part: ev.Part) -> None:
    fields = {
        ev.Part.SSH_KEY: ("ssh_keys", "admin"),
        ev.Part.FIREWALL: ("firewalls", "guard"),
        ev.Part.POOL: ("pools", "workers"),
        ev.Part.LOAD_BALANCER: ("load_balancers", "entry"),
        ev.Part.VOLUME: ("volumes", "data"),
        ev.Part.RESERVED_IP: ("reserved_ips", "api"),
    }
    field, name = fields[part]
    state, whole = after(ev.PartWithdrawn(part=part, name=name)), after()

    assert name in getattr(whole, field)
    assert name not in getattr(state, field)
    assert all(
        getattr(state, other) == getattr(whole, other) for other, _ in fields.values() if other != field
    )


# ── facts ────────────────────────────────────────────────────────────────────────────────────────


def test_a_resource_is_bound_as_soon_as_its_id_is_known_and_ready_when_its_step_succeeded() -> None:
    early = after(begun(), provisioned())
    late = after(begun(), provisioned(), ev.StepSucceeded(step=1, attributes={"public_ip": "203.0.113.9"}))

    assert (early.bindings[KEY].resource_id, early.bindings[KEY].ready) == ("srv-1", False)
    assert (late.bindings[KEY].ready, late.bindings[KEY].attributes) == (True, {"public_ip": "203.0.113.9"})


def test_attributes_are_kept_when_a_later_step_tells_none() -> None:
    state = after(
        begun(),
        provisioned(),
        ev.StepSucceeded(step=1, attributes={"ip": "203.0.113.9"}),
        begun(2, "update"),
        ev.ResourceUpdated(step=2, key=KEY, resource_id="srv-1", resource=SERVER, changed=("size",)),
        ev.StepSucceeded(step=2),
    )

    assert state.bindings[KEY].attributes == {"ip": "203.0.113.9"}


def test_an_update_of_what_is_not_bound_binds_nothing() -> None:
    state = after(ev.ResourceUpdated(step=1, key=KEY, resource_id="srv-1", resource=SERVER, changed=()))

    assert state.bindings == {}


@pytest.mark.parametrize("kind", [ev.ResourceDestroyed, ev.ResourceLost])
def test_what_is_gone_is_no_longer_bound_and_only_that_very_resource(kind: Any) -> None:
    more = {"step": 2} if kind is ev.ResourceDestroyed else {}

    assert after(begun(), provisioned(), kind(key=KEY, resource_id="srv-1", **more)).bindings == {}
    assert KEY in after(begun(), provisioned(), kind(key=KEY, resource_id="srv-2", **more)).bindings


def test_an_open_operation_remembers_what_it_made_and_nothing_that_was_there_before() -> None:
    key = Key(Kind.SSH_KEY, "admin")
    state = after(
        begun(1),
        provisioned(1),
        begun(2, key=key),
        provisioned(2, key, resource_id="key-1", resource=SshKey(public_key="x"), owned=False),
        begun(3, key=Key(Kind.SERVER, "workers-1")),
        provisioned(3, Key(Kind.SERVER, "workers-1"), resource_id="srv-2", adopted=True),
    )

    assert state.open is not None
    assert state.open.work.made == [(KEY, "srv-1")]
    assert not state.bindings[key].owned


def test_what_an_operation_made_and_removed_again_is_not_its_to_roll_back() -> None:
    state = after(begun(), provisioned(), ev.ResourceDestroyed(step=2, key=KEY, resource_id="srv-1"))

    assert state.open is not None
    assert state.open.work.made == []


def test_a_step_is_open_until_its_outcome_is_known() -> None:
    failed = ev.StepFailed(step=1, error="Rejected", message="no")
    unknown = ev.StepFailed(step=1, error="Unavailable", message="no answer", ambiguous=True)

    def open_steps(*items: Any) -> set[int]:
        state = after(begun(1), begun(2), *items)
        assert state.open is not None
        return set(state.open.steps)

    assert open_steps() == {1, 2}
    assert open_steps(ev.StepSucceeded(step=1)) == {2}
    assert open_steps(failed) == {2}
    assert open_steps(unknown) == {1, 2}


def test_an_operation_is_open_until_it_ends_and_its_last_sign_of_life_is_known() -> None:
    state = after(begun())

    assert state.open is not None
    assert (state.open.number, state.open.kind, state.open.holder) == (1, ev.OperationKind.CREATE, HOLDER)
    assert state.open.started < state.open.last_event == state.updated
    assert after(finished()).open is None


def test_an_old_operations_end_does_not_close_a_newer_one() -> None:
    log = recorded([started(), *INTENTS])
    log += recorded([started(ev.OperationKind.APPLY)], operation=2, after=len(log))
    log += recorded([finished()], operation=1, after=len(log))
    state = fold(log)

    assert state.operations == 2
    assert state.open is not None
    assert state.open.number == 2


@pytest.mark.parametrize(
    ("kind", "outcome", "gone"),
    [
        (ev.OperationKind.DELETE, ev.Outcome.SUCCEEDED, True),
        (ev.OperationKind.DELETE, ev.Outcome.PARTIAL, False),
        (ev.OperationKind.APPLY, ev.Outcome.SUCCEEDED, False),
    ],
)
def test_a_cluster_is_gone_when_its_deletion_succeeded(
    kind: ev.OperationKind, outcome: ev.Outcome, gone: bool
) -> None:
    state = fold(recorded([started(kind), *INTENTS, ev.ClusterRetired(), finished(outcome)]))

    assert state.retired
    assert state.gone is gone


def test_the_account_changes_only_while_nothing_lives_in_the_old_one() -> None:
    def account(*items: Any) -> str:
        log = recorded([started(), *INTENTS, *items, finished()])
        return fold(log + recorded([started(account="other")], operation=2, after=len(log))).account

    assert account() == "other"
    assert account(begun(), provisioned()) == "me"


def test_a_capture_is_counted_and_changes_nothing_else() -> None:
    capture = ev.SnapshotCaptured(digest="sha256:x", size=1, events=1, position=1)
    state = after(capture)

    assert state.snapshots == 1
    assert state.spec() == after().spec()


# ── what one writes who had lost the cluster ─────────────────────────────────────────────────────


def displaced(*late: Any, ended: tuple[Any, ...] = ()) -> ClusterState:
    """Fold: the first begins to make a server and sleeps, the second takes over, the first writes again."""
    first = [started(), *INTENTS, begun(), finished(ev.Outcome.INTERRUPTED)]
    second = [
        started(),
        ev.StepSettled(operation=1, step=1, key=KEY, found=("srv-1",)),
        begun(1, "adopt"),
        provisioned(adopted=True),
        ev.StepSucceeded(step=1),
        *ended,
    ]
    numbers = [1] * len(first) + [2] * len(second) + [1] * len(late)
    events = recorded([*first, *second, *late])
    return fold(
        msgspec.structs.replace(item, operation=number) for item, number in zip(events, numbers, strict=True)
    )


@pytest.mark.parametrize("ended", [(), (finished(),)], ids=["open", "ended"])
def test_what_the_holder_has_stays_ready_whatever_who_slept_says_of_it(ended: tuple[Any, ...]) -> None:
    assert displaced(provisioned(), ended=ended) == displaced(ev.StepSucceeded(step=1), ended=ended)
    assert displaced(provisioned(), ended=ended).bindings[KEY].ready


def test_a_second_one_made_by_who_slept_is_a_stray_and_is_taken_back_with_the_rest() -> None:
    late = provisioned(resource_id="srv-2")

    assert displaced(late).strays == displaced(late, ended=(finished(),)).strays
    assert displaced(late).strays == {(Kind.SERVER, "srv-2"): KEY}
    pending = displaced(late).pending()
    assert pending is not None
    assert pending.work.made == [(KEY, "srv-1"), (KEY, "srv-2")]
