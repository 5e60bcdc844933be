"""Progress on stderr: a line per finished step; on a terminal, one live line below them.

The modes of ``--progress``: *auto* (live on a terminal, plain elsewhere), *plain* (a line for every
change of state), *jsonl* (one JSON object a line, the first says the version), *none*.
"""

import json
import threading
import time
from typing import Any, TextIO

from ...engine.errors import CloudError
from ...engine.operations.context import Progress, Silence
from ...engine.operations.planning import Action, Step
from ..session import Session
from .style import duration, paint, printable

_DONE = {
    Action.CREATE: "created",
    Action.UPDATE: "changed",
    Action.DELETE: "deleted",
    Action.ADOPT: "taken over",
    Action.FORGET: "let go",
}
_FRAME_SECONDS = 0.1


def progress_for(session: Session, stream: TextIO) -> Progress:
    """Return the progress that the flags and the stream ask for."""
    mode = session.progress
    if mode == "none" or (mode == "auto" and (session.quiet or session.json)):
        return Silence()
    if mode == "jsonl":
        return JsonLines(stream)
    return Lines(stream, live=mode == "auto" and stream.isatty(), color=session.colored(stream))


class Lines:
    """Progress for people."""

    def __init__(self, stream: TextIO, *, live: bool, color: bool) -> None:
        self._stream = stream
        self._live = live
        self._color = color
        self._lock = threading.Lock()
        self._running: dict[int, str] = {}
        self._total = 0
        self._finished = 0
        self._drawn = 0.0

    def planned(self, total: int) -> None:
        """Remember the total."""
        self._total = total

    def started(self, step: Step) -> None:
        """Show the step among the running ones."""
        with self._lock:
            self._running[step.id] = str(step.key)
            self._draw()

    def retrying(self, step: Step, error: CloudError, attempt: int, wait: float) -> None:
        """Say that a call is made again, and why."""
        text = f"  … {step.key}: {printable(error.message)}; attempt {attempt + 1} in {duration(wait)}"
        self._line(paint(text, "yellow", on=self._color))

    def done(self, step: Step, seconds: float) -> None:
        """Say that a step is done."""
        sign = paint("✓", "green", on=self._color)
        took = f"  {duration(seconds)}" if seconds >= 0.05 else ""
        self._finish(step, f"  {sign} {step.key} {_DONE[step.action]}{took}")

    def failed(self, step: Step, error: CloudError) -> None:
        """Say that a step failed, and why."""
        sign = paint("✗", "red", on=self._color)
        self._finish(step, f"  {sign} {step.key}: {printable(str(error))}")

    def rolling_back(self, count: int) -> None:
        """Say that changes are taken back."""
        self._total += count
        self._line(paint(f"  rolling back {count} changes of this operation …", "yellow", on=self._color))

    def interrupted(self, running: int) -> None:
        """Say what Ctrl-C does."""
        steps = "1 running step" if running == 1 else f"{running} running steps"
        self._line(f"  ^C finishing {steps} (press Ctrl-C again to stop at once) …")

    def _finish(self, step: Step, line: str) -> None:
        with self._lock:
            self._running.pop(step.id, None)
            self._finished += 1
        self._line(line)

    def _line(self, line: str) -> None:
        with self._lock:
            self._erase()
            print(line, file=self._stream, flush=True)
            self._drawn = 0.0
            self._draw()

    def _draw(self) -> None:
        now = time.monotonic()
        if not self._live or not self._running or now - self._drawn < _FRAME_SECONDS:
            return
        self._drawn = now
        names = ", ".join(list(self._running.values())[:3])
        more = f" and {len(self._running) - 3} more" if len(self._running) > 3 else ""
        line = f"  {self._finished}/{self._total}  {names}{more}"[:78]
        print(f"\r\x1b[K{line}", end="", file=self._stream, flush=True)

    def _erase(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", file=self._stream)


class JsonLines:
    """Progress for machines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._emit("version", version="1.0")

    def _emit(self, kind: str, **facts: Any) -> None:
        with self._lock:
            print(json.dumps({"type": kind, **facts}, ensure_ascii=False), file=self._stream, flush=True)

    def planned(self, total: int) -> None:
        """Tell the total."""
        self._emit("summary", steps=total)

    def started(self, step: Step) -> None:
        """Tell that a step began."""
        self._emit("step_started", step=step.id, action=step.action.value, resource=str(step.key))

    def retrying(self, step: Step, error: CloudError, attempt: int, wait: float) -> None:
        """Tell that a step is tried again."""
        self._emit(
            "step_progress", step=step.id, retry=attempt, error=str(error), wait_seconds=round(wait, 3)
        )

    def done(self, step: Step, seconds: float) -> None:
        """Tell that a step is done."""
        self._emit("step_done", step=step.id, resource=str(step.key), seconds=round(seconds, 3))

    def failed(self, step: Step, error: CloudError) -> None:
        """Tell that a step failed."""
        self._emit("step_failed", step=step.id, resource=str(step.key), error=str(error))

    def rolling_back(self, count: int) -> None:
        """Tell that changes are taken back."""
        self._emit("summary", rolling_back=count)

    def interrupted(self, running: int) -> None:
        """Tell that the operation stops."""
        self._emit("summary", interrupted=True, running=running)
