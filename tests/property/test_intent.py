"""Intent: folding what a decision says gives exactly what was wanted, and no event too many is said."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.decisions import amend, declare, retire, scaled
from kubisnap.engine.domain.history import describe, operations
from kubisnap.engine.domain.model import ClusterSpec, canonical, neutral
from kubisnap.engine.domain.state import ClusterState, apply_event, fold
from kubisnap.engine.domain.validation import problems
from tests.property.strategies import CLUSTER_ID, declared, events, recorded, specs, states

PARTS: dict[str, tuple[type[ev.Event], ev.Part]] = {
    "ssh_keys": (ev.SshKeyDeclared, ev.Part.SSH_KEY),
    "firewalls": (ev.FirewallDeclared, ev.Part.FIREWALL),
    "load_balancers": (ev.LoadBalancerDeclared, ev.Part.LOAD_BALANCER),
    "volumes": (ev.VolumeDeclared, ev.Part.VOLUME),
    "reserved_ips": (ev.ReservedIpDeclared, ev.Part.RESERVED_IP),
}


def gone_on(state: ClusterState, items: list[Any]) -> ClusterState:
    for item in recorded(items, after=state.position):
        apply_event(state, item)
    return state


def shuffled(data: st.DataObject, spec: ClusterSpec) -> ClusterSpec:
    """Return the same intent, written in another order."""

    def mixed(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(data.draw(st.permutations(items)))

    change = msgspec.structs.replace
    return change(
        spec,
        network=change(spec.network, subnets=mixed(spec.network.subnets)),
        pools=mixed(tuple(change(pool, taints=mixed(pool.taints)) for pool in spec.pools)),
        firewalls=mixed(
            tuple(
                change(
                    firewall,
                    allow=mixed(tuple(change(rule, sources=mixed(rule.sources)) for rule in firewall.allow)),
                )
                for firewall in spec.firewalls
            )
        ),
        load_balancers=mixed(
            tuple(change(item, forward=mixed(item.forward)) for item in spec.load_balancers)
        ),
        **{field: mixed(getattr(spec, field)) for field in ("ssh_keys", "volumes", "reserved_ips")},
    )


@given(specs())
def test_the_strategy_draws_only_clusters_that_make_sense(spec: ClusterSpec) -> None:
    assert list(problems(spec)) == []


@given(specs())
def test_declaring_a_cluster_and_folding_gives_exactly_that_cluster(spec: ClusterSpec) -> None:
    state = declared(spec)

    assert state.spec() == canonical(spec)
    assert (state.cluster_id, state.retired, state.bindings) == (CLUSTER_ID, False, {})


@given(states, specs())
def test_amending_a_cluster_and_folding_gives_exactly_what_was_wanted(
    state: ClusterState, wanted: ClusterSpec
) -> None:
    after = gone_on(state, amend(state, wanted))

    assert after.spec() == canonical(wanted)
    assert amend(after, wanted) == []


@given(specs(), st.data())
def test_the_order_of_writing_changes_nothing(spec: ClusterSpec, data: st.DataObject) -> None:
    other = shuffled(data, spec)

    assert canonical(other) == canonical(spec)
    assert neutral(other) == neutral(spec)
    assert amend(declared(spec), other) == []
    assert declare(other, cluster_id=CLUSTER_ID) == declare(spec, cluster_id=CLUSTER_ID)


@given(specs())
def test_the_canonical_form_is_its_own_canonical_form(spec: ClusterSpec) -> None:
    assert canonical(canonical(spec)) == canonical(spec)


@given(specs(), specs())
def test_a_part_that_stays_as_it_was_gives_no_event(before: ClusterSpec, after: ClusterSpec) -> None:
    said: list[Any] = list(amend(declared(before), after))
    old, new = canonical(before), canonical(after)

    for field, (event_type, part) in PARTS.items():
        names = {item.name: item for item in getattr(old, field)}
        changed = [item for item in getattr(new, field) if names.get(item.name) != item]
        gone = names.keys() - {item.name for item in getattr(new, field)}
        assert [
            msgspec.structs.astuple(event)[0] for event in said if isinstance(event, event_type)
        ] == changed
        withdrawn = [
            event.name for event in said if isinstance(event, ev.PartWithdrawn) and event.part is part
        ]
        assert withdrawn == sorted(gone)
    assert [e for e in said if isinstance(e, ev.NetworkDeclared)] == (
        [] if old.network == new.network else [ev.NetworkDeclared(network=new.network)]
    )
    assert sum(isinstance(e, ev.KubernetesVersionDeclared) for e in said) == (
        old.kubernetes != new.kubernetes
    )


@given(specs(), st.data())
def test_another_number_of_servers_is_one_small_event_a_pool(spec: ClusterSpec, data: st.DataObject) -> None:
    counts = {pool.name: data.draw(st.integers(0, 9)) for pool in spec.pools}
    state = declared(spec)

    said = amend(state, scaled(state, counts))

    assert said == [
        ev.ServerPoolScaled(pool=pool.name, before=pool.count, count=counts[pool.name])
        for pool in state.spec().pools
        if pool.count != counts[pool.name]
    ]


@given(states)
def test_a_cluster_is_retired_once(state: ClusterState) -> None:
    after = gone_on(state, retire(state))

    assert after.retired
    assert retire(after) == []


@given(st.lists(events, max_size=12))
def test_any_log_folds_the_same_twice_or_is_refused_with_a_reason(items: list[Any]) -> None:
    log = recorded(items)
    try:
        state = fold(log)
    except ValueError as error:
        refusal = str(error)
    else:
        assert state.position == len(log)
        assert all(_fold_in_two(log, at) == state for at in range(len(log) + 1))
        return
    assert "scaled before it was declared" in refusal or "does not belong in a cluster's log" in refusal


def _fold_in_two(log: list[ev.Recorded], at: int) -> ClusterState:
    state = fold(log[:at])
    for item in log[at:]:
        apply_event(state, item)
    return state


@given(st.lists(events, max_size=8))
def test_every_event_can_be_told_in_one_line_and_stands_in_one_operation(items: list[Any]) -> None:
    log = recorded(items[:4], operation=2) + recorded(items[4:], operation=1, after=4)
    views = operations("web", log)

    assert sorted(item.version for view in views for item in view.events) == [item.version for item in log]
    assert [view.number for view in views] == sorted({item.operation for item in log})
    assert all(isinstance(describe(item), str) for item in items)


def test_a_gap_in_the_log_is_not_folded() -> None:
    log = recorded([ev.ClusterRetired(), ev.ClusterRetired()])
    for broken in ([log[1]], [log[0], log[0]], [log[0], recorded([ev.ClusterRetired()], after=2)[0]]):
        with pytest.raises(ValueError, match="cannot follow position"):
            fold(broken)
