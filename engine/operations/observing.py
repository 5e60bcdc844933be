"""Observing: what the log and the cloud together say is there.

Lists at clouds lag behind and cannot be filtered by everything that we know, so what the log is
bound to and the list does not show is asked for by id before it is believed to be gone.
"""

import msgspec

from ..domain.resources import Key, Kind, Observed, Status, logical_name
from ..domain.state import Binding, ClusterState
from ..ports import Cloud
from .planning import Known


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What exists (`known`), and what the log is bound to although it is gone (`lost`)."""

    known: tuple[Known, ...]
    lost: tuple[tuple[Key, str], ...] = ()


def observe(cloud: Cloud, state: ClusterState) -> Observation:
    """Ask the cloud what it holds of the cluster. Raises `CloudError`; never returns a part."""
    if not state.declared:
        return Observation(known=())
    listed: dict[tuple[Kind, str], Observed] = {
        (item.kind, item.id): item for item in cloud.observe_all(state.ref)
    }
    known: list[Known] = []
    lost: list[tuple[Key, str]] = []
    bound: set[tuple[Kind, str]] = set()
    for key, binding in state.bindings.items():
        place = (key.kind, binding.resource_id)
        bound.add(place)
        seen = listed.get(place) or cloud.observe(*place)
        if seen is None or seen.status is Status.DELETING:
            lost.append((key, binding.resource_id))
        else:
            known.append(_bound(key, binding, seen))
    for place, item in sorted(listed.items()):
        if place not in bound and item.status is not Status.DELETING:
            name = _key(state, item)
            if name is not None:
                known.append(Known(key=name, observed=item, bound=False, ready=False))
    return Observation(known=tuple(known), lost=tuple(lost))


def _bound(key: Key, binding: Binding, seen: Observed) -> Known:
    return Known(
        key=key,
        observed=seen,
        recorded=binding.resource,
        ready=binding.ready,
        owned=binding.owned,
    )


def _key(state: ClusterState, item: Observed) -> Key | None:
    """Return the logical key of something that the log does not know, by its deterministic name."""
    name = logical_name(state.ref, _named_like(item.kind), item.name)
    return None if name is None else Key(item.kind, name)


def _named_like(kind: Kind) -> Kind:
    """An attachment has no name of its own and shows its volume's."""
    like = {Kind.VOLUME_ATTACHMENT: Kind.VOLUME, Kind.RESERVED_IP_ASSIGNMENT: Kind.RESERVED_IP}
    return like.get(kind, kind)
