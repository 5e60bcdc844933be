"""What people keep logs and manifests with: gzip, tar, zstd, Velero's layout, restic, Borg.

Each gets the same data in the form that suits it best, on a disk in memory where there is one. What is
not installed is said to be so: None.
"""

import gzip
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.archive.manifests import Manifest
from benchmarks.table import seconds

GZIP_LEVEL = 6
"""gzip's default, and that of Go's compress/gzip, which Velero writes with."""
PASSWORD = "only-for-the-benchmark"


# ── gzip ─────────────────────────────────────────────────────────────────────────────────────


class _Count(io.RawIOBase):
    """Takes everything and keeps the number of bytes."""

    size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        taken = memoryview(data).nbytes  # type: ignore[arg-type]  # whatever has a buffer
        self.size += taken
        return taken


def gzipped_lines(lines: Iterable[bytes]) -> int:
    """Return the size of the lines as ``gzip -6`` writes them."""
    counted = _Count()
    with gzip.GzipFile(fileobj=counted, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as sink:
        for line in lines:
            sink.write(line + b"\n")
    return counted.size


def tar_gz(members: Iterable[tuple[str, bytes]]) -> int:
    """Return the size of a tar of the members through ``gzip -6``."""
    counted = _Count()
    with (
        gzip.GzipFile(fileobj=counted, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as sink,
        tarfile.open(fileobj=sink, mode="w|", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(data), 1_700_000_000, 0o755
            tar.addfile(info, io.BytesIO(data))
    return counted.size


def path_of(item: Manifest, version: str = "") -> str:
    """Return where Velero puts an object: `version` is empty or ``/v1-preferredversion``."""
    *api, kind, place, name = _split(item.name)
    group = f".{api[0]}" if len(api) > 1 else ""
    scope = f"namespaces/{place}" if place else "cluster"
    return f"resources/{kind.lower()}s{group}{version}/{scope}/{name}.json"


def _split(name: str) -> list[str]:
    """Return group and version, kind, namespace (may be empty), name."""
    parts = name.split("/")
    at = next(place for place, part in enumerate(parts) if part[:1].isupper())
    rest = parts[at + 1 :]
    return [*parts[: at + 1], *([""] if len(rest) == 1 else []), *rest]


def velero(given: Iterable[Manifest]) -> int:
    """Return the size of Velero's archive: each object twice, one directly behind the other."""
    return tar_gz(
        (path_of(item, version), item.data)
        for item in given
        for version in ("", f"/{_split(item.name)[-4]}-preferredversion")
    )


def tar_once(given: Iterable[Manifest]) -> int:
    """Return the size of a tar.gz with each object once."""
    return tar_gz((path_of(item), item.data) for item in given)


# ── files ────────────────────────────────────────────────────────────────────────────────────


def in_memory() -> str | None:
    """Return a folder in memory for temporary files, if the system has one."""
    shared = "/dev/shm"
    return shared if os.access(shared, os.W_OK) else None


def write_files(folder: Path, given: Iterable[Manifest]) -> None:
    """Write each manifest to a file of its own; those that are there and the same stay as they are."""
    for item in given:
        path = folder / path_of(item)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != item.data:
            path.write_bytes(item.data)


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _run(command: Sequence[str | Path], env: dict[str, str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        said = f"{done.stdout[-1000:]}{done.stderr[-2000:]}"
        raise SystemExit(f"{' '.join(map(str, command))} failed with {done.returncode}:\n{said}")


# ── restic and Borg ──────────────────────────────────────────────────────────────────────────


class Backup(NamedTuple):
    """Two backups one after the other: bytes that each added to the repository, and seconds."""

    first: int
    first_seconds: float
    second: int
    second_seconds: float


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment without the user's settings, everything in `folder`."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
        "RESTIC_REPOSITORY": str(folder / "repository"),
        "RESTIC_CACHE_DIR": str(folder / "cache"),
        "RESTIC_PASSWORD": PASSWORD,
        "BORG_REPO": str(folder / "repository"),
        "BORG_BASE_DIR": str(folder),
        "BORG_PASSPHRASE": PASSWORD,
    }


TOOLS: dict[str, tuple[list[str], list[str]]] = {
    "restic": (["restic", "init"], ["restic", "backup", "--quiet", "--host=bench", "files"]),
    "borg": (
        ["borg", "init", "--encryption=repokey-blake2"],
        ["borg", "create", "--compression=zstd,3", "--files-cache=mtime,size", "::{now:%f}", "files"],
    ),
}
"""How each is begun and run. restic compresses by itself (zstd, `auto`); for Borg the fastest of its
ciphers' modes on processors of today, zstd 3 rather than its default lz4 since size is compared, too, and
a cache that trusts time and size, which saves it a look at every inode."""


def back_up(tool: str, folder: Path, first: Sequence[Manifest], second: Sequence[Manifest]) -> Backup | None:
    """Back the two states up with a tool, in a new folder; None where it is not installed."""
    if shutil.which(tool) is None:
        return None
    folder.mkdir()
    env = _environment(folder)
    begin, again = TOOLS[tool]
    _run(begin, env, folder)
    sizes, times = [size_of(folder / "repository")], []
    for state in (first, second):
        write_files(folder / "files", state)
        times.append(seconds(lambda: _run(again, env, folder)))
        sizes.append(size_of(folder / "repository"))
    # what an empty repository has already counts for the first: whoever begins has to make one
    return Backup(sizes[1], times[0], sizes[2] - sizes[1], times[1])


# ── tar | zstd ───────────────────────────────────────────────────────────────────────────────

LAYOUTS = {"a file an event": 1, "a file a thousand": 1000, "one file": 1 << 40}
"""How many lines of JSON stand in one file."""


def write_lines(folder: Path, lines: Sequence[bytes], together: int) -> None:
    """Write the log as files of so many lines."""
    folder.mkdir()
    for number, start in enumerate(range(0, len(lines), together)):
        group = folder / f"{number // 1000:04}"
        group.mkdir(exist_ok=True)
        (group / f"{number:09}.json").write_bytes(b"\n".join(lines[start : start + together]) + b"\n")


def tar_zstd(folder: Path, sink: Path) -> float | None:
    """Return how long ``tar | zstd -3`` of a folder takes on one thread each; None without them."""
    if shutil.which("zstd") is None or shutil.which("tar") is None:
        return None
    return seconds(lambda: _tar_zstd(folder, sink))


def _tar_zstd(folder: Path, sink: Path) -> None:
    tar_command = ["tar", "--create", "--file=-", "--directory", str(folder), "."]
    with sink.open("wb") as out, subprocess.Popen(tar_command, stdout=subprocess.PIPE) as tar:
        subprocess.run(["zstd", "-q", "-3", "-T1"], stdin=tar.stdout, stdout=out, check=True)
    if tar.returncode:
        raise SystemExit(f"tar failed with {tar.returncode}")
