"""What a cloud shows, compared with what a log recorded: resource by resource. Nothing is written.

What is recorded may be from any moment, of the same cluster or another one: resources are the same
where they have the same kind and name. Fields are compared as drift is, so that both say the same.
"""

from collections.abc import Iterator, Mapping

import msgspec

from ..domain.comparing import Difference, Sign
from ..domain.resources import Key, Kind, Status
from ..domain.state import Binding, ClusterState
from ..ports import Cloud
from .calling import regulated
from .changing import checked_account
from .context import Context
from .drift import changed_fields
from .observing import Observation, observe
from .steps import Known


def look(cloud: Cloud, state: ClusterState, context: Context) -> Observation:
    """Return what the cloud holds of a cluster; also while an operation runs. Raises `WrongAccount`."""
    kept = regulated(cloud, context)
    checked_account(kept, state, context)
    return observe(kept, state, context)


def compare_with_live(recorded: ClusterState, state: ClusterState, seen: Observation) -> list[Difference]:
    """Return what differs between what was `recorded` and what was `seen` of a cluster, by resource.

    `state` is that cluster as its log knows it now. A resource that is on one side only has its id
    there; one that is another by now, under the same name, has both.
    """
    there: dict[Key, list[Known]] = {}
    for item in seen.known:
        there.setdefault(item.key, []).append(item)
    names = {(key.kind, binding.resource_id): key.name for key, binding in state.bindings.items()}
    found: list[Difference] = []
    for key in sorted({*recorded.bindings, *there}):
        binding, others = recorded.bindings.get(key), list(there.get(key, ()))
        if binding is not None and not others:
            found.append(_one_sided(key, binding.resource_id, None))
        elif binding is not None:
            item = _counterpart(binding, others)
            others.remove(item)
            found += _changes(key, binding, item, recorded, state, names)
        found += [_one_sided(key, None, item.observed.id) for item in others]
    return found


def _counterpart(binding: Binding, items: list[Known]) -> Known:
    """Return which of several of one name is meant: the very same, else the one that belongs there."""
    return min(items, key=lambda item: (item.observed.id != binding.resource_id, not item.bound))


def _changes(
    key: Key,
    binding: Binding,
    item: Known,
    recorded: ClusterState,
    state: ClusterState,
    names: Mapping[tuple[Kind, str], str],
) -> Iterator[Difference]:
    if recorded.cluster_id == state.cluster_id and binding.resource_id != item.observed.id:
        yield _changed(key, "id", binding.resource_id, item.observed.id)
    if item.observed.status is not Status.READY:  # it may not tell everything yet
        yield _changed(key, "status", Status.READY.value, item.observed.status.value)
        return
    as_recorded = msgspec.structs.replace(item, recorded=binding.resource)
    for change in changed_fields(as_recorded, state, names):
        yield _changed(key, change.field, change.before, change.after)


def _changed(key: Key, field: str, before: object, after: object) -> Difference:
    return Difference(sign=Sign.CHANGED, part=str(key), field=field, before=before, after=after)


def _one_sided(key: Key, before: str | None, after: str | None) -> Difference:
    sign = Sign.ADDED if before is None else Sign.REMOVED
    return Difference(sign=sign, part=str(key), before=before, after=after)
