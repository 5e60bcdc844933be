"""With which keys archives are written and opened: the options for that, and what they come to."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .session import Session

if TYPE_CHECKING:
    from ..archives import Access, Recipients, SigningKey

PANEL = "Keys"

Identity = Annotated[
    list[str] | None,
    typer.Option(
        "--identity",
        metavar="KEY",
        help="A private key that opens it: a name or a file. Refuses an archive that is not encrypted.",
        show_default="your own keys",
        rich_help_panel=PANEL,
    ),
]
Trusted = Annotated[
    Path | None,
    typer.Option(
        "--trusted",
        metavar="FILE",
        help="Whose signatures count: public keys, one a line.",
        show_default="trusted in the keys folder, and your own keys",
        rich_help_panel=PANEL,
    ),
]
Signed = Annotated[
    bool,
    typer.Option("--signed", help="Refuse what nobody trusted has signed.", rich_help_panel=PANEL),
]
EncryptTo = Annotated[
    list[str] | None,
    typer.Option(
        "--encrypt-to",
        metavar="KEY",
        help="Who can read it: a name, age1..., ssh-..., or a file of them. Several times for several.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
WithPassphrase = Annotated[
    bool,
    typer.Option(
        "--passphrase",
        help="Encrypt it, too, with a passphrase: asked for, or as KUBISNAP_PASSPHRASE_FILE says.",
        rich_help_panel=PANEL,
    ),
]
SignWith = Annotated[
    list[str] | None,
    typer.Option(
        "--sign-with",
        metavar="KEY",
        help="Who signs it: the name of a key of yours, or its file.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]


def access_of(
    session: Session,
    identity: Sequence[str] | None = None,
    trusted: Path | None = None,
    *,
    signed: bool = False,
    keyless: bool = False,
) -> "Access":
    """Return how archives are opened: with the keys named, or with all of one's own.

    A passphrase comes from the environment, or is asked for when an archive has one and no key fits.
    """
    from ..archives import Access, Identities
    from .keyfiles import Kind, own_names
    from .keyring import given_passphrase, identities, passphrase, trusted_keys

    given = given_passphrase()

    def own() -> Identities:
        return Identities(identities(own_names(Kind.ENCRYPTION)), given)

    return Access(
        identities=None if identity is None else Identities(identities(identity), given),
        trusted=trusted_keys(trusted),
        encrypted=identity is not None,
        signed=signed,
        keyless=keyless,
        find=own,
        ask=partial(passphrase, session) if given is None and session.interactive else None,
    )


def recipients_of(session: Session, keys: Sequence[str] | None, *, passphrase: bool) -> "Recipients | None":
    """Return who is to be able to read an archive; None for everybody."""
    from ..archives import Recipients
    from .keyring import passphrase as asked
    from .keyring import recipient

    if not keys and not passphrase:
        return None
    public = tuple(dict.fromkeys(key for text in keys or () for key in recipient(text)))
    return Recipients(public, asked(session, new=True) if passphrase else None)


def signers_of(keys: Sequence[str] | None) -> "tuple[SigningKey, ...]":
    """Return the keys to sign with."""
    from .keyring import signing_key

    return tuple(signing_key(text) for text in keys or ())
