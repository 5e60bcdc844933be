"""``kubisnap clouds regions``."""

from typing import Annotated

import typer

from ... import options
from ...session import Session


def regions(
    session: Session,
    cloud: options.AnyCloud = "",
    near: Annotated[
        str,
        typer.Option("--near", metavar="PLACE", help="The nearest to a place first.", show_default=False),
    ] = "",
    number: options.Number = 0,
) -> None:
    """List regions, of all clouds or of one, with where they are.

    Asks no cloud. A place is a city or an area, such as frankfurt or us-east.

    Examples:
      kubisnap clouds regions --near frankfurt -n 5
      kubisnap clouds regions sandbox
    """
    from ....engine.domain.places import PLACES
    from ....engine.errors import InvalidInput
    from ...catalogues import all_known
    from ...render.offers import found_regions, region_document, regions_text

    if near and near not in PLACES:
        raise InvalidInput("--near", f"unknown place {near!r}", advice=f"places: {', '.join(PLACES)}")
    found = found_regions(all_known(cloud), PLACES.get(near))
    shown = found[: number or None]
    session.result(regions_text(shown), "Regions", {"regions": [region_document(item) for item in shown]})
    options.tell_more(session, len(found), len(shown))
