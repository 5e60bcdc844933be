"""``kubisnap clouds refresh``."""

from typing import TYPE_CHECKING

import typer

from ... import options
from ...session import Session

if TYPE_CHECKING:
    from ....engine.domain.catalogue import Catalogue
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
    from ...catalogues import wanted
    from ...exits import CODES
    from ...render.offers import refreshed_document, refreshed_text

    found = [_refreshed(name, alone=bool(cloud)) for name in wanted(cloud)]
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
    from ...catalogues import keep
    from ...render.offers import Refreshed

    try:
        with closing(wiring.cloud(cloud, field="CLOUD")) as opened:
            now = opened.catalogue()
        before = _before(cloud)
        keep(now)
    except KubisnapError as error:
        if alone:
            raise
        return Refreshed(cloud=cloud, error=error)
    return Refreshed(cloud=cloud, before=before, now=now)


def _before(cloud: str) -> "Catalogue | None":
    """Return what was known before; nothing if that file is damaged, which this replaces."""
    from ....engine.errors import InvalidInput
    from ...catalogues import known

    try:
        return known(cloud).catalogue
    except InvalidInput:
        return None
