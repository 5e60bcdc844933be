"""``kubisnap snapshots``."""

from typing import Annotated

import typer

from .. import options
from ..session import Session


def snapshots(
    session: Session,
    cluster: options.SnapshotsOf = "",
    latest: Annotated[bool, typer.Option("--latest", help="The newest of each cluster only.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Forgotten ones, too.")] = False,
    archives: options.Archives = "",
) -> None:
    """List the snapshots in an archive store.

    By their names alone: opens none, and asks no cloud. What is not a snapshot is counted.

    Examples:
      kubisnap snapshots
      kubisnap snapshots web --latest -o json
    """
    from ...archives.stores.trash import listing
    from .. import wiring
    from ..archives_at import archive_store, of_cluster
    from ..render import stored as render
    from ..render.style import counted, printable

    store = archive_store(archives)
    now = wiring.context(session).now()
    seen = listing(store)
    items = of_cluster(seen.items if everything else seen.snapshots, cluster)
    if latest:
        newest = {item.name.folder: item for item in reversed(items)}
        items = [item for item in items if newest[item.name.folder] is item]
    whose = f" of {cluster}" if cluster else ""
    session.result(
        render.snapshots_text(items, now, utc=session.utc, forgotten=everything)
        or f"no snapshots{whose} in {store.url}",
        "Snapshots",
        {
            "archives": store.url,
            "snapshots": [render.snapshot_document(item) for item in items],
            "others": [printable(stored.name) for stored in seen.strangers],
        },
    )
    if seen.strangers:
        session.tell(f"note: {counted(len(seen.strangers), 'other file')} there, not named as snapshots are")
