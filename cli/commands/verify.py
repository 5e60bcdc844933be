"""``kubisnap verify``."""

from typing import TYPE_CHECKING, Annotated

import typer

from .. import access as opening
from .. import options
from ..session import Session

if TYPE_CHECKING:
    pass


def verify(
    session: Session,
    file: Annotated[
        str,
        typer.Argument(
            metavar="CLUSTER|SNAPSHOT",
            help="A cluster's log; or a snapshot: a file, -, s3://BUCKET/NAME, snap:DIGEST, snap:latest.",
            show_default=False,
            autocompletion=options.clusters_in_store,
        ),
    ],
    parents: options.Parents = None,
    read_data: Annotated[
        str,
        typer.Option("--read-data", metavar="SHARE", help="Check a random sample only: 10%."),
    ] = "100%",
    identity: opening.Identity = None,
    trusted: opening.Trusted = None,
    signed: opening.Signed = False,
    archives: options.Archives = "",
) -> None:
    """Check every byte of a snapshot file, or of a cluster's log.

    The log against its hash chain: what was edited, removed, inserted or put elsewhere is found, and where.
    A snapshot with those that it goes on from; one that is not there is named, the rest is checked all
    the same. With --read-data 10% its beginning, its end, the signature and a random tenth of its records are
    checked: of a large file on a slow disk, often. Exits with 13 when it is damaged, truncated, or not an
    archive; nothing is changed.

    Examples:
      kubisnap verify web
      kubisnap verify web.ksnap
      kubisnap verify web.ksnap --read-data 10% -o json
    """
    from ..render import archives as render
    from ..sources import locate
    from ..verifying import Verified, share_of, verify_file, verify_sample
    from ..verifying_logs import is_cluster, refuse_for_logs, verify_log

    if is_cluster(session, file):
        given = {
            "--with": parents,
            "--read-data": read_data != "100%",
            "--identity": identity,
            "--trusted": trusted,
            "--signed": signed,
            "--archives": archives,
        }
        refuse_for_logs(file, [name for name, value in given.items() if value])
        verify_log(session, file)
        return
    access = opening.access_of(session, identity, trusted, signed=signed, keyless=identity is None)
    file = locate(file, archives)
    share = share_of(read_data, file)
    found = verify_sample(file, share, access) if share < 1 else verify_file(file, parents or [], access)
    if isinstance(found, Verified):
        text, document = render.verified_text(file, found), render.verified_document(file, found)
    else:
        text, document = render.sample_text(file, found), render.sample_document(file, found)
    session.result(text, "Verification", document)
