"""Taking back is an inverse: at once it leads back, and independent changes do not meet."""

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kubisnap.engine.domain.merging import Merge, take_back
from kubisnap.engine.domain.model import ClusterSpec, canonical
from tests.property.strategies import NAMES, specs

_PARTS = ("ssh_keys", "firewalls", "pools", "load_balancers", "volumes", "reserved_ips")
_FIELDS = ("kubernetes", "network", "drift", *(f"{part}/{name}" for part in _PARTS for name in NAMES))


def clear(merge: Merge) -> ClusterSpec:
    assert merge.clashes == ()
    return merge.spec


def with_some(spec: ClusterSpec, other: ClusterSpec, mine: Callable[[str], bool]) -> ClusterSpec:
    """Return the spec with what is named taken from another: whole fields, and parts by their names."""
    changes: dict[str, Any] = {
        field: getattr(other, field) for field in ("kubernetes", "network", "drift") if mine(field)
    }
    for part in _PARTS:
        kept = [item for item in getattr(spec, part) if not mine(f"{part}/{item.name}")]
        taken = [item for item in getattr(other, part) if mine(f"{part}/{item.name}")]
        changes[part] = (*kept, *taken)
    return canonical(msgspec.structs.replace(spec, **changes))


_SOME = settings(max_examples=max(10, settings().max_examples // 4))
"""Drawing three clusters takes longer than all that is done with them."""

halves = st.sets(st.sampled_from(_FIELDS))


@_SOME
@given(specs(), specs())
def test_taken_back_at_once_an_operation_has_not_been(before: ClusterSpec, after: ClusterSpec) -> None:
    assert clear(take_back(before, after, after)) == canonical(before)


@_SOME
@given(specs(), specs())
def test_what_is_taken_back_already_stays_as_it_is(before: ClusterSpec, after: ClusterSpec) -> None:
    assert clear(take_back(before, after, before)) == canonical(before)


@_SOME
@given(specs(), specs())
def test_an_operation_that_changed_nothing_takes_nothing_along(spec: ClusterSpec, now: ClusterSpec) -> None:
    assert clear(take_back(spec, spec, now)) == canonical(now)


@_SOME
@given(specs(), specs(), specs(), halves)
def test_what_came_after_it_elsewhere_stays(
    before: ClusterSpec, one: ClusterSpec, two: ClusterSpec, half: set[str]
) -> None:
    after = with_some(before, one, half.__contains__)
    now = with_some(after, two, lambda name: name not in half)
    kept = with_some(before, two, lambda name: name not in half)

    assert clear(take_back(before, after, now)) == kept


@_SOME
@given(specs(), specs(), specs(), halves)
def test_independent_changes_are_taken_back_in_either_order(
    start: ClusterSpec, one: ClusterSpec, two: ClusterSpec, half: set[str]
) -> None:
    first = with_some(start, one, half.__contains__)
    second = with_some(first, two, lambda name: name not in half)

    newest_first = clear(take_back(start, first, clear(take_back(first, second, second))))
    oldest_first = clear(take_back(first, second, clear(take_back(start, first, second))))

    assert newest_first == oldest_first == canonical(start)


@_SOME
@given(specs(), specs(), specs())
def test_a_clash_is_where_all_three_differ_and_stays_as_it_is(
    before: ClusterSpec, after: ClusterSpec, now: ClusterSpec
) -> None:
    merge = take_back(before, after, now)

    for clash in merge.clashes:
        assert clash.was != clash.made
        assert clash.now not in (clash.was, clash.made)
    assert take_back(before, after, merge.spec).spec == merge.spec  # what could be taken back is
