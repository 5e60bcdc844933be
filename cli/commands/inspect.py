"""``kubisnap inspect``."""

from typing import TYPE_CHECKING

from .. import access as opening
from .. import options
from ..session import Session

if TYPE_CHECKING:
    pass


def inspect(
    session: Session,
    file: options.Snapshot,
    identity: opening.Identity = None,
    trusted: opening.Trusted = None,
    signed: opening.Signed = False,
    archives: options.Archives = "",
) -> None:
    """Show what is in a snapshot file, without reading all of it.

    Reads its beginning and its end, and verifies these only; of an encrypted one without a key what
    everybody may know. Stdin, and files of format 1, are read and verified to the end.

    Examples:
      kubisnap inspect web.ksnap
      kubisnap inspect web.ksnap -o json
    """
    from ..archiving import name_of
    from ..inspecting import inspect_file
    from ..render import archives as render
    from ..sources import locate

    access = opening.access_of(session, identity, trusted, signed=signed)
    file = locate(file, archives)
    found = inspect_file(file, access)
    records = None if found.records is None else dict(found.records)
    session.result(
        render.inspected_text(name_of(file), found.info, records, whole=found.whole),
        "Inspection",
        {**render.info_document(file, found.info), "records": records, "verified": found.whole},
    )
