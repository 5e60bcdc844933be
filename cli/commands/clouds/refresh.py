"""``kubisnap clouds refresh``."""

from typing import TYPE_CHECKING

import typer

from ... import options
from ...session import Session

if TYPE_CHECKING:
    from ...render.offers import Refreshed


def refresh(session: Session, cloud: options.AnyCloud = "") -> None:
    """Ask clouds what they offer today, and keep it.

    With the credentials in the environment. Without CLOUD all are asked whose credentials are there; the
    others are named. What is kept is read by `clouds` and tells what a cluster costs where it comes from;
    a plan always asks its cloud.

    Examples:
      kubisnap clouds refresh sandbox
      kubisnap clouds refresh sandbox -o json
    """
    from ....engine.errors import Denied, InvalidInput
    from ...catalogues import all_known
    from ...exits import CODES
    from ...render.offers import refreshed_document, refreshed_text

    found = [_refreshed(item.cloud, alone=bool(cloud)) for item in all_known(cloud)]
    session.result(
        "\n".join(refreshed_text(item) for item in found),
        "Refreshed",
        {"clouds": [refreshed_document(item) for item in found]},
    )
    failed = [item.error for item in found if item.error is not None]
    if any(not isinstance(error, Denied | InvalidInput) for error in failed):
        raise typer.Exit(CODES["partial"])


def _refreshed(cloud: str, *, alone: bool) -> "Refreshed":
    """Ask one cloud; what goes wrong with one of several is told with the others' results."""
    from contextlib import closing

    from ....engine.errors import KubisnapError
    from ... import wiring
    from ...catalogues import keep, known
    from ...render.offers import Refreshed

    try:
        before = known(cloud).catalogue
        with closing(wiring.cloud(cloud, field="CLOUD")) as opened:
            now = opened.catalogue()
        keep(now)
    except KubisnapError as error:
        if alone:
            raise
        return Refreshed(cloud=cloud, error=error)
    return Refreshed(cloud=cloud, before=before, now=now)
