"""The journal as one process of the simulation has it."""

from collections.abc import Sequence

from kubisnap.engine.domain import events as ev
from kubisnap.engine.journal.log import Journal

from .audit import Auditor
from .scheduling import Process, ProcessDied
from .storing import Shelf


class Desk(Journal):
    """The journal as one process has it: a point before and after every commit."""

    def __init__(self, shelf: Shelf, process: Process, auditor: Auditor) -> None:
        super().__init__(shelf.journal.url, shelf.recorder, shelf.journal._codec)
        self._shelf = shelf
        self._process = process
        self._auditor = auditor

    def close(self) -> None:
        """Leave the files open for the others."""

    def _insert(self, expected: int, recorded: Sequence[ev.Recorded]) -> None:
        shelf, process = self._shelf, self._process
        process.point()
        self._recorder = shelf.recorder
        before = shelf.files() if shelf.power_fails else None
        with shelf.room():
            super()._insert(expected, recorded)
        if before is not None:
            shelf.lose_power(before, recorded)
            raise ProcessDied
        self._auditor.recording(process, recorded)
        shelf.write(recorded)
        for item in recorded:
            if isinstance(item.event, ev.OperationStarted):
                shelf.holders[item.stream] = process
            elif isinstance(item.event, ev.OperationFinished):
                shelf.holders.pop(item.stream, None)
            shelf.scheduler.tell(item)
        process.point()
