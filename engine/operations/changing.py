"""Changing a cluster: prepare (look, decide, plan; nothing changes), then carry out.

`Prepared` is everything that a person needs to see before saying yes, bound to the position of the
log at which it was made: if somebody else writes in between, carrying out is refused.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import msgspec

from ..domain import decisions
from ..domain import events as ev
from ..domain.catalogue import Catalogue, Feature
from ..domain.model import ClusterSpec
from ..domain.resources import Key, Kind
from ..domain.state import ClusterState, apply_event
from ..domain.undoing import Undoing
from ..domain.validation import validate
from ..errors import AlreadyExists, BudgetExceeded, LogMoved, TooManyDeletions, WrongAccount
from ..journal.log import Journal
from ..ports import Account, Cloud
from .adopting import adopt
from .blueprint import blueprint
from .calling import reading, regulated
from .context import Context
from .cost import Cost, cluster_cost, resource_cost
from .drift import Drift, caught_up, find_drift, news, plan_around
from .execution import Executor, Result
from .observing import Observation, observe
from .planning import Plan, plan
from .recording import OperationLog
from .settling import settle
from .steps import Action
from .traffic import Regulated
from .translation import Translation, complete, inherit, lacking

MAX_DELETIONS = 10
"""What goes without being asked for by number: a pool that shrinks, a replaced server and what hangs on
it; not a cluster whose specification lost half of its lines."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A change, ready to be looked at. `spec` is what will be declared; None when it goes away.

    `present` is what was at the cloud, by kind and id; `lost` is gone from there, `lacking` is what the
    cloud has nothing for. `settled` says what became of calls of unknown outcome. `drift` is what somebody
    else changed, `news` what the log does not say of it yet. `undoing` is what this takes back, if it does.
    `position` is where the log stood; a change is carried out once, and from there only.
    """

    state: ClusterState
    position: int
    cluster_id: str
    name: str
    account: Account
    catalogue: Catalogue
    spec: ClusterSpec | None
    intents: tuple[ev.AnyEvent, ...]
    plan: Plan
    present: frozenset[tuple[Kind, str]] = frozenset()
    settled: tuple[ev.StepSettled, ...] = ()
    drift: tuple[Drift, ...] = ()
    news: tuple[ev.DriftObserved | ev.ResourceUpdated, ...] = ()
    lost: tuple[tuple[Key, str], ...] = ()
    lacking: tuple[str, ...] = ()
    translation: Translation | None = None
    undoing: Undoing | None = None
    cost_before: Cost = Cost()
    cost_after: Cost = Cost()

    @property
    def empty(self) -> bool:
        """Whether nothing would change, neither in the log nor at the cloud."""
        return self.idle and not self.news

    @property
    def idle(self) -> bool:
        """Whether nothing would change but what the log says of drift."""
        # the name of a deleted cluster is still to be given back, a dead process's operation to be ended
        unfinished = (self.spec is None and not self.state.gone) or self.state.pending() is not None
        nothing = self.plan.empty and not self.intents and not self.lost
        return nothing and not unfinished and self.undoing is None

    @property
    def told_only(self) -> bool:
        """Whether nothing is done or declared: only the log is to hear of drift, or of an operation's end."""
        nothing = self.plan.empty and not self.intents and not self.lost
        return nothing and self.spec is not None and self.undoing is None and not self.empty

    @property
    def new(self) -> bool:
        """Whether the cluster does not exist yet."""
        return not self.state.declared


def prepare_create(
    journal: Journal,
    cloud: Cloud,
    spec: ClusterSpec,
    context: Context,
    *,
    origin: ev.Origin | None = None,
    translation: Translation | None = None,
    cluster_id: str = "",
) -> Prepared:
    """Prepare a cluster that does not exist. `cluster_id`: one that was chosen before, for a saved plan.

    Raises `AlreadyExists`, `InvalidInput`, `Denied` and other `CloudError`.
    """
    validate(spec)
    claim = journal.claim_of(spec.name)
    if claim is not None and not claim.released:
        pending = journal.state(claim.cluster_id).pending()
        raise AlreadyExists(spec.name, 0 if pending is None else pending.numbers[-1])
    cloud = regulated(cloud, context)
    account = reading(cloud.account, context)
    catalogue = reading(cloud.catalogue, context)
    spec = complete(spec, catalogue)
    cluster_id = cluster_id or context.new_id()
    return Prepared(
        state=ClusterState(),
        position=0,
        cluster_id=cluster_id,
        name=spec.name,
        account=account,
        catalogue=catalogue,
        spec=spec,
        intents=tuple(decisions.declare(spec, cluster_id=cluster_id, origin=origin)),
        plan=plan(blueprint(spec, catalogue), ()),
        lacking=tuple(lacking(spec, catalogue)),
        translation=translation,
        cost_after=cluster_cost(spec, catalogue),
    )


def prepare_change(
    cloud: Cloud, state: ClusterState, context: Context, *, spec: ClusterSpec | None = None
) -> Prepared:
    """Prepare to bring a cluster to `spec`, or to what is declared already.

    Raises `Locked`, `WrongAccount`, `Refused`, `InvalidInput`, `CloudError`.
    """
    cloud, account, catalogue = approach(cloud, state, context)
    declared = state.spec()
    wanted = declared
    if spec is not None:
        validate(spec)
        wanted = complete(inherit(spec, declared), catalogue, declared=declared)
    decisions.amend(state, wanted)  # what is refused is refused before anything is asked
    settled = settle_pending(cloud, state, catalogue, context)
    seen = observe(cloud, state, context)
    drifts = find_drift(state, seen, blueprint(wanted, catalogue), wanted.drift)
    wanted, drifts = adopt(wanted, declared, drifts)
    desired = blueprint(wanted, catalogue)
    steps, drifts = plan_around(desired, seen.known, drifts, state)
    stays_gone = {drift.key for drift in drifts if drift.missing and drift.stays}
    return Prepared(
        state=state,
        position=state.position,
        cluster_id=state.cluster_id,
        name=state.name,
        account=account,
        catalogue=catalogue,
        spec=wanted,
        intents=tuple(decisions.amend(state, wanted)),
        plan=_without_loss(steps, catalogue),
        present=seen.present,
        settled=settled,
        drift=tuple(drifts),
        news=(*news(state, drifts), *caught_up(desired, seen.known, state)),
        lost=tuple(item for item in seen.lost if item[0] not in stays_gone),
        lacking=tuple(lacking(wanted, catalogue)),
        cost_before=_cost_now(seen, catalogue),
        cost_after=cluster_cost(wanted, catalogue),
    )


def prepare_delete(cloud: Cloud, state: ClusterState, context: Context) -> Prepared:
    """Prepare to remove everything that the cluster has at its cloud."""
    cloud, account, catalogue = approach(cloud, state, context)
    settled = settle_pending(cloud, state, catalogue, context)
    seen = observe(cloud, state, context)
    return Prepared(
        state=state,
        position=state.position,
        cluster_id=state.cluster_id,
        name=state.name,
        account=account,
        catalogue=catalogue,
        spec=None,
        intents=tuple(decisions.retire(state)),
        plan=_without_loss(plan((), seen.known), catalogue),
        present=seen.present,
        settled=settled,
        lost=seen.lost,
        cost_before=_cost_now(seen, catalogue),
    )


def carry_out(
    journal: Journal,
    cloud: Cloud,
    prepared: Prepared,
    context: Context,
    *,
    kind: ev.OperationKind,
    summary: str,
    opening: Sequence[ev.AnyEvent] = (),
    closing: Callable[[], Sequence[ev.AnyEvent]] = tuple,
) -> Result:
    """Record and run what was prepared.

    `opening` is written down before anything is done, what `closing` returns when all of it was done,
    together with the operation's end.

    Raises `LogMoved` when the log is no longer where it was, `OperationFailed`, `Interrupted`.
    """
    number = prepared.state.operations + 1
    started = started_event(prepared, context, kind, summary)
    state = begin(journal, prepared, context, [started, *opening, *_opening(prepared)], number)
    log = OperationLog(journal, state, context, number)
    # a deletion ends by giving the name back, in the same transaction
    finish = log.close if kind is ev.OperationKind.DELETE else log.append

    def ended(event: ev.OperationFinished) -> None:
        if event.outcome is ev.Outcome.SUCCEEDED:
            finish(*closing(), event)
        else:
            log.append(event)

    executor = Executor(
        cloud,
        prepared.account,
        log,
        prepared.plan,
        context,
        nameless=prepared.catalogue.nameless,
        before=prepared.present,
    )
    return executor.run(ended)


def begin(
    journal: Journal, prepared: Prepared, context: Context, opening: list[ev.AnyEvent], number: int
) -> ClusterState:
    """Record what stands before the first call to the cloud; the cluster is held from then on.

    Raises `LogMoved` when the log is no longer where it was.
    """
    state = prepared.state
    if state.position != prepared.position:  # carried out before
        raise LogMoved(prepared.position)
    if prepared.new:
        recorded = journal.found(prepared.cluster_id, prepared.name, opening, context.envelope(number))
    else:
        close_interrupted(journal, state, context)
        recorded = journal.append(state.cluster_id, state.position, opening, context.envelope(number))
    _evolve(state, recorded)
    return state


def started_event(
    prepared: Prepared, context: Context, kind: ev.OperationKind, summary: str
) -> ev.OperationStarted:
    """Return the event that begins the operation and takes the lease."""
    pending = prepared.state.pending()
    return ev.OperationStarted(
        kind=kind,
        summary=summary,
        holder=context.holder,
        tool=context.tool,
        cloud=prepared.catalogue.cloud,
        account=prepared.account.id,
        lease_seconds=decisions.LEASE_SECONDS,
        continues=0 if pending is None else pending.numbers[-1],
        of=0 if prepared.undoing is None else prepared.undoing.of,
    )


def settle_pending(
    cloud: Cloud, state: ClusterState, catalogue: Catalogue, context: Context
) -> tuple[ev.StepSettled, ...]:
    """Ask the cloud what became of the calls of unknown outcome in unfinished operations."""
    pending = state.pending()
    if pending is None or not pending.work.unknown:
        return ()
    return tuple(settle(cloud, state, pending.work.unknown, catalogue.nameless, context))


def approach(cloud: Cloud, state: ClusterState, context: Context) -> tuple[Regulated, Account, Catalogue]:
    """Return what every change of a cluster begins with: nobody holds it, and the account is its own.

    The cloud that is returned keeps to its limits. Raises `Locked`, `WrongAccount`, `CloudError`.
    """
    refuse_if_held(state, context)
    kept = regulated(cloud, context)
    account = checked_account(kept, state, context)
    return kept, account, reading(kept.catalogue, context)


def _opening(prepared: Prepared) -> list[ev.AnyEvent]:
    """Return the events that stand between the operation's start and its first call to the cloud."""
    events: list[ev.AnyEvent] = [*prepared.settled, *prepared.news, *prepared.intents]
    if prepared.translation is not None and prepared.spec is not None:
        events.append(
            ev.TranslationChosen(
                cloud=prepared.catalogue.cloud,
                region=prepared.spec.placement.region,
                choices=prepared.translation.choices,
                losses=prepared.translation.losses + prepared.translation.left,
            )
        )
    events += [ev.ResourceLost(key=key, resource_id=resource_id) for key, resource_id in prepared.lost]
    steps = tuple(
        ev.PlannedStep(
            id=step.id, action=step.action.value, key=step.key, reasons=step.reasons, after=step.after
        )
        for step in prepared.plan.steps
    )
    return [*events, ev.PlanAccepted(steps=steps)]


def _without_loss(steps: Plan, catalogue: Catalogue) -> Plan:
    """Return a plan that does not warn of lost disks where servers are given back and not destroyed."""
    if Feature.NEW_SERVERS in catalogue.features:
        return steps
    kept = (
        msgspec.structs.replace(step, irreversible="") if step.key.kind is Kind.SERVER else step
        for step in steps.steps
    )
    return msgspec.structs.replace(steps, steps=tuple(kept))


def refuse_if_held(state: ClusterState, context: Context) -> None:
    """Raise `Locked` while another operation holds the cluster."""
    alive = None if state.open is None else context.alive(state.open.holder)
    decisions.refuse_if_held(state, now=context.now(), holder_alive=alive)


def close_interrupted(journal: Journal, state: ClusterState, context: Context) -> None:
    """Record the end of an operation whose process is gone; the state moves on with it."""
    if state.open is None:
        return
    number = state.open.number
    event = ev.OperationFinished(
        outcome=ev.Outcome.INTERRUPTED, error=f"{state.open.holder} ended without saying how"
    )
    recorded = journal.append(state.cluster_id, state.position, [event], context.envelope(number))
    _evolve(state, recorded)


def checked_account(cloud: Cloud, state: ClusterState, context: Context) -> Account:
    """Return the account that the credentials open; raise `WrongAccount` if the cluster is not there."""
    account = reading(cloud.account, context)
    if state.bindings and state.account and state.account != account.id:
        raise WrongAccount(state.name, state.account, f"{account.id} ({account.title})")
    return account


def refuse_over_budget(prepared: Prepared, monthly: Decimal | None) -> None:
    """Raise `BudgetExceeded` when the cluster would cost more than `monthly` US dollars a month."""
    if monthly is not None and prepared.cost_after.monthly > monthly:
        raise BudgetExceeded(f"{prepared.cost_after.monthly:.2f}", f"{monthly:.2f}")


def refuse_mass_deletion(prepared: Prepared, allowed: int = MAX_DELETIONS) -> None:
    """Raise `TooManyDeletions` when more than `allowed` resources would be deleted."""
    deletions = prepared.plan.count(Action.DELETE)
    if deletions > allowed:
        raise TooManyDeletions(prepared.name, deletions, allowed)


def _cost_now(seen: Observation, catalogue: Catalogue) -> Cost:
    total = Cost()
    for item in seen.known:
        if item.recorded is not None:
            total += resource_cost(item.recorded, catalogue)
    return total


def _evolve(state: ClusterState, recorded: Iterable[ev.Recorded]) -> None:
    for item in recorded:
        apply_event(state, item)
