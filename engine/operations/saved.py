"""Saved plans: a plan in one file, bound to the position of the log at which it was made.

Carrying one out makes the plan anew and compares: it is the same, or nothing is done. So a file from
elsewhere can ask for nothing that planning would not ask for. Position 0 is a position like any
other: a plan for a cluster that did not exist is carried out once. Pure but for what is asked of
journal and cloud; the file itself is written and read by whoever calls.
"""

import hashlib
import re
from typing import Any

import msgspec

from ..domain import events as ev
from ..domain.catalogue import Catalogue
from ..domain.history import operations
from ..domain.model import ClusterSpec
from ..domain.resources import Key, Server
from ..domain.state import ClusterState
from ..domain.times import ago, timestamp
from ..domain.validation import validate
from ..errors import AlreadyExists, Came, CorruptPlan, InvalidInput, StalePlan
from ..journal.log import Journal
from ..ports import Account, Cloud
from .changing import Prepared, prepare_change, prepare_create
from .context import Context
from .cost import Cost
from .drift import Drift
from .steps import Plan

FORMAT = 1
MAX_BYTES = 16 * 1024 * 1024
"""No plan of a cluster that can be declared is as long; what is longer is not read."""

_MAGIC = b'{"kubisnap_plan":'
_CLUSTER_ID = re.compile(r"[0-9a-f]{32}")
_NAMED = 3
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class SavedPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file of a plan says. `position` and `operations` are where the log stood.

    `made` is in microseconds since 1970 UTC; `catalogue` holds what the prices in the plan come from.
    """

    cluster_id: str
    position: int
    operations: int
    made: int
    actor: str
    tool: str
    account: Account
    spec: ClusterSpec
    intents: tuple[ev.AnyEvent, ...]
    plan: Plan
    lost: tuple[tuple[Key, str], ...]
    drift: tuple[Drift, ...]
    lacking: tuple[str, ...]
    cost_before: Cost
    cost_after: Cost
    catalogue: Catalogue

    @property
    def name(self) -> str:
        """Return the cluster's name."""
        return self.spec.name

    def prepared(self) -> Prepared:
        """Return what was prepared when the plan was made, to be looked at; it cannot be carried out."""
        return Prepared(
            state=ClusterState(
                position=self.position, operations=self.operations, cluster_id=self.cluster_id, name=self.name
            ),
            position=self.position,
            cluster_id=self.cluster_id,
            name=self.name,
            account=self.account,
            catalogue=self.catalogue,
            spec=self.spec,
            intents=self.intents,
            plan=self.plan,
            lost=self.lost,
            drift=self.drift,
            lacking=self.lacking,
            cost_before=self.cost_before,
            cost_after=self.cost_after,
        )


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan's bytes and their digest."""

    kubisnap_plan: int
    digest: str
    plan: msgspec.Raw


def save_plan(prepared: Prepared, context: Context) -> bytes:
    """Return the file of a plan towards a declared cluster (`prepare_create`, `prepare_change`)."""
    if prepared.spec is None or prepared.translation is not None:
        raise InvalidInput("plan", "only a plan towards a declared cluster can be saved")
    saved = SavedPlan(
        cluster_id=prepared.cluster_id,
        position=prepared.position,
        operations=prepared.state.operations,
        made=context.now(),
        actor=context.envelope(0).actor,
        tool=context.tool,
        account=prepared.account,
        spec=prepared.spec,
        intents=prepared.intents,
        plan=prepared.plan,
        lost=prepared.lost,
        drift=prepared.drift,
        lacking=prepared.lacking,
        cost_before=prepared.cost_before,
        cost_after=prepared.cost_after,
        catalogue=_priced(prepared),
    )
    content = msgspec.json.encode(saved)
    return msgspec.json.encode(
        _File(kubisnap_plan=FORMAT, digest=_digest(content), plan=msgspec.Raw(content))
    )


def is_plan(start: bytes) -> bool:
    """Tell by a file's first bytes whether it is, or was, a saved plan."""
    return start.startswith(_MAGIC)


def load_plan(content: bytes, name: str) -> SavedPlan:
    """Return the plan in the file `name`, every byte verified. What it says is not believed.

    Raises `InvalidInput` for another kind of file, `CorruptPlan` for a damaged or a newer one.
    """
    if not is_plan(content):
        raise InvalidInput("PLAN", f"{name} is not a saved plan", advice="kubisnap plan CLUSTER --out FILE")
    if len(content) > MAX_BYTES:
        raise CorruptPlan(name, f"it is longer than {MAX_BYTES} bytes")
    try:
        file = msgspec.json.decode(content, type=_File)
    except _UNREADABLE as error:
        raise CorruptPlan(name, f"it is damaged: {error}") from error
    if file.kubisnap_plan != FORMAT:
        raise CorruptPlan(name, f"it is in format {file.kubisnap_plan}, this kubisnap reads {FORMAT}")
    if file.digest != _digest(bytes(file.plan)):
        raise CorruptPlan(name, "it is damaged: its digest does not match")
    try:
        saved = msgspec.json.decode(file.plan, type=SavedPlan)
        validate(saved.spec)
    except (*_UNREADABLE, InvalidInput) as error:
        raise CorruptPlan(name, f"what it says makes no plan: {error}") from error
    if not _CLUSTER_ID.fullmatch(saved.cluster_id) or saved.position < 0:
        raise CorruptPlan(name, "what it says makes no plan: its cluster or its position cannot be")
    return saved


def refuse_if_stale(journal: Journal, saved: SavedPlan, context: Context, *, file: str) -> ClusterState:
    """Return the cluster's state if the log stands where the plan was made. Raises `StalePlan`."""
    state = journal.state(saved.cluster_id)
    claim = journal.claim_of(saved.name)
    if not saved.position and not state.position and claim is not None and not claim.released:
        state = journal.state(claim.cluster_id)  # somebody else's, of the same name
    if state.position == saved.position:
        return state
    views = operations(saved.name, journal.read(state.cluster_id))
    now = context.now()
    raise StalePlan(
        saved.name,
        file,
        saved.position,
        state.position,
        tuple(
            Came(
                f"#{view.number} {view.kind} {view.summary}".rstrip(),
                view.actor,
                timestamp(view.started),
                ago((now - view.started) // 1_000_000),
            )
            for view in views
            if view.events[-1].version > saved.position
        ),
        again=_again(saved),
    )


def prepare_saved(
    journal: Journal, cloud: Cloud, saved: SavedPlan, context: Context, *, file: str = ""
) -> Prepared:
    """Prepare to carry out a saved plan: exactly what it says, or nothing.

    Raises `StalePlan` when log, account or cloud are not as they were, and what `prepare_create` and
    `prepare_change` raise.
    """
    state = refuse_if_stale(journal, saved, context, file=file)
    if state.position:
        spec = None if saved.spec == state.spec() else saved.spec
        fresh = prepare_change(cloud, state, context, spec=spec)
    else:
        try:
            fresh = prepare_create(journal, cloud, saved.spec, context, cluster_id=saved.cluster_id)
        except AlreadyExists:  # between the look and now
            refuse_if_stale(journal, saved, context, file=file)
            raise
    reason = ""
    if fresh.account.id != saved.account.id:
        reason = f"it was made for account {saved.account.id}, the credentials open {fresh.account.id}"
    elif _content(fresh) != _content(saved):
        reason = _difference(saved.plan, fresh.plan)
    if reason:
        raise StalePlan(saved.name, file, saved.position, state.position, reason=reason, again=_again(saved))
    return fresh


def _again(saved: SavedPlan) -> str:
    """Return what a new plan is asked for with: where this one declares something, a file said it."""
    return "-f FILE" if saved.intents else saved.name


def _content(what: Prepared | SavedPlan) -> bytes:
    """Return what would be done, in a form that compares equal after a journey through a file."""
    return msgspec.json.encode((what.spec, what.intents, what.plan, what.lost, what.drift), order="sorted")


def _difference(then: Plan, now: Plan) -> str:
    """Say what would be done that the saved plan does not say, and the other way round."""
    before, after = _by_what(then), _by_what(now)
    told = [f"now also {what}" for what in after if what not in before]
    told += [f"no longer {what}" for what in before if what not in after]
    told += [f"{what} otherwise" for what in after if what in before and after[what] != before[what]]
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return "; ".join(["what is at the cloud changed meanwhile", *told[:_NAMED]]) + more


def _by_what(plan: Plan) -> dict[str, bytes]:
    """Return each step by what it does to what; where it stands in its plan is left out."""
    return {
        f"{step.action} {step.key}": msgspec.json.encode(
            msgspec.structs.replace(step, id=0, after=(), phase=0)
        )
        for step in plan.steps
    }


def _priced(prepared: Prepared) -> Catalogue:
    """Return the catalogue with nothing in it but what the plan's prices come from."""
    resources: list[Any] = [item for step in prepared.plan.steps for item in (step.resource, step.before)]
    used = {item.size for item in resources if isinstance(item, Server)}
    sizes = tuple(size for size in prepared.catalogue.sizes if size.name in used)
    return msgspec.structs.replace(prepared.catalogue, regions=(), images=(), sizes=sizes)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
