"""``kubisnap verify``."""

from typing import TYPE_CHECKING, Any

from .. import options
from ..session import Session

if TYPE_CHECKING:
    from ...archives import SnapshotInfo


def verify(session: Session, file: options.Snapshot, parents: options.Parents = None) -> None:
    """Check every byte of a snapshot file.

    Exits with 13 when it is damaged, truncated, or not an archive; nothing is changed.

    Examples:
      kubisnap verify web.ksnap
      kubisnap verify web.ksnap -o json
    """
    from ..archiving import from_file
    from ..render.style import counted

    unpacked = from_file(file, parents or [])
    archived, info = unpacked.cluster, unpacked.info
    place = archived.spec.placement
    servers = counted(len(archived.spec.servers()), "server")
    lines = [f"ok: {file}", f"  cluster  {archived.spec.name} ({place.cloud}/{place.region}), {servers}"]
    session.result("\n".join(lines + _lines(info)), "Verification", _document(file, info))


def _lines(info: "SnapshotInfo") -> list[str]:
    from ..render.style import counted, rfc3339, size

    manifest = info.manifest
    return [
        f"  log      {counted(manifest.events, 'event')} up to {rfc3339(manifest.last_time)}",
        f"  file     {size(info.size)}, {info.digest}",
    ]


def _document(file: str, info: "SnapshotInfo") -> dict[str, Any]:
    return {
        "file": file,
        "ok": True,
        "cluster": info.header.cluster_name,
        "events": info.manifest.events,
        "bytes": info.size,
        "digest": info.digest,
    }
