"""``kubisnap verify``."""

from pathlib import Path
from typing import Annotated

import typer

from ..session import Session


def verify(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A snapshot archive.", show_default=False)],
) -> None:
    """Check every byte of a snapshot file.

    Exits with 13 when it is damaged, truncated, or not an archive; nothing is changed.

    Examples:
      kubisnap verify web.ksnap
      kubisnap verify web.ksnap -o json
    """
    from ...engine.operations.snapshots import unpack
    from ..archiving import check_file, from_file
    from ..render.style import counted, rfc3339, size

    info = check_file(file)
    digest, rows = from_file(file)
    archived = unpack(str(file), digest, rows)
    place = archived.spec.placement
    servers = counted(len(archived.spec.servers()), "server")
    lines = [
        f"ok: {file}",
        f"  cluster  {archived.spec.name} ({place.cloud}/{place.region}), {servers}",
        f"  log      {counted(info.header.events, 'event')} up to {rfc3339(info.header.last_time)}",
        f"  file     {size(info.size)}, {info.digest}",
    ]
    session.result(
        "\n".join(lines),
        "Verification",
        {
            "file": str(file),
            "ok": True,
            "cluster": archived.spec.name,
            "events": info.header.events,
            "bytes": info.size,
            "digest": info.digest,
        },
    )
