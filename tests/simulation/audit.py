"""The auditor: looks at every call that changes something, at the moment at which it is made.

Its intent must be on disk, its process must still have the cluster, and what is taken back must have
been made by the operations that are taken back.
"""

from collections.abc import Sequence

from kubisnap.engine.domain.decisions import LEASE_SECONDS
from kubisnap.engine.domain.events import (
    ClusterRetired,
    OperationFinished,
    OperationStarted,
    Recorded,
    ResourceProvisioned,
    RollbackStarted,
    StepSettled,
)
from kubisnap.engine.domain.resources import Kind, Request

from .scheduling import Process
from .storing import Shelf


class Auditor:
    """Compares calls with the log that is on disk. `problems` is what it found, for people."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.problems: list[str] = []
        self.writes = 0

    def creating(self, process: Process, request: Request) -> None:
        """Look at a request for a new resource."""
        self.writes += 1
        begun = self._shelf.begun.get(request.cluster.id, {})
        named = [
            place for place, step in begun.items() if step.action == "create" and step.key == request.key
        ]
        self._judge(process, request.cluster.id, named, f"create {request.name}")

    def changing(self, process: Process, kind: Kind, resource_id: str, action: str) -> None:
        """Look at a request to change or remove a resource."""
        self.writes += 1
        for stream, begun in self._shelf.begun.items():
            named = [
                place
                for place, step in begun.items()
                if step.action == action and (step.key.kind, step.resource_id) == (kind, resource_id)
            ]
            if named:
                self._judge(process, stream, named, f"{action} {resource_id}")
                number, _ = place = max(named)
                if action == "delete" and begun[place].compensates:
                    self._judge_taking_back(process, stream, number, (kind, resource_id))
                return
        self._judge(process, "", [], f"{action} {kind} {resource_id}")

    def _judge_taking_back(self, process: Process, stream: str, number: int, place: tuple[Kind, str]) -> None:
        """Law 4: only what the operation made itself, or those that it takes back."""
        theirs, retired = {number}, False
        for item in self._shelf.books[stream]:
            if isinstance(item.event, RollbackStarted) and item.operation == number:
                theirs |= set(item.event.operations)
            retired = retired or isinstance(item.event, ClusterRetired)
        for item in self._shelf.books[stream]:
            match item.event:
                case ResourceProvisioned(key=key, resource_id=made, owned=True, adopted=False):
                    if (key.kind, made) == place and (retired or item.operation in theirs):
                        return
                case StepSettled(operation=operation, key=key, found=found):
                    if place[0] is key.kind and place[1] in found and operation in theirs:
                        return
                case _:
                    pass
        self._tell(process, f"#{number} takes back {place[0]} {place[1]}, which it did not make")

    def recording(self, process: Process, recorded: Sequence[Recorded]) -> None:
        """Look at what was written just now: nobody ends the operation of one who is at work."""
        for item in recorded:
            holder = self._shelf.holders.get(item.stream)
            if holder is None or holder is process:
                continue
            if not isinstance(item.event, OperationStarted | OperationFinished):
                continue
            if holder.dead or holder.ended or holder.wall_error or process.wall_error:
                continue
            silent = process.scheduler.time - self._shelf.heard[item.stream, self._shelf.holding[item.stream]]
            if silent < LEASE_SECONDS - 1.0:
                self._tell(
                    process, f"took the cluster of {holder.name}, silent for {silent:.0f} seconds only"
                )

    def _judge(self, process: Process, stream: str, named: list[tuple[int, int]], what: str) -> None:
        if not named:
            self._tell(process, f"{what} was asked for before it was written down")
            return
        number = max(named)[0]
        silent = process.scheduler.time - self._shelf.heard[stream, number]
        holder = self._shelf.holding[stream]
        if holder > number and silent > LEASE_SECONDS / 2 + 1.0:
            self._tell(
                process,
                f"{what} was asked for by #{number}, which has written nothing for {silent:.0f} seconds, "
                f"while #{holder} has the cluster",
            )

    def _tell(self, process: Process, what: str) -> None:
        problem = f"audit: {process.name}: {what}"
        process.scheduler.tell(f"BROKEN {problem}")
        self.problems.append(problem)
