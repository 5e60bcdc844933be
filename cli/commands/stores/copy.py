"""``kubisnap stores copy``."""

from collections import Counter
from typing import Annotated

import typer

from ...session import Session

_TELL_EVERY = 10_000
"""Events."""


def copy(
    session: Session,
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="The store with the history.", show_default=False)
    ],
    target: Annotated[
        str, typer.Argument(metavar="TO", help="The store that gets it; made if need be.", show_default=False)
    ],
) -> None:
    """Copy all events of a store into another one.

    Between files and PostgreSQL, in any direction. Every event stays what it is, byte for byte, and so
    does their order. FROM is not written to. What TO has already and is the same is passed over: a copy
    that was cut short goes on. Nothing there is overwritten: another history is refused before anything
    is copied. In the end both are read again and compared.

    Run it while nothing else runs, and use only one of the two afterwards. A team's store is
    postgresql://USER@HOST/DATABASE.

    Examples:
      kubisnap stores copy sqlite:///store.sqlite sqlite:///copy.sqlite
      kubisnap stores copy sqlite:///store.sqlite sqlite:///copy.sqlite --progress none
    """
    from ....engine.errors import NotFound
    from ....engine.journal.copying import copy_history
    from ....engine.journal.log import open_journal
    from ...render.style import counted

    told = Counter[str]()

    def listen(doing: str, rows: int) -> None:
        if session.progress != "none" and rows // _TELL_EVERY > told[doing]:
            told[doing] = rows // _TELL_EVERY
            session.tell(f"{doing} {counted(rows, 'event')}")

    with open_journal(source) as old:
        if not old.made:
            raise NotFound("store", old.url)
        with open_journal(target, create=True) as new:
            copied = copy_history(old, new, listen)
            urls = old.url, new.url
    before = copied.rows - copied.added
    there = f"; {counted(before, 'event')} had been there before" if before else ""
    both = f"{counted(copied.rows, 'event')} of {counted(copied.streams, 'log')}, the same in both"
    lines = [
        f"copied {counted(copied.added, 'event')} from {urls[0]} to {urls[1]}{there}",
        f"compared: {both}: sha256:{copied.digest}",
    ]
    session.result(
        "\n".join(lines),
        "StoresCopy",
        {
            "source": urls[0],
            "target": urls[1],
            "events": copied.rows,
            "logs": copied.streams,
            "added": copied.added,
            "digest": f"sha256:{copied.digest}",
        },
    )
    session.next(f"export KUBISNAP_STORE={urls[1]}")
