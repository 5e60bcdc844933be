"""What goes through a whole log, or need not: rebuilding the index, verifying, the state of a moment."""

import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from random import Random

from benchmarks.archive import log
from benchmarks.audit import stores
from benchmarks.audit.asking import p95
from benchmarks.table import Figure, interleaved, median_ratio, seconds
from kubisnap.engine.journal.codec import Codec
from kubisnap.engine.journal.log import Journal, open_journal

RUNS = 3
MOMENTS = 60
REBUILD_BAR, VERIFY_BAR, STATE_BAR = 3.0, 50.0, 100.0
_AT_ONCE = 2_000


# ── rebuilding ───────────────────────────────────────────────────────────────────────────────


def rebuilding(store: Path, count: int) -> list[Figure]:
    """Compare making the index of all events anew with reading and decoding them in their order."""
    with tempfile.TemporaryDirectory(prefix="kubisnap-rebuild-", dir=store.parent) as made:
        copied = stores.copy(store, Path(made))
        with open_journal(f"sqlite:///{copied}") as journal:
            found = interleaved(
                RUNS, lambda: seconds(journal.rebuild_audit), lambda: seconds(lambda: _decode_all(copied))
            )
    rebuilt, read = (statistics.median(run[index] for run in found) for index in (0, 1))
    return [
        Figure("rebuild: reading and decoding alone", count / read, "events/s"),
        Figure("rebuild: the index", count / rebuilt, "events/s"),
        Figure(
            "rebuild: over reading and decoding", median_ratio(found, 0, 1), "x", REBUILD_BAR, at_most=True
        ),
    ]


def _decode_all(store: Path) -> None:
    decode = Codec().decode
    last = 0
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        while rows := connection.execute(
            "SELECT rowid, originator_id, originator_version, topic, state FROM stored_events "
            "WHERE rowid > ? ORDER BY rowid LIMIT ?",
            (last, _AT_ONCE),
        ).fetchall():
            for row in rows:
                decode(row[1], row[2:])
            last = rows[-1][0]


# ── verifying ────────────────────────────────────────────────────────────────────────────────


def verifying(store: Path, count: int) -> list[Figure]:
    """Compare verifying the chain of one cluster with reading and hashing the same bytes."""
    stream = log.cluster_id()
    with open_journal(f"sqlite:///{store}") as journal:
        report = journal.verify(stream)
        if report.findings or report.events != count:
            raise AssertionError(f"the chain of {report.events} events is not whole: {report.findings}")
        found = interleaved(
            RUNS,
            lambda: seconds(lambda: journal.verify(stream)),
            lambda: seconds(lambda: _hash(store, stream)),
        )
    ours, bare = (statistics.median(run[index] for run in found) for index in (0, 1))
    return [
        Figure("verify: reading and hashing alone", count / bare, "events/s"),
        Figure("verify: the chain", count / ours, "events/s"),
        Figure("verify: share of that speed", 100 * median_ratio(found, 1, 0), "%", VERIFY_BAR),
    ]


def _hash(store: Path, stream: str) -> None:
    """Hash the bytes of each of the stream's rows, which is what a chain needs at least."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        for _, _, state in connection.execute(
            "SELECT originator_version, topic, state FROM stored_events "
            "WHERE originator_id = ? ORDER BY originator_version",
            (stream,),
        ):
            sha256(state).digest()


# ── the state of a moment ────────────────────────────────────────────────────────────────────


def moments(store: Path, what: str) -> list[Figure]:
    """Measure the state of the big cluster at random moments; the first fold of all is told beside."""
    stream, random = log.cluster_id(), Random(3)
    with (
        tempfile.TemporaryDirectory(prefix="kubisnap-moments-", dir=store.parent) as made,
        open_journal(f"sqlite:///{stores.copy(store, Path(made))}") as journal,
    ):
        started = time.perf_counter()
        last = journal.state(stream).position
        first = time.perf_counter() - started
        times = [_state(journal, stream, random.randint(1, last)) for _ in range(MOMENTS)]
    return [
        Figure(f"state, {what}: folding all {last:,} once", first, "s"),
        Figure(f"state, {what}: of any moment, p95", p95(times), "ms", STATE_BAR, at_most=True),
    ]


def _state(journal: Journal, stream: str, until: int) -> float:
    started = time.perf_counter()
    state = journal.state(stream, until=until)
    taken = (time.perf_counter() - started) * 1000
    if state.position != until:
        raise AssertionError(f"the state is of {state.position}, not of {until}")
    return taken
