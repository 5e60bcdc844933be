"""``kubisnap keys generate``."""

from enum import StrEnum
from typing import Annotated

import typer

from ...session import Session


class Only(StrEnum):
    """One of the two kinds of keys."""

    SIGNING = "signing"
    ENCRYPTION = "encryption"


def generate(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.", show_default=False)],
    only: Annotated[
        Only | None, typer.Option("--only", help="Make one of the two.", show_default="both")
    ] = None,
) -> None:
    """Make a key to sign archives with and one to encrypt them for.

    The private halves stay in files that only you can read, in KUBISNAP_KEYS or the data folder; nothing
    is ever written over. The encryption key is one of age's: `age -d -i NAME.age` takes it.

    Examples:
      kubisnap keys generate ops
      kubisnap keys generate backup --only encryption
    """
    from ...keyfiles import Kind, make
    from ...render.style import printable, table
    from .list import document

    made = make(name, (Kind(only.value),) if only else tuple(Kind))
    lines = [[str(key.kind), key.public] for key in made]
    lines += [
        ["private" if not number else "", printable(str(key.private))] for number, key in enumerate(made)
    ]
    rows = table(lines).splitlines()
    session.result("\n".join([f"made {name}", *(f"  {row}" for row in rows)]), "Keys", document(made))
    for key in made:
        loss = (
            "without it, archives that are encrypted for it alone cannot be read"
            if key.kind is Kind.ENCRYPTION
            else "a new one is a new key, which nobody trusts yet"
        )
        session.tell(f"back up {name}{key.kind.suffix}: {loss}")
