"""A small log, its header, and the archive of both."""

import io

import pytest

from kubisnap.archives import SnapshotHeader, write_snapshot
from kubisnap.engine.journal.codec import StoredRow


@pytest.fixture
def rows() -> tuple[StoredRow, ...]:
    return tuple(StoredRow(n, f"kind-{n % 2}", bytes([n]) * 20) for n in range(1, 6))


@pytest.fixture
def header() -> SnapshotHeader:
    return SnapshotHeader(
        cluster_id="0123456789abcdef" * 2,
        cluster_name="web",
        position=5,
        events=5,
        first_time=1_700_000_000_000_000,
        last_time=1_700_000_060_000_000,
        created=1_700_000_100_000_000,
        tool="kubisnap 0.1.0",
    )


@pytest.fixture
def archive(header: SnapshotHeader, rows: tuple[StoredRow, ...]) -> bytes:
    sink = io.BytesIO()
    write_snapshot(sink, header, rows)
    return sink.getvalue()
