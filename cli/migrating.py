"""`migrate`: show what it would do, ask, go step by step, report. The engine does all the rest."""

import socket
import sys
from collections.abc import Callable
from collections.abc import Mapping as Options
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from ..engine.domain.catalogue import Catalogue
from ..engine.domain.cluster import ClusterState
from ..engine.domain.events import MigrationEnd
from ..engine.domain.mapping import Mapping
from ..engine.domain.model import ClusterSpec
from ..engine.errors import (
    InvalidInput,
    KubisnapError,
    MigrationBlocked,
)
from ..engine.journal.log import Journal
from ..engine.operations.changing import refuse_over_budget
from ..engine.operations.context import Context
from ..engine.operations.migration import (
    STEPS,
    MigrationPlan,
    MigrationReport,
    Retirement,
    Translate,
    migrate,
    prepare_migration,
    step_names,
    under_way,
)
from ..engine.operations.snapshots import Capture, Written
from ..engine.operations.translation import Translation, translate
from ..engine.ports import Allowance, Cloud
from . import changes, wiring
from .anew import source_catalogue
from .archives_at import archive_store
from .archiving import Archivist
from .confirm import confirm_change, refuse_wrong_name
from .render.migrations import Tree, plan_document, plan_text, report_document, report_text
from .session import Session
from .stopping import stopping_at_once

_PATIENCE: Final = 60.0
"""Seconds in which a new server is to answer: it has booted when its cloud says so, its services may not."""
_ONE_TRY: Final = 5.0
_PAUSE: Final = 2.0


@dataclass(frozen=True)
class Wish:
    """What was typed."""

    cluster: str
    target: str
    name: str
    retire: str
    mapping: Path | None
    strict: bool
    reach: bool
    budget: str
    yes: bool
    dry_run: bool
    archives: str


def run(session: Session, wish: Wish, context_of: Options[str, Any]) -> None:
    """Migrate a cluster, or go on with it."""
    _refuse_wrong_retirement(wish)
    mapping = wiring.read_mapping(wish.mapping)
    context = wiring.context(session, **context_of)
    with wiring.journal(session) as journal:
        state = wiring.load_state(journal, wish.cluster)
    steps = step_names(retire=bool(wish.retire))
    begun = under_way(state, steps)
    cloud_name, region = _where_to(wish, None if begun is None else begun.target)
    with ExitStack() as stack:
        cloud = stack.enter_context(changes.opened(wiring.cloud(cloud_name, field="--to")))
        with wiring.journal(session) as journal:
            fit = _fitting(session, state, cloud, mapping, region)
            plan = _prepared(journal, state, cloud, context, fit, wish, mapping, region)
        if plan.over:
            session.tell(f"{plan.source.name} was migrated before; nothing is left to do")
        refuse_over_budget(plan.prepared, changes.budget_of(wish.budget))
        if wish.dry_run:
            text = plan_text(plan, color=session.colored(sys.stdout))
            session.result(text, "MigrationPlan", plan_document(plan))
            _refuse_if_blocked(plan)
            return
        if not plan.over:
            _show_and_ask(session, plan, wish)
        retirement = None
        if wish.retire:
            source_cloud = stack.enter_context(changes.opened(wiring.cloud_of(state)))
            retirement = Retirement(source_cloud, wiring.context(session, **context_of))
        report = _go(session, state, cloud, plan, context, wish, retirement)
    session.result(
        report_text(report, color=session.colored(sys.stdout)), "Migration", report_document(report)
    )
    if not wish.retire:
        session.next(f"kubisnap delete {state.name}      once nothing points to it any more")


def _refuse_wrong_retirement(wish: Wish) -> None:
    if wish.retire and wish.retire != wish.cluster:
        raise InvalidInput(
            "--retire-source",
            f"{wish.retire!r} is not the name of the cluster to take away, {wish.cluster!r}",
            advice=f"--retire-source {wish.cluster}",
        )
    refuse_wrong_name(wish.cluster, wish.retire)


def _where_to(wish: Wish, begun: MigrationEnd | None) -> tuple[str, str]:
    """Return cloud and region as they were typed, or those of what was begun."""
    cloud, _, region = wish.target.partition(":")
    if begun is not None:
        return cloud or begun.cloud, region or begun.region
    if not cloud:
        raise InvalidInput("--to", "where to?", advice="--to CLOUD or --to CLOUD:REGION")
    return cloud, region


def _fitting(session: Session, state: ClusterState, cloud: Cloud, mapping: Mapping, region: str) -> Translate:
    """Return what fits a cluster to the target, as it was asked for."""
    home = "" if state.placement is None else state.placement.cloud
    known = source_catalogue(session, home, cloud.name)

    def fit(spec: ClusterSpec, catalogue: Catalogue, allowance: Allowance) -> Translation:
        return translate(
            spec,
            catalogue,
            region=region,
            holder="the log",
            mapping=mapping,
            taken=allowance.ranges,
            source=catalogue if home == catalogue.cloud else known,
        )

    return fit


def _prepared(
    journal: Journal,
    state: ClusterState,
    cloud: Cloud,
    context: Context,
    fit: Translate,
    wish: Wish,
    mapping: Mapping,
    region: str,
) -> MigrationPlan:
    try:
        return prepare_migration(
            journal,
            state,
            cloud,
            context,
            fit,
            steps=step_names(retire=bool(wish.retire)),
            name=wish.name,
            region=region,
            strict=wish.strict,
        )
    except InvalidInput as error:
        options = {"name": "--as", "region": "--to"}
        raise changes.in_options(mapping.place(error), spec=state.spec(), options=options) from error


def _refuse_if_blocked(plan: MigrationPlan) -> None:
    if plan.problems:
        raise MigrationBlocked(plan.source.name, str(plan.target), plan.problems)


def _show_and_ask(session: Session, plan: MigrationPlan, wish: Wish) -> None:
    show = session.show if session.interactive and not wish.yes else session.tell
    show(f"{plan_text(plan, color=session.colored(sys.stderr))}\n")
    _refuse_if_blocked(plan)
    question = f"Migrate {plan.source.name} to {plan.target.cloud}/{plan.target.region}?"
    if wish.retire:
        question = f"Migrate {plan.source.name} to {plan.target.cloud}/{plan.target.region}, then delete it?"
    confirm_change(session, question, yes=wish.yes)


def _go(
    session: Session,
    state: ClusterState,
    cloud: Cloud,
    plan: MigrationPlan,
    context: Context,
    wish: Wish,
    retirement: Retirement | None,
) -> MigrationReport:
    as_json = session.json or session.progress == "jsonl"
    tree = Tree(session, sys.stderr)
    stopping = stopping_at_once(plan.target.name, as_json=as_json, deleting=False)
    try:
        with stopping, wiring.journal(session, create=True) as journal:
            return migrate(
                journal,
                state,
                cloud,
                plan,
                context,
                write=_writer(wish, context),
                reach=partial(answers, context=context) if wish.reach else None,
                retirement=retirement,
                witness=tree,
                steps=STEPS,
            )
    except KubisnapError:
        _tell_how_it_stands(session, state, wish)
        raise


def _tell_how_it_stands(session: Session, state: ClusterState, wish: Wish) -> None:
    """Say whether the source serves, and the command that goes on."""
    how = "is being taken away" if state.retired else "goes on serving as before"
    again = f" --retire-source {wish.retire}" if wish.retire else ""
    session.tell(f"note: {state.name} {how}")
    session.tell(f"      kubisnap migrate {state.name}{again}      goes on from here")


def _writer(wish: Wish, context: Context) -> Callable[[Capture], Written]:
    store = archive_store(wish.archives)

    def write(content: Capture) -> Written:
        return Archivist().to_store(content, store, context.now())

    return write


def answers(address: str, port: int, *, context: Context, patience: float = _PATIENCE) -> str:
    """Try for a minute whether something listens at an address; return what is wrong, or nothing."""
    deadline = context.clock.monotonic() + patience
    while True:
        try:
            with socket.create_connection((address, port), timeout=_ONE_TRY):
                return ""
        except OSError as error:
            problem = error.strerror or str(error)
        if context.clock.monotonic() + _PAUSE > deadline:
            return problem
        context.clock.sleep(_PAUSE)
