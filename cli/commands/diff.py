"""``kubisnap diff``."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .. import access as opening
from .. import options
from ..session import Session

if TYPE_CHECKING:
    pass

_OLDER = typer.Argument(metavar="FILE", help="A snapshot archive; - is stdin.", show_default=False)
_NEWER = typer.Argument(metavar="FILE", help="The one to compare with it.", show_default=False)


def diff(
    session: Session,
    before: Annotated[str, _OLDER],
    after: Annotated[str, _NEWER],
    parents: options.Parents = None,
    stat: Annotated[bool, typer.Option("--stat", help="How many differences, part by part.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 5 when they differ.")] = False,
    identity: opening.Identity = None,
    trusted: opening.Trusted = None,
    signed: opening.Signed = False,
    archives: options.Archives = "",
) -> None:
    """Show what differs between two snapshots.

    Of what is declared: pools, sizes, networks, firewalls, versions, not the order in which they were
    written; and blobs, by label. Both are verified first, with what they go on from.

    Examples:
      kubisnap diff web.ksnap web-before.ksnap
      kubisnap diff web.ksnap web-before.ksnap --stat -o json
    """
    from .. import exits
    from ..differing import compare_files
    from ..render import archives as render
    from ..sources import locate

    access = opening.access_of(session, identity, trusted, signed=signed)
    before, after = locate(before, archives), locate(after, archives)
    found = compare_files(before, after, parents or [], access)
    color = session.colored(sys.stdout)
    text = render.stat_text(found) if stat else render.differences_text(found, color=color)
    session.result(text, "Diff", render.differences_document(before, after, found))
    if exit_code and found:
        raise typer.Exit(exits.CODES["differs"])
