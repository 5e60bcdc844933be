"""What `restore` and `fork` have in common: a new cluster like one that is, or was, known."""

from ..engine.domain.catalogue import Catalogue
from ..engine.domain.mapping import NO_MAPPING, Mapping
from ..engine.errors import InvalidInput
from ..engine.operations.context import Context
from ..engine.operations.snapshots import ArchivedCluster, prepare_restore
from . import as_of, changes, wiring
from .catalogues import known
from .session import Session

_OPTIONS = {"name": "--as", "region": "--on"}
"""What stands for a field of the specification that is made anew."""


def make_anew(
    session: Session,
    archived: ArchivedCluster,
    context: Context,
    what: changes.Change,
    *,
    name: str,
    target: str,
    left: tuple[str, ...] = (),
    mapping: Mapping = NO_MAPPING,
    strict: bool = False,
) -> bool:
    """Show what is translated and lost, ask, make the cluster; return whether that happened.

    `name` empty: its own; `target` is ``CLOUD[:REGION]`` as typed, empty: where it is or was. With
    `strict` it is refused if anything is lost there.
    """
    cloud, _, region = target.partition(":")
    where = wiring.cloud(cloud or archived.spec.placement.cloud, field="--on")
    source = source_catalogue(session, archived.spec.placement.cloud, where.name)
    with changes.opened(where) as opened:
        with wiring.journal(session) as journal:
            try:
                prepared = prepare_restore(
                    journal,
                    opened,
                    archived,
                    context,
                    name=name,
                    region=region,
                    left=left,
                    mapping=mapping,
                    strict=strict,
                    source=source,
                )
            except InvalidInput as error:
                told = mapping.place(error)
                raise changes.in_options(told, spec=archived.spec, options=_OPTIONS) from error
        ran = changes.change(session, opened, prepared, context, what)
    if ran:
        session.next(f"kubisnap get {prepared.name}")
    return ran


def source_catalogue(session: Session, cloud: str, target: str) -> Catalogue | None:
    """Return what is known of the cloud that a cluster comes from, for its cost there, without asking it."""
    if cloud == target:  # which is asked anyway
        return None
    try:
        return known(cloud).catalogue
    except InvalidInput as error:
        session.tell(f"note: what it costs where it comes from is not known: {error}")
        return None


def source_text(session: Session, then: as_of.Then) -> str:
    """Say which moment of which cluster a new one is made from."""
    return f"from {then.called} as of {as_of.moment_text(then.moment, utc=session.utc)}"
