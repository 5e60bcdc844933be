"""Progress on stderr: a line per finished step; on a terminal, one live line below them.

The modes of ``--progress``: *auto* (live on a terminal, plain elsewhere), *plain* (a line for every
change of state), *jsonl* (one JSON object a line, the first says the version), *none*. Where there is
no terminal a long wait is told of once a minute. A stream that nobody reads any more (``| head``) never
disturbs an operation.
"""

import json
import threading
import time
from contextlib import suppress
from typing import Any, TextIO

from ...engine.errors import CloudError
from ...engine.operations.context import Progress, Silence
from ...engine.operations.planning import Action, Step
from ..session import Session
from .style import counted, duration, paint, printable

_DONE = {
    Action.CREATE: "created",
    Action.UPDATE: "changed",
    Action.DELETE: "deleted",
    Action.ADOPT: "taken over",
    Action.FORGET: "let go",
}
_FRAME_SECONDS = 0.1
_SCREEN_SECONDS = 1.0
_LOG_SECONDS = 60.0
_WIDTH = 78
_GONE = (OSError, ValueError)
"""What writing to a closed pipe, or a closed file, raises."""


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
        self._running: dict[int, tuple[str, float]] = {}
        self._total = 0
        self._finished = 0
        self._drawn = 0.0
        self._over = threading.Event()

    def planned(self, total: int) -> None:
        """Remember the total, and begin to tell of long waits."""
        self._expect(total)

    def started(self, step: Step) -> None:
        """Show the step among the running ones."""
        with self._lock:
            self._running[step.id] = (str(step.key), time.monotonic())
            self._draw()

    def retrying(self, step: Step, error: CloudError, attempt: int, wait: float) -> None:
        """Say that a call is made again, and why."""
        text = (
            f"  … {step.key}: {printable(error.message)}; again in {duration(wait)} (attempt {attempt + 1})"
        )
        self._line(paint(text, "yellow", on=self._color))

    def asking_again(self, error: CloudError, attempt: int, wait: float) -> None:
        """Say that the cloud is asked again, and why."""
        text = f"  … {printable(error.message)}; asking again in {duration(wait)} (attempt {attempt + 1})"
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
        self._expect(count)
        changes = counted(count, "change")
        self._line(paint(f"  rolling back {changes} …", "yellow", on=self._color))

    def interrupted(self, running: int) -> None:
        """Say what Ctrl-C does."""
        steps = counted(running, "running step")
        self._line(f"  ^C finishing {steps} (press Ctrl-C again to stop at once) …")

    def settling(self, count: int) -> None:
        """Say why nothing happens for a while."""
        calls = counted(count, "call")
        self._line(f"  … looking for what {calls} of an unfinished operation may have made")

    def paused(self, error: CloudError, seconds: float) -> None:
        """Say that the cloud is left alone for a while."""
        text = f"  … paused for {duration(seconds)}: {printable(str(error))}"
        self._line(paint(text, "yellow", on=self._color))

    def resumed(self) -> None:
        """Say that it goes on."""
        self._line("  … going on: the cloud answers again")

    def _finish(self, step: Step, line: str) -> None:
        with self._lock:
            self._running.pop(step.id, None)
            self._finished += 1
            if self._finished >= self._total:
                self._over.set()
        self._line(line)

    def _line(self, line: str) -> None:
        with self._lock, suppress(*_GONE):
            erase = "\r\x1b[K" if self._live else ""
            print(f"{erase}{line}", file=self._stream, flush=True)
            self._drawn = 0.0
            self._draw()

    def _draw(self) -> None:
        now = time.monotonic()
        if not self._live or not self._running or now - self._drawn < _FRAME_SECONDS:
            return
        self._drawn = now
        with suppress(*_GONE):
            print(f"\r\x1b[K{self.waiting()[:_WIDTH]}", end="", file=self._stream, flush=True)

    def waiting(self) -> str:
        """Return how far it is, what is running, and how long the longest has been."""
        names = [name for name, _ in self._running.values()]
        longest = time.monotonic() - min(started for _, started in self._running.values())
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"  {self._finished}/{self._total}  {duration(longest)}  {', '.join(names[:3])}{more}"

    def _expect(self, count: int) -> None:
        """Take note of more steps, and tell of long waits until they are done."""
        self._total += count
        if count:
            self._over = threading.Event()
            threading.Thread(target=self._watch, name="progress", daemon=True).start()

    def _watch(self) -> None:
        """Show that it is still going on: every second on a screen, every minute in a log."""
        while not (self._over.wait(_SCREEN_SECONDS if self._live else _LOG_SECONDS) or self._stream.closed):
            with self._lock, suppress(*_GONE):
                if self._live:
                    self._draw()
                elif self._running:
                    print(self.waiting(), file=self._stream, flush=True)


class JsonLines:
    """Progress for machines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._emit("version", version="1.0")

    def _emit(self, kind: str, **facts: Any) -> None:
        with self._lock, suppress(*_GONE):
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

    def asking_again(self, error: CloudError, attempt: int, wait: float) -> None:
        """Tell that the cloud is asked again."""
        self._emit("step_progress", step=None, retry=attempt, error=str(error), wait_seconds=round(wait, 3))

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

    def settling(self, count: int) -> None:
        """Tell that calls of unknown outcome are looked for."""
        self._emit("settling", calls=count)

    def paused(self, error: CloudError, seconds: float) -> None:
        """Tell that the cloud is left alone for a while."""
        self._emit("paused", seconds=round(seconds, 3), error=str(error))

    def resumed(self) -> None:
        """Tell that the cloud answers again."""
        self._emit("resumed")
