"""``kubisnap capture``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import access, options, secret_files
from ..session import Session

if TYPE_CHECKING:
    from ...engine.operations.snapshots import Capture, Captured, Written


def capture(
    session: Session,
    cluster: options.AnyCluster = "",
    out: Annotated[
        str,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The archive to write; - is stdout.",
            show_default="into the archive store",
        ),
    ] = "",
    archives: options.Archives = "",
    since: Annotated[
        str,
        typer.Option(
            "--incremental-from",
            metavar="SNAPSHOT",
            help="Write only what is new since this snapshot: a file, or snap:latest.",
            show_default=False,
        ),
    ] = "",
    parents: options.Parents = None,
    encrypt_to: access.EncryptTo = None,
    passphrase: access.WithPassphrase = False,
    sign_with: access.SignWith = None,
    secrets: secret_files.Given = None,
    identity: access.Identity = None,
    message: options.Message = "",
) -> None:
    """Write a cluster to one snapshot file.

    The file holds the whole log, or what is new since another snapshot, and is verified after writing.
    Without --out it is kept in the archive store. Asks no cloud: it works when the cloud does not.
    Never overwrites anything.

    Examples:
      kubisnap capture web --out web.ksnap
      kubisnap capture web --out web-before.ksnap -m "before the upgrade"
    """
    from ...archives import Secret
    from ...engine.operations.snapshots import capture as capture_log
    from .. import wiring
    from ..archives_at import archive_store
    from ..archiving import Archivist, base_of
    from ..sources import locate

    _refuse(session, out, since)
    store = None if out else archive_store(archives)
    context = wiring.context(session, message=message)
    with wiring.journal(session) as journal:
        name = wiring.only_cluster(journal, cluster)
        cluster_id = journal.cluster_id(name)
    base = None
    if since:
        since = locate(since, archives, cluster=f"{name}-{cluster_id[:8]}")
        base = base_of(since, parents or [], access.access_of(session, identity))
    archivist = Archivist(
        recipients=access.recipients_of(session, encrypt_to, passphrase=passphrase),
        sign_with=access.signers_of(sign_with),
        known=base.blobs if base else frozenset(),
        secrets=[Secret(*item) for item in secret_files.read_secrets(secrets).items()],
    )

    def write(content: "Capture") -> "Written":
        if store is not None:
            return archivist.to_store(content, store, context.now())
        return archivist.to_stdout(content) if out == "-" else archivist.to_file(content, Path(out))

    with wiring.journal(session) as journal:  # the log as it is once everything else was read and asked
        state = wiring.load_state(journal, name)
        done = capture_log(journal, state, context, write, base.since if base else None)
    where = out or f"snap:{done.written.digest.partition(':')[2][:12]}"
    _tell(session, name, where, done, archivist.omitted)


def _refuse(session: Session, out: str, since: str) -> None:
    """Raise `InvalidInput` where a snapshot cannot go, or come from."""
    from ...engine.errors import InvalidInput

    if out == "-" and (session.json or sys.stdout.isatty()):
        problem = "stdout is for the archive alone: no terminal, no -o json"
        raise InvalidInput("--out", problem, advice="--out FILE, or a pipe")
    if out.startswith(("s3://", "snap:")):
        problem = "that is not a file; a snapshot goes into a store, which names it"
        raise InvalidInput("--out", problem, advice="leave --out away: --archives s3://BUCKET/PREFIX")
    if since == "-":
        problem = "a snapshot from stdin is not gone on from"
        raise InvalidInput("--incremental-from", problem, advice="a file, or snap:latest")


def _tell(session: Session, name: str, out: str, done: "Captured", omitted: tuple[str, ...]) -> None:
    from ..render.style import counted, size

    if omitted:
        session.tell(f"! left out, as nothing is encrypted: {', '.join(omitted)}")
        session.tell("  with them: --encrypt-to KEY, or --passphrase")
    text = (
        f"#{done.operation} capture {name} · {counted(done.events, 'event')} · {size(done.written.size)} · "
        f"{done.written.digest[:19]} · {_where(out)}"
    )
    if out == "-":
        session.tell(text)
        return
    session.result(
        text,
        "Snapshot",
        {
            "cluster": name,
            "operation": done.operation,
            "file": done.written.file if out.startswith("snap:") else out,
            "digest": done.written.digest,
            "bytes": done.written.size,
            "events": done.events,
            "position": done.position,
            "omitted": list(omitted),
        },
    )
    session.next(f"kubisnap restore {out} --as NAME --on CLOUD:REGION")


def _where(out: str) -> str:
    if out == "-":
        return "to stdout"
    return f"{out}, verified" if not out.startswith("snap:") else f"verified, kept as {out}"
