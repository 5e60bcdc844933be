"""The store under the simulation: the real one, on a disk that can be full and under power that can fail.

Every commit is synced, so what a power cut may lose or tear is what the commit that was under way had
written: the bytes of the write-ahead log that it changed.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from kubisnap.adapters.sandbox import Sandbox
from kubisnap.engine.domain import events as ev
from kubisnap.engine.journal.log import Journal, open_journal
from kubisnap.engine.journal.sqlite import Recorder

from .judging import DamagedError
from .scheduling import Process, Scheduler, SimulatedClock

_SECTOR = 512
_EMPTY: dict[str, bytes] = {}
"""A store and a cloud that nothing was put into."""


def furnish(folder: Path) -> None:
    """Put an empty store and an empty cloud into a folder: to make them anew takes longer."""
    if not _EMPTY:
        with tempfile.TemporaryDirectory() as name:
            first = Path(name)
            clock = SimulatedClock(Scheduler(Random(0)).world)
            sandbox = Sandbox(first / "cloud.sqlite", clock=clock)
            sandbox.inventory()
            sandbox.close()
            open_journal(f"sqlite:///{first / 'store.sqlite'}", create=True).close()
            _EMPTY.update({file.name: file.read_bytes() for file in first.iterdir()})
    for file, content in _EMPTY.items():
        (folder / file).write_bytes(content)


class Shelf:
    """The store's files, and what was promised to be on them: `books`, by stream.

    `power_fails` is set to let the power fail within the next commit, `full` while there is no room.
    """

    def __init__(self, folder: Path, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.books: dict[str, list[ev.Recorded]] = {}
        self.begun: dict[str, dict[tuple[int, int], ev.StepStarted]] = {}
        """By stream: the steps that have no outcome in the books."""
        self.heard: dict[tuple[str, int], float] = {}
        """When each operation of each stream wrote last, by the true time."""
        self.holding: dict[str, int] = {}
        """The operation that began last in each stream."""
        self.holders: dict[str, Process] = {}
        """By stream: the process whose operation is open."""
        self.power_fails = False
        self.full = False
        self.powered: list[Process] = []
        self._folder = folder
        self._lives = 0
        self.recorder = self._open(folder / "store.sqlite")

    def _open(self, path: Path) -> Recorder:
        self.path = path
        self.journal = open_journal(f"sqlite:///{path}", create=True)
        recorder = self.journal._recorder
        assert isinstance(recorder, Recorder)
        return recorder

    def close(self) -> None:
        """Close the files."""
        self.journal.close()

    def write(self, recorded: Sequence[ev.Recorded]) -> None:
        """Take note of what is promised to be on disk."""
        for item in recorded:
            self.books.setdefault(item.stream, []).append(item)
            event = item.event
            self.heard[item.stream, item.operation] = self.scheduler.time
            if isinstance(event, ev.OperationStarted):
                self.holding[item.stream] = item.operation
            elif isinstance(event, ev.StepStarted):
                self.begun.setdefault(item.stream, {})[item.operation, event.step] = event
            elif isinstance(event, ev.StepSucceeded | ev.StepFailed):
                self.begun.setdefault(item.stream, {}).pop((item.operation, event.step), None)

    @contextmanager
    def room(self) -> Iterator[None]:
        """Let SQLite find the disk as full as it is."""
        if not self.full:
            yield
            return
        with self.recorder.datastore.get_connection(commit=True) as connection:
            cursor = connection.cursor()
            cursor.execute("PRAGMA page_count")
            (pages,) = cursor.fetchone()
            cursor.execute(f"PRAGMA max_page_count={pages}")
        try:
            yield
        finally:
            with self.recorder.datastore.get_connection(commit=True) as connection:
                connection.cursor().execute("PRAGMA max_page_count=1073741823")

    def compare(self) -> None:
        """See that what is on disk is what was promised, event for event."""
        for stream, promised in self.books.items():
            if read_stream(self.journal, stream) != promised:
                raise DamagedError(f"{stream} on disk is not what was written")

    # ── power ────────────────────────────────────────────────────────────────────────────────

    def files(self) -> tuple[bytes, bytes]:
        """Return the database and its write-ahead log as they are on disk now."""
        wal = self.path.with_name(f"{self.path.name}-wal")
        return self.path.read_bytes(), wal.read_bytes() if wal.exists() else b""

    def lose_power(self, before: tuple[bytes, bytes], recorded: Sequence[ev.Recorded]) -> None:
        """End every process; leave on disk what was synced, and of the last commit some part or none."""
        self.power_fails = False
        random = self.scheduler.random
        database, wal = before
        _, new = self.files()
        told = "nothing of it is on disk"
        start = _same_until(wal, new)
        match random.choice(("lost", "torn", "sectors", "written")):
            case "torn":
                cut = random.randrange(start, len(new) + 1)
                wal, told = new[:cut] + wal[cut:], f"its log is torn at byte {cut} of {start} to {len(new)}"
            case "sectors":
                wal = _with_holes(wal, new, start, random)
                told = "some sectors of it are on disk"
            case "written":
                wal, told = new, "it is on disk, nobody was told"
            case _:
                pass
        self.scheduler.tell(f"POWER FAILS within a commit: {told}")
        for process in self.powered:
            self.scheduler.bury(process)
        self.journal.close()
        self._lives += 1
        path = self._folder / f"store-{self._lives}.sqlite"
        path.write_bytes(database)
        path.with_name(f"{path.name}-wal").write_bytes(wal)
        self.recorder = self._open(path)
        self._take_stock(recorded)

    def _take_stock(self, last: Sequence[ev.Recorded]) -> None:
        """See that all that was promised is there, and the last commit wholly or not at all."""
        streams = {*self.books, *(item.stream for item in last)}
        kept: set[bool] = set()
        for stream in streams:
            found = read_stream(self.journal, stream)
            promised = self.books.get(stream, [])
            more = [item for item in last if item.stream == stream]
            if found not in (promised, promised + more):
                raise DamagedError(f"after a power failure {stream} is not what was written")
            if more:
                kept.add(found != promised)
            if found != promised:
                self.write(found[len(promised) :])
        if len(kept) > 1:
            raise DamagedError("after a power failure half of a transaction is there")
        self.scheduler.tell(f"the last commit is {'there' if kept == {True} else 'not there'}")


def read_stream(journal: Journal, stream: str) -> list[ev.Recorded]:
    """Return any stream's events, a name's too."""
    return list(journal.stream(stream))


def _same_until(old: bytes, new: bytes) -> int:
    """Return how many bytes are the same from the start on."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if old[:middle] == new[:middle] else (low, middle - 1)
    return low


def _with_holes(old: bytes, new: bytes, start: int, random: Random) -> bytes:
    mixed = bytearray(new)
    old = old.ljust(len(new), b"\0")
    for at in range(start - start % _SECTOR, len(new), _SECTOR):
        if random.random() < 0.3:
            mixed[at : at + _SECTOR] = old[at : at + _SECTOR]
    return bytes(mixed)
