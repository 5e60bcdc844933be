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
        str, typer.Option("--out", metavar="FILE", help="The archive to write; - is stdout.")
    ] = "",
    since: Annotated[
        str,
        typer.Option(
            "--incremental-from", metavar="FILE", help="Write only what is new since this snapshot."
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
    Asks no cloud: it works when the cloud does not. Never overwrites a file.

    Examples:
      kubisnap capture web --out web.ksnap
      kubisnap capture web --out web-before.ksnap -m "before the upgrade"
    """
    from ...archives import Secret
    from ...engine.errors import InvalidInput
    from ...engine.operations.snapshots import capture as capture_log
    from .. import wiring
    from ..archiving import Archivist, base_of

    if not out:
        raise InvalidInput("--out", "where to?", advice=f"--out {cluster or 'CLUSTER'}.ksnap")
    if out == "-" and (session.json or sys.stdout.isatty()):
        raise InvalidInput("--out", "stdout is for the archive alone: no terminal, no -o json")
    base = base_of(since, parents or [], access.access_of(session, identity)) if since else None
    archivist = Archivist(
        recipients=access.recipients_of(session, encrypt_to, passphrase=passphrase),
        sign_with=access.signers_of(sign_with),
        known=base.blobs if base else frozenset(),
        secrets=[Secret(*item) for item in secret_files.read_secrets(secrets).items()],
    )

    def write(content: "Capture") -> "Written":
        return archivist.to_stdout(content) if out == "-" else archivist.to_file(content, Path(out))

    context = wiring.context(session, message=message)
    with wiring.journal(session) as journal:
        name = wiring.only_cluster(journal, cluster)
        state = wiring.load_state(journal, name)
        done = capture_log(journal, state, context, write, base.since if base else None)
    _tell(session, name, out, done, archivist.omitted)


def _tell(session: Session, name: str, out: str, done: "Captured", omitted: tuple[str, ...]) -> None:
    from ..render.style import counted, size

    if omitted:
        session.tell(f"! left out, as nothing is encrypted: {', '.join(omitted)}")
        session.tell("  with them: --encrypt-to KEY, or --passphrase")
    text = (
        f"#{done.operation} capture {name} · {counted(done.events, 'event')} · {size(done.written.size)} · "
        f"{done.written.digest[:19]} · {'to stdout' if out == '-' else f'{out}, verified'}"
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
            "file": out,
            "digest": done.written.digest,
            "bytes": done.written.size,
            "events": done.events,
            "position": done.position,
            "omitted": list(omitted),
        },
    )
    session.next(f"kubisnap restore {out} --as NAME --on CLOUD:REGION")
