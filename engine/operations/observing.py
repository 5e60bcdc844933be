"""Observing: what the log and the cloud together say is there.

Lists at clouds lag behind and cannot be filtered by everything that we know, so what the log is
bound to and the list does not show is asked for by id before it is believed to be gone.
"""

import msgspec

from ..domain.resources import Key, Kind, Observed, Status
from ..domain.state import Binding, ClusterState
from ..ports import Cloud
from .calling import reading
from .context import Context
from .settling import key_of
from .steps import Known


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What exists (`known`), and what the log is bound to although it is gone (`lost`)."""

    known: tuple[Known, ...]
    lost: tuple[tuple[Key, str], ...] = ()

    @property
    def present(self) -> frozenset[tuple[Kind, str]]:
        """Return kind and id of everything that is there."""
        return frozenset((item.key.kind, item.observed.id) for item in self.known)


def observe(cloud: Cloud, state: ClusterState, context: Context) -> Observation:
    """Ask the cloud what it holds of the cluster, with retries. Raises `CloudError`; never returns a part."""
    if not state.declared:
        return Observation(known=())
    listed: dict[tuple[Kind, str], Observed] = {
        (item.kind, item.id): item for item in reading(lambda: cloud.observe_all(state.ref), context)
    }

    def look(place: tuple[Kind, str]) -> Observed | None:
        return listed.get(place) or reading(lambda: cloud.observe(*place), context)

    known: list[Known] = []
    lost: list[tuple[Key, str]] = []
    bound: set[tuple[Kind, str]] = set()
    for key, binding in state.bindings.items():
        place = (key.kind, binding.resource_id)
        bound.add(place)
        seen = look(place)
        if seen is None or seen.status is Status.DELETING:
            lost.append((key, binding.resource_id))
        else:
            known.append(_bound(key, binding, seen))
    for place, key in state.strays.items():
        bound.add(place)
        seen = look(place)
        if seen is None or seen.status is Status.DELETING:
            lost.append((key, place[1]))
        else:
            known.append(Known(key=key, observed=seen, bound=False, ready=False))
    for place, item in sorted(listed.items()):
        if place not in bound and item.status is not Status.DELETING:
            name = key_of(state.ref, item)
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
