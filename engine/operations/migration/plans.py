"""Preparing a migration: what it would do, cost and take, or where one that was begun goes on."""

from collections.abc import Callable, Sequence
from itertools import takewhile

import msgspec

from ...domain import events as ev
from ...domain.catalogue import Catalogue
from ...domain.cluster import ClusterState, Migration
from ...domain.model import ClusterSpec
from ...errors import AnotherMigration, InvalidInput, Refused, StillUnfinished
from ...journal.log import Journal
from ...ports import Allowance, Cloud
from ..calling import reading, regulated
from ..changing import Prepared, prepare_change, prepare_create, refuse_if_held
from ..context import Context
from ..cost import Cost
from ..snapshots import ArchivedCluster, of_state
from ..translation import Translation, destination, refuse_losses
from .checking import Finding, estimate, failed, findings

CAPTURE, CREATE, CUT_OVER, RETIRE = "capture", "create", "cut-over", "retire"
"""Names of steps that others ask about."""

Translate = Callable[[ClusterSpec, Catalogue, Allowance], Translation]
"""Fits a cluster to a catalogue, with what is there already."""


class MigrationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A migration, ready to be looked at.

    `steps` are all of them by name, `done` those that were taken before. `prepared` is what is to be made
    at the target. `cost_before` is None where nobody knows what the source costs. `seconds` is how long
    making it takes, about. `again` says why what was done before is done anew.
    """

    id: str
    source: ev.MigrationEnd
    target: ev.MigrationEnd
    steps: tuple[str, ...]
    done: tuple[str, ...]
    prepared: Prepared
    archived: ArchivedCluster
    findings: tuple[Finding, ...]
    cost_before: Cost | None
    seconds: int
    again: str = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """Return what is in its way."""
        return failed(self.findings)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self.done == self.steps

    @property
    def resumed(self) -> bool:
        """Whether it was begun before."""
        return bool(self.done) or bool(self.again)


def under_way(state: ClusterState, steps: Sequence[str] = (CUT_OVER,)) -> Migration | None:
    """Return the migration away from a cluster that was begun, and of which not all `steps` were taken."""
    found = state.migration
    if found is None or found.source.cluster_id != state.cluster_id or set(steps) <= found.taken.keys():
        return None
    return found


def prepare_migration(
    journal: Journal,
    state: ClusterState,
    cloud: Cloud,
    context: Context,
    translate: Translate,
    *,
    steps: Sequence[str],
    name: str = "",
    region: str = "",
    strict: bool = False,
) -> MigrationPlan:
    """Prepare to migrate a cluster to `cloud`, or to go on with it. Asks the target's cloud only.

    `steps` are the names of those to take. `region` is the one asked for, by any of its names, or empty;
    `name` is the new cluster's, by default the old one's with the cloud behind it. With `strict` nothing
    may be lost there.
    Raises `Refused`, `LossesRefused`, `Locked`, `StillUnfinished`, `AnotherMigration`, and what
    `prepare_create` and `prepare_change` raise.
    """
    refuse_if_held(state, context)
    begun = _still_wanted(journal, under_way(state, steps) or _over(state, cloud, name))
    if begun is None or CUT_OVER not in begun.taken:  # after that the source may be half gone
        _refuse_what_cannot_move(state)
    cloud = regulated(cloud, context)
    catalogue = reading(cloud.catalogue, context)
    if begun is not None:
        place = region and destination(state.spec(), catalogue, region=region).name
        _refuse_another(state, begun, (cloud.name, place, name))
    target_id = context.new_id() if begun is None else begun.target.cluster_id
    target = journal.state(target_id)
    fitted, allowance = _fitted(state, cloud, catalogue, context, translate, there=target.declared)
    if strict:
        refuse_losses(fitted)
    new_name = begun.target.name if begun else name or _name(state, cloud)
    spec = msgspec.structs.replace(fitted.spec, name=new_name)
    archived = of_state(state)
    captured = None if begun is None else begun.taken.get(CAPTURE)
    # after the cut-over the new cluster has a life of its own
    settled = begun is not None and CUT_OVER in begun.taken
    again = "" if captured is None or settled else _moved_on(journal, state, captured.position)
    if not target.declared:
        prepared = prepare_create(
            journal, cloud, spec, context, origin=archived.origin, translation=fitted, cluster_id=target_id
        )
    else:
        prepared = prepare_change(cloud, target, context, spec=spec if again else None)
    end = ev.MigrationEnd(
        cluster_id=target_id,
        name=spec.name,
        cloud=cloud.name,
        region="" if prepared.spec is None else prepared.spec.placement.region,
    )
    return MigrationPlan(
        id=context.new_id() if begun is None else begun.id,
        source=_end(state),
        target=end,
        steps=tuple(steps),
        done=_done(begun, steps, again=again, complete=settled or prepared.empty),
        prepared=prepared,
        archived=archived,
        findings=findings(prepared.plan, catalogue, allowance, state),
        cost_before=fitted.source_cost,
        seconds=estimate(prepared.plan, catalogue),
        again=again,
    )


def _fitted(
    state: ClusterState,
    cloud: Cloud,
    catalogue: Catalogue,
    context: Context,
    translate: Translate,
    *,
    there: bool,
) -> tuple[Translation, Allowance]:
    """Return the cluster as it fits the target, and what there is room for in the region that was chosen."""
    spec = state.spec()
    region = translate(spec, catalogue, Allowance()).spec.placement.region
    allowance = reading(lambda: cloud.allowance(region), context)
    if there:  # its own network is in nobody's way
        allowance = msgspec.structs.replace(allowance, ranges=())
    return translate(spec, catalogue, allowance), allowance


def _refuse_what_cannot_move(state: ClusterState) -> None:
    if state.retired or not state.declared:
        raise Refused(f"{state.name or 'the cluster'} is not wanted any more: there is nothing to migrate")
    pending = state.pending()
    if pending is not None:
        raise StillUnfinished(state.name, pending.numbers[-1], pending.last.value)


def _over(state: ClusterState, cloud: Cloud, name: str) -> Migration | None:
    """Return the migration to the very cluster that is asked for, if that came to its end."""
    found = state.migration
    if found is None or found.source.cluster_id != state.cluster_id:
        return None
    same = (found.target.cloud, found.target.name) == (cloud.name, name or _name(state, cloud))
    return found if same else None


def _still_wanted(journal: Journal, begun: Migration | None) -> Migration | None:
    """Return what was begun, unless its new cluster was given up since."""
    if begun is None or journal.state(begun.target.cluster_id).retired:
        return None
    return begun


def _refuse_another(state: ClusterState, begun: Migration, asked: tuple[str, str, str]) -> None:
    """Raise `AnotherMigration` if cloud, region and name are not those of what was begun; empty: any."""
    there = (begun.target.cloud, begun.target.region, begun.target.name)
    if any(one and one != other for one, other in zip(asked, there, strict=True)):
        raise AnotherMigration(state.name, str(begun.target), begun.target.name)


def _name(state: ClusterState, cloud: Cloud) -> str:
    """Return the old name with the cloud behind it, instead of a cloud that stands there already."""
    old = "" if state.placement is None else f"-{state.placement.cloud}"
    name = f"{state.name.removesuffix(old) if old else state.name}-{cloud.name}"
    if name == state.name:
        raise InvalidInput("name", f"{name} is what it is called already", advice="--as NAME")
    return name


def _end(state: ClusterState) -> ev.MigrationEnd:
    cloud, region = ("", "") if state.placement is None else (state.placement.cloud, state.placement.region)
    return ev.MigrationEnd(cluster_id=state.cluster_id, name=state.name, cloud=cloud, region=region)


def _moved_on(journal: Journal, state: ClusterState, position: int) -> str:
    """Say that the source is not as it was captured any more, or nothing."""
    then = journal.state(state.cluster_id, until=position)
    return "" if then.spec() == state.spec() else f"{state.name} was changed since it was captured"


def _done(begun: Migration | None, steps: Sequence[str], *, again: str, complete: bool) -> tuple[str, ...]:
    """Return the steps that need not be taken again; `complete`: nothing is missing at the target."""
    taken = () if begun is None else tuple(takewhile(begun.taken.__contains__, steps))
    if again and CAPTURE in taken:
        return taken[: taken.index(CAPTURE)]
    if CREATE in taken and not complete:
        return taken[: taken.index(CREATE)]
    return taken
