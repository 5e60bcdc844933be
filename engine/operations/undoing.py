"""Undo, redo and revert: the way back is an operation like any other, planned, shown and recorded.

`choose_*` read the log and say what would be taken back and what would be declared then, or refuse; no
cloud is asked. `prepare_*` go on from there as every change does. History stays as it is.
"""

from collections.abc import Iterator

import msgspec

from ..domain.comparing import compare
from ..domain.events import OperationKind
from ..domain.merging import Clash, take_back
from ..domain.model import ClusterSpec
from ..domain.resources import Key, Kind, Volume
from ..domain.state import ClusterState
from ..domain.times import ago, timestamp
from ..domain.undoing import Act, Past, Reach, Reversal, Undoing, popped, read_past, reversal
from ..domain.validation import validate
from ..errors import Again, ChangedSince, InvalidInput, Irreversible, NotFound, NothingToUndo, StillUnfinished
from ..journal.log import Journal
from ..ports import Cloud
from .changing import Prepared, prepare_change, refuse_if_held
from .context import Context


def prepare_undo(
    journal: Journal, cloud: Cloud, state: ClusterState, context: Context, *, to: int = 0
) -> Prepared:
    """Prepare to take back the newest operation that is not undone; with `to`, all since that operation.

    What is returned is carried out with the kind and the summary in its `undoing`. Raises
    `StillUnfinished`, `NothingToUndo`, `Irreversible`, `ChangedSince`, `NotFound` for an operation that
    there is not, and what `prepare_change` raises.
    """
    return prepare_undoing(cloud, state, context, choose_undo(journal, state, context, to=to))


def prepare_redo(journal: Journal, cloud: Cloud, state: ClusterState, context: Context) -> Prepared:
    """Prepare to do again what was undone last. Raises as `prepare_undo` does."""
    return prepare_undoing(cloud, state, context, choose_redo(journal, state, context))


def prepare_revert(
    journal: Journal, cloud: Cloud, state: ClusterState, context: Context, number: int
) -> Prepared:
    """Prepare to take back one operation and to keep what came after it. Raises as `prepare_undo` does."""
    return prepare_undoing(cloud, state, context, choose_revert(journal, state, context, number))


def prepare_undoing(cloud: Cloud, state: ClusterState, context: Context, undoing: Undoing) -> Prepared:
    """Prepare what was chosen."""
    prepared = prepare_change(cloud, state, context, spec=undoing.spec)
    return msgspec.structs.replace(prepared, undoing=undoing)


def reversal_of(prepared: Prepared) -> Reversal:
    """Return what taking back will come to, once this is done."""
    loses = any(step.irreversible for step in prepared.plan.steps)
    if prepared.undoing is not None:
        kind = prepared.undoing.kind
    elif prepared.new:
        kind = OperationKind.CREATE
    else:
        kind = OperationKind.DELETE if prepared.spec is None else OperationKind.APPLY
    return reversal(kind, loses=loses)


# ── choosing ─────────────────────────────────────────────────────────────────────────────────


def choose_undo(journal: Journal, state: ClusterState, context: Context, *, to: int = 0) -> Undoing:
    """Say what an undo takes back. Raises as `prepare_undo` does, and asks no cloud."""
    past = _past(journal, state, context)
    if to:
        return _back_to(past, state, to)
    tried = past.now.tried
    if tried is not None and tried.kind is OperationKind.UNDO:
        acts = tuple(stack.top for stack in popped(past.now.undo, tried.of))
        return Undoing(kind=tried.kind, of=tried.of, acts=acts, spec=state.spec())
    stack = past.now.settled().undo
    if stack is None:
        raise NothingToUndo(state.name, "undo")
    return _without(past, state, context, stack.top, OperationKind.UNDO, stack.top.number, (stack.top,))


def choose_redo(journal: Journal, state: ClusterState, context: Context) -> Undoing:
    """Say what a redo does again. Raises as `prepare_redo` does, and asks no cloud."""
    past = _past(journal, state, context)
    tried = past.now.tried
    again = tried is not None and tried.kind is OperationKind.REDO
    undone = past.now.redo if again else past.now.settled().redo
    if undone is None:
        raise NothingToUndo(state.name, "redo", "nothing was undone, or something else was changed since")
    acts = undone.acts if len(undone.acts) == 1 else (undone.undo,)
    if again:
        return Undoing(kind=OperationKind.REDO, of=undone.undo.number, acts=acts, spec=state.spec())
    return _without(past, state, context, undone.undo, OperationKind.REDO, undone.undo.number, acts)


def choose_revert(journal: Journal, state: ClusterState, context: Context, number: int) -> Undoing:
    """Say what reverting an operation comes to. Raises as `prepare_revert` does, and asks no cloud."""
    past = _past(journal, state, context)
    act = _act(past, state, number)
    declared = act.reversal
    if declared.reach is Reach.NOTHING:
        raise NothingToUndo(state.name, "revert", f"#{number} {act.kind}: {declared.reason}", number)
    if not act.changed:
        raise NothingToUndo(state.name, "revert", f"{act} changed nothing of what is declared", number)
    return _without(past, state, context, act, OperationKind.REVERT, number, (act,))


def _past(journal: Journal, state: ClusterState, context: Context) -> Past:
    """Read the log up to where `state` stands; refuse while something is running or unfinished."""
    refuse_if_held(state, context)
    turns = journal.audit.turns(state.cluster_id, upto=state.position)
    past = read_past(item.recorded for item in turns)
    if state.gone:
        raise _irreversible(past, state, list(past.acts.values())[-1])
    pending = state.pending()
    if pending is not None:
        raise StillUnfinished(state.name, pending.numbers[-1], pending.last.value)
    return past


def _act(past: Past, state: ClusterState, number: int) -> Act:
    act = past.acts.get(number)
    if act is None:
        advice = f"kubisnap log {state.name}      its operations: {len(past.acts)}"
        raise NotFound("operation", f"{state.name}#{number}", advice=advice)
    return act


def _irreversible(past: Past, state: ClusterState, act: Act) -> Irreversible:
    declared = act.reversal
    way_back = declared.way_back.format(
        cluster=state.name, snapshot=past.snapshot or "snap:latest", before=act.number - 1
    )
    return Irreversible(state.name, act.number, act.kind.value, declared.reason, way_back)


def _without(
    past: Past,
    state: ClusterState,
    context: Context,
    act: Act,
    kind: OperationKind,
    of: int,
    acts: tuple[Act, ...],
) -> Undoing:
    """Take one operation's changes out of what is declared now."""
    if act.reversal.reach is Reach.IRREVERSIBLE:
        raise _irreversible(past, state, act)
    now = state.spec()
    merge = take_back(act.before.spec(), act.after.spec(), now)
    if merge.clashes:
        raise _changed_since(past, state, context, act, merge.clashes)
    spec, kept = _as_far_as_it_goes(state, merge.spec)
    if spec == now:
        if kept:
            raise Irreversible(state.name, act.number, act.kind.value, "; ".join(kept), _before(state, act))
        reason = f"what {act} changed is as it was before already"
        raise NothingToUndo(state.name, kind.value, reason, act.number)
    try:
        validate(spec)
    except InvalidInput as error:
        problem = f"what was declared after it needs it ({error})"
        later = max((other.number for other in _after(past, act)), default=0)
        raise ChangedSince(state.name, act.number, act.kind.value, problem=problem, later=later) from error
    return Undoing(kind=kind, of=of, acts=acts, spec=spec, kept=kept)


def _before(state: ClusterState, act: Act) -> str:
    return (
        f"kubisnap show {state.name}#{act.number}      what it did\n"
        f"kubisnap revert {state.name}#N      takes back another operation, and nothing else"
    )


def _back_to(past: Past, state: ClusterState, number: int) -> Undoing:
    """Declare what was declared after an operation, whatever came since."""
    _act(past, state, number)
    moment = past.moments[number]
    if not moment.intent.declared or moment.intent.retired:
        raise NothingToUndo(state.name, "undo", f"after #{number} no cluster was declared", number)
    spec, kept = _as_far_as_it_goes(state, moment.intent.spec())
    below = moment.undo
    over: list[Act] = []
    tried = past.now.tried
    again = tried is not None and tried.kind is OperationKind.UNDO
    stack = past.now.undo if again else past.now.settled().undo
    while stack is not None and stack is not below:
        over.append(stack.top)
        stack = stack.below
    if stack is not below:  # it is not further back on the way that led here
        over = []
    of = over[-1].number if over else 0
    if spec == state.spec() and not (tried is not None and again and tried.of == of):
        raise NothingToUndo(state.name, "undo", f"what is declared is as it was after #{number}", number)
    return Undoing(kind=OperationKind.UNDO, of=of, acts=tuple(over), spec=spec, to=number, kept=kept)


def _as_far_as_it_goes(state: ClusterState, spec: ClusterSpec) -> tuple[ClusterSpec, tuple[str, ...]]:
    """Return the spec with what no cloud can take back left as it is, and say what that is."""
    kept: list[str] = []
    volumes = []
    for volume in spec.volumes:
        binding = state.bindings.get(Key(Kind.VOLUME, volume.name))
        there = None if binding is None else binding.resource
        if isinstance(there, Volume) and there.size_gib > volume.size_gib and volume.name in state.volumes:
            kept.append(f"volume {volume.name} keeps its {there.size_gib} GiB: a volume does not shrink")
            volume = msgspec.structs.replace(volume, size_gib=there.size_gib)  # noqa: PLW2901
        volumes.append(volume)
    return msgspec.structs.replace(spec, volumes=tuple(volumes)), tuple(kept)


# ── what came since ──────────────────────────────────────────────────────────────────────────


def _after(past: Past, act: Act) -> Iterator[Act]:
    return (other for other in past.acts.values() if other.number > act.number and other.changed)


def _changed_since(
    past: Past, state: ClusterState, context: Context, act: Act, clashes: tuple[Clash, ...]
) -> ChangedSince:
    """Say of each field by which operation it was changed again."""
    later = [(other, compare(other.before.spec(), other.after.spec())) for other in _after(past, act)]
    again: list[Again] = []
    newest = 0
    for clash in clashes:
        by = next(
            other
            for other, changes in reversed(later)
            if any(item.part == clash.part and _touches(item.field, clash.field) for item in changes)
        )
        newest = max(newest, by.number)
        since = ago((context.now() - by.time) // 1_000_000)
        again.append(Again(str(clash), str(by), by.actor, timestamp(by.time), since))
    return ChangedSince(state.name, act.number, act.kind.value, tuple(again), later=newest)


def _touches(one: str, other: str) -> bool:
    """Whether one field is the other, or in it, or the whole part."""
    shorter, longer = sorted((one, other), key=len)
    return longer == shorter or not shorter or longer.startswith((f"{shorter}.", f"{shorter}["))
