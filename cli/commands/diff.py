"""``kubisnap diff``."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .. import access as opening
from .. import options
from ..session import Session

if TYPE_CHECKING:
    from ..sides import Side

_SIDES = typer.Argument(
    metavar="[CLUSTER] [A] [B]",
    help="A file, a cluster, a moment of it (web#41, web@2h, web@-), or live.",
    show_default="the only cluster, and live",
    autocompletion=options.clusters_in_store,
)


def diff(
    session: Session,
    sides: Annotated[list[str] | None, _SIDES] = None,
    parents: options.Parents = None,
    stat: Annotated[bool, typer.Option("--stat", help="How many differences, part by part.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 5 when they differ.")] = False,
    identity: opening.Identity = None,
    trusted: opening.Trusted = None,
    signed: opening.Signed = False,
    archives: options.Archives = "",
) -> None:
    """Show what differs between two moments, clusters or archives.

    Of what is declared: pools, sizes, networks, firewalls, versions, not the order in which they were
    written; between archives also blobs, by label. Archives are verified first, with what they go on
    from. A cluster alone is compared with its cloud, resource by resource, and nothing is recorded; a
    moment alone with how it is now.

    Examples:
      kubisnap diff web
      kubisnap diff web '#1' '#2'
      kubisnap diff web@- live
      kubisnap diff web.ksnap web -o json
      kubisnap diff web.ksnap web-before.ksnap --stat
    """
    from .. import differing, exits, wiring
    from ..render import differences as render
    from ..sides import File, sides_of
    from ..sources import locate

    access = opening.access_of(session, identity, trusted, signed=signed)
    context = wiring.context(session)

    def located(side: "Side") -> "Side":
        return File(locate(side.text, archives)) if isinstance(side, File) else side

    typed = sides_of(sides or [], now=context.now(), zone=wiring.local_zone())
    before, after = differing.look_up(session, [located(side) for side in typed], parents or [], access)
    done = differing.compare_sides(before, after, context)
    color = session.colored(sys.stdout)
    text = (
        render.stat_text(done.found, same=done.same)
        if stat
        else render.differences_text(done.found, same=done.same, color=color)
    )
    document = render.differences_document(before.name, after.name, done.found)
    if before.then or after.then:
        document["as_of"] = {"before": before.document, "after": after.document}
    session.result(text, "Diff", document)
    if exit_code and done.found:
        raise typer.Exit(exits.CODES["differs"])
