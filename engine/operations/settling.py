"""Settling: what became of calls whose outcome nobody knows, as the cloud itself tells.

A process that died between a call and its answer, an answer that was lost on the way: the thing may
be there or not. Its name is deterministic, so the cloud is asked for it; lists lag behind, so one
absence proves nothing, and it is asked several times until enough time has passed since the call.
"""

from collections.abc import Callable, Collection, Mapping

from ..domain.events import StepSettled
from ..domain.resources import ClusterRef, Key, Kind, Observed, Status, logical_name
from ..domain.state import ClusterState, OpenStep
from ..ports import Cloud
from .calling import reading
from .context import Context

Unknown = Mapping[tuple[int, int], OpenStep]
"""Calls of unknown outcome by operation and step."""

_NAMED_LIKE = {Kind.VOLUME_ATTACHMENT: Kind.VOLUME, Kind.RESERVED_IP_ASSIGNMENT: Kind.RESERVED_IP}
"""An attachment has no name of its own and shows its volume's."""


def key_of(cluster: ClusterRef, item: Observed) -> Key | None:
    """Return the logical key that a resource's deterministic name says, None if it is not ours."""
    name = logical_name(cluster, _NAMED_LIKE.get(item.kind, item.kind), item.name)
    return None if name is None else Key(item.kind, name)


def settle(
    cloud: Cloud,
    state: ClusterState,
    unknown: Unknown,
    nameless: Collection[Kind],
    context: Context,
    sleep: Callable[[float], None] | None = None,
) -> list[StepSettled]:
    """Return what became of each call. What the log is bound to already is not counted as found.

    Changes nothing, and may wait for a cloud's lists. Raises `CloudError`.
    """
    open_ones = {place: step for place, step in unknown.items() if step.key.kind not in nameless}
    found: dict[Key, list[str]] = {}
    if open_ones:
        found = _found(cloud, state, open_ones, context, sleep or context.clock.sleep)
    settled = []
    for (operation, number), step in unknown.items():
        note = ""
        if step.key.kind in nameless:
            note = f"{cloud.name} does not say which is whose; one too many may be there"
        ids = tuple(found.pop(step.key, ()))  # of two calls for one thing, the first is told what is there
        settled.append(StepSettled(operation=operation, step=number, key=step.key, found=ids, note=note))
    return settled


def _found(
    cloud: Cloud, state: ClusterState, unknown: Unknown, context: Context, sleep: Callable[[float], None]
) -> dict[Key, list[str]]:
    wanted = {step.key for step in unknown.values()}
    bound = {(key.kind, binding.resource_id) for key, binding in state.bindings.items()}
    newest = max(step.time for step in unknown.values())
    clock, pace = context.clock, context.pace
    started, pause, looks = clock.monotonic(), pace.first_delay, 0
    found: dict[Key, list[str]] = {}
    while True:
        for item in reading(lambda: cloud.observe_all(state.ref), context, sleep):
            key = key_of(state.ref, item)
            if key in wanted and (item.kind, item.id) not in bound and item.status is not Status.DELETING:
                ids = found.setdefault(key, [])
                if item.id not in ids:
                    ids.append(item.id)
        # by the date since the call, or by the clock since the first look: dates of two hosts may disagree
        passed = max((context.now() - newest) / 1_000_000, clock.monotonic() - started)
        if found.keys() == wanted or passed >= pace.settled_after:
            return found
        if not looks:
            context.progress.settling(len(wanted - found.keys()))
        looks += 1
        sleep(min(pause, pace.settled_after - passed))
        pause = min(2 * pause, pace.longest_delay)


def twins(
    cloud: Cloud,
    state: ClusterState,
    made: Collection[Key],
    present: Collection[tuple[Kind, str]],
    context: Context,
    sleep: Callable[[float], None],
) -> list[tuple[Key, str]]:
    """Return what carries the name of something `made`, is not it, and was not `present` before.

    A network that repeats a call makes such a one, and nobody gets an answer about it. Raises `CloudError`.
    """
    if not made:
        return []
    known = {(key.kind, binding.resource_id) for key, binding in state.bindings.items()}
    known |= {*present, *state.strays}
    found = []
    for item in reading(lambda: cloud.observe_all(state.ref), context, sleep):
        key = key_of(state.ref, item)
        if key is None or key not in made or item.status is Status.DELETING:
            continue
        if (item.kind, item.id) not in known:
            found.append((key, item.id))
    return found
