"""``kubisnap clouds sizes``."""

from typing import Annotated

import typer

from ... import options
from ...session import Session


def sizes(
    session: Session,
    cloud: options.AnyCloud = "",
    vcpus: Annotated[
        int, typer.Option("--vcpu", metavar="N", min=0, help="At least so many.", show_default=False)
    ] = 0,
    memory: Annotated[
        str, typer.Option("--memory", metavar="SIZE", help="At least so much: 4GiB.", show_default=False)
    ] = "",
    disk: Annotated[
        str, typer.Option("--disk", metavar="SIZE", help="At least so much: 80GiB.", show_default=False)
    ] = "",
    architecture: Annotated[
        str, typer.Option("--arch", metavar="NAME", help="x86_64 or arm64.", show_default="both")
    ] = "",
    region: Annotated[
        str,
        typer.Option(
            "--region", metavar="NAME", help="In this region only.", show_default="where it is cheapest"
        ),
    ] = "",
    number: options.Number = 20,
) -> None:
    """List sizes of servers, of all clouds or of one, the cheapest first.

    Asks no cloud. Prices are US dollars a month; those that nobody knows come last.

    Examples:
      kubisnap clouds sizes --vcpu 2 --memory 4GiB
      kubisnap clouds sizes sandbox --memory 16GiB --region sim-eu-central -n 3
    """
    from ...catalogues import all_known
    from ...render.offers import found_sizes, need_of, size_document, sizes_text

    need = need_of(vcpus, memory, disk, architecture)
    found = found_sizes(all_known(cloud), need, architecture=architecture, region=region)
    shown = found[: number or None]
    session.result(sizes_text(shown), "Sizes", {"sizes": [size_document(item) for item in shown]})
    options.tell_more(session, len(found), len(shown))
