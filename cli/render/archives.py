"""Archives as people read them, and as machines do."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...archives import Blob, SnapshotInfo
from ...archives.info import digest_text
from ..inspecting import Sample
from ..verifying import Verified
from .style import counted, printable, rfc3339, size, table

# ── inspect ──────────────────────────────────────────────────────────────────────────────────────


def inspected_text(file: str, info: SnapshotInfo, records: Mapping[str, int] | None, *, whole: bool) -> str:
    """Return what is known of an archive."""
    header, manifest = info.header, info.manifest
    rows = [
        ["cluster", f"{header.cluster_name} ({header.cluster_id})"],
        ["format", f"{info.format}, written by {header.tool}"],
        ["log", _log(info)],
        ["times", f"{rfc3339(manifest.first_time)} to {rfc3339(manifest.last_time)}"],
        ["parent", _parent(info)],
        ["blobs", f"{manifest.blobs}, {size(manifest.blob_bytes)}"],
        ["secrets", _secrets(info)],
        ["size", f"{size(info.size)}, {size(manifest.raw)} uncompressed ({_ratio(info):.1f} : 1)"],
        ["records", _records(records)],
        ["digest", info.digest],
        ["signed", _signed(info)],
        ["encrypted", _encrypted(info)],
    ]
    lines = [f"  {line}" for line in table([row for row in rows if row[1]]).splitlines()]
    end = f"verified: all of {file} was read" if whole else f"not verified: kubisnap verify {file}"
    return "\n".join([file, *lines, end])


def _log(info: SnapshotInfo) -> str:
    header = info.header
    if not header.events:
        return f"no event after {header.first - 1}"
    return f"{counted(header.events, 'event')}, {header.first} to {header.position}"


def _parent(info: SnapshotInfo) -> str:
    parent = info.header.parent
    return "" if parent is None else f"{digest_text(parent.root)}, up to event {parent.position}"


def _secrets(info: SnapshotInfo) -> str:
    omitted = info.manifest.omitted
    left = f"; left out, for want of encryption: {', '.join(omitted)}" if omitted else ""
    return f"{info.manifest.secrets}{left}"


def _ratio(info: SnapshotInfo) -> float:
    return info.manifest.raw / info.size


def _records(records: Mapping[str, int] | None) -> str:
    if records is None:
        return ""
    kinds = ", ".join(f"{count} of {kind}" for kind, count in records.items() if count)
    return f"{sum(records.values())}: {kinds}" if kinds else "none"


def _signed(info: SnapshotInfo) -> str:
    checked = [f"{name} (trusted)" for name in info.signers]
    return ", ".join([*checked, *(f"{printable(name)} (not checked)" for name in info.strangers)]) or "no"


def _encrypted(info: SnapshotInfo) -> str:
    sealed = info.header.sealed
    return "no" if sealed is None else f"for {counted(len(sealed.slots), 'key')}"


def info_document(file: str, info: SnapshotInfo) -> dict[str, Any]:
    """Return what is known of an archive as JSON."""
    header, manifest = info.header, info.manifest
    parent = header.parent
    return {
        "file": file,
        "cluster": header.cluster_name,
        "cluster_id": header.cluster_id,
        "format": info.format,
        "tool": header.tool,
        "digest": info.digest,
        "first": header.first,
        "position": header.position,
        "events": manifest.events,
        "blobs": manifest.blobs,
        "blob_bytes": manifest.blob_bytes,
        "secrets": manifest.secrets,
        "omitted": list(manifest.omitted),
        "bytes": info.size,
        "raw_bytes": manifest.raw,
        "first_time": rfc3339(manifest.first_time),
        "last_time": rfc3339(manifest.last_time),
        "parent": None
        if parent is None
        else {"digest": digest_text(parent.root), "position": parent.position},
        "signers": list(info.signers),
        "strangers": list(info.strangers),
        "keys": 0 if header.sealed is None else len(header.sealed.slots),
    }


# ── cat --list ───────────────────────────────────────────────────────────────────────────────────


def blobs_text(blobs: Sequence[Mapping[str, Any]]) -> str:
    """Return a line for each of the `blob_document`s."""
    rows = [
        [blob["digest"].removeprefix("sha256:")[:16], size(blob["bytes"]), blob["label"]] for blob in blobs
    ]
    return table(rows, header=["DIGEST", "SIZE", "LABEL"])


def blob_document(blob: Blob) -> dict[str, Any]:
    """Return a blob as JSON, without its content."""
    return {"digest": digest_text(blob.digest), "bytes": len(blob.data), "label": blob.label}


# ── verify ───────────────────────────────────────────────────────────────────────────────────────


def verified_text(file: str, found: Verified) -> str:
    """Say what was verified, and what was not."""
    lines = [f"ok: {file}", f"  cluster  {_cluster(found)}", *_file_lines(found.info)]
    if len(found.links) > 1:
        events = sum(link.manifest.events for link in found.links)
        before = counted(len(found.links) - 1, "snapshot")
        lines.append(f"  goes on  from {before}, verified, too: {counted(events, 'event')} in all")
    if found.missing is not None:
        lines.append(
            f"  ! parent {found.missing.parent} not found: "
            f"the events before {found.missing.position + 1} were not looked at"
        )
    if not found.info.opened:
        lines.append("  ! without a key: every byte is as it was written, what is in it was not looked at")
    return "\n".join(lines)


def _cluster(found: Verified) -> str:
    if found.cluster is None:
        return found.info.header.cluster_name
    spec = found.cluster.spec
    place = spec.placement
    return f"{spec.name} ({place.cloud}/{place.region}), {counted(len(spec.servers()), 'server')}"


def _file_lines(info: SnapshotInfo) -> list[str]:
    manifest = info.manifest
    signed = "" if _signed(info) == "no" else f"  signed   {_signed(info)}"
    return [
        f"  log      {counted(manifest.events, 'event')} up to {rfc3339(manifest.last_time)}",
        f"  file     {size(info.size)}, {info.digest}",
        *([signed] if signed else []),
    ]


def sample_text(file: str, found: Sample) -> str:
    """Say what was read of an archive of which a sample was verified."""
    share = found.bytes / found.info.size
    return "\n".join(
        [
            f"ok: {file}, as far as it was read",
            f"  cluster  {found.info.header.cluster_name}",
            *_file_lines(found.info),
            f"  read     {found.records} of {counted(found.of, 'record')}, {share:.1%} of the bytes",
        ]
    )


def verified_document(file: str, found: Verified) -> dict[str, Any]:
    """Return the same as JSON."""
    return {
        **_verification(file, found.info),
        "parents": [link.digest for link in found.links[1:]],
        "missing": None if found.missing is None else found.missing.parent,
        "read_bytes": found.info.size,
    }


def sample_document(file: str, found: Sample) -> dict[str, Any]:
    """Return the same as JSON."""
    parent = found.info.header.parent
    return {
        **_verification(file, found.info),
        "parents": [],
        "missing": None if parent is None else digest_text(parent.root),
        "read_bytes": found.bytes,
    }


def _verification(file: str, info: SnapshotInfo) -> dict[str, Any]:
    return {
        "file": file,
        "ok": True,
        "cluster": info.header.cluster_name,
        "events": info.manifest.events,
        "bytes": info.size,
        "digest": info.digest,
        "first": info.header.first,
        "position": info.header.position,
        "signers": list(info.signers),
        "strangers": list(info.strangers),
    }
