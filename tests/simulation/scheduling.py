"""One thread at a time, and a seed says which: the scheduler, its clock, its crew, its lock.

Tasks are real threads, so that the engine runs as it is; but each waits for the baton, and whoever
holds it gives it away at certain points only. Time is virtual: it jumps to the next one who sleeps.
The same seed gives the same order, whatever the machine does meanwhile.
"""

import math
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from threading import Lock
from types import TracebackType
from typing import NamedTuple, Self

from kubisnap.engine.domain.events import Recorded
from kubisnap.engine.operations.working import Job

EPOCH = 1_800_000_000.0
_TICK = 1e-6
"""The shortest sleep: less than what a float of this size can hold would be none, for ever."""

_ENDLESS = 250_000
"""Points after which a run is taken to go round in circles."""

_POOL = ThreadPoolExecutor(256, thread_name_prefix="simulated")


class ProcessDied(BaseException):
    """The process ended here: nothing that comes after it happens."""


class StuckError(Exception):
    """Nobody can go on, or everybody goes on for ever."""


class Line(NamedTuple):
    """A line of the trace."""

    time: float
    who: str
    what: object
    """Text, or an event that was recorded: made into text when somebody reads it."""

    def __str__(self) -> str:
        told = str(self.what)
        if isinstance(self.what, Recorded):
            event = repr(self.what.event)
            told = f"#{self.what.operation} {self.what.version}: {event[:150]}{'...' * (len(event) > 150)}"
        return f"{self.time:10.3f}  {self.who:<18} {told}"


class Process:
    """A process on a host: it can die, sleep too long, and have a clock that is wrong.

    `at_point` is called at every point that the process passes, before anybody else may go on.
    """

    def __init__(self, scheduler: "Scheduler", name: str, *, host: str = "here", pid: int = 0) -> None:
        self.scheduler = scheduler
        self.name = name
        self.host = host
        self.pid = pid
        self.dead = False
        self.ended = False
        self.frozen_until = 0.0
        self.wall_error = 0.0
        self.slept = 0.0
        """How long its machine was suspended: seconds that a monotonic clock does not count."""
        self.pressed = 0
        self.dies_in_call = False
        self.points = 0
        self.task: Task | None = None
        self.at_point: Callable[[Process], None] = lambda _: None

    def point(self) -> None:
        """Stand where anything may happen: others go on, or this process ends."""
        if self.dead:
            raise ProcessDied
        self.points += 1
        self.at_point(self)
        self.scheduler.maybe_switch()

    def die(self, why: str) -> None:
        """End the process; its tasks learn of it when they are next to go on."""
        self.scheduler.tell(f"{self.name} ends: {why}")
        self.scheduler.bury(self)


class Task:
    """Something that runs on its own, from `until` on, or as soon as what it `waits` for is so."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self.process = process
        self.gate = Lock()
        self.gate.acquire()
        self.future: Future[None] | None = None
        self.until = 0.0
        self.waits: Callable[[], bool] | None = None
        self.deaf = False
        self.done = False

    def look(self) -> None:
        """See whether what is waited for is so by now."""
        if self.waits is not None and self.waits():
            self.until, self.waits = 0.0, None

    def exception(self) -> BaseException | None:
        """Return what ended it."""
        return None if self.future is None else self.future.exception()


class Scheduler:
    """Who goes on, and what time it is. Whoever makes it is its first task."""

    def __init__(self, random: Random, *, restless: float = 1.0) -> None:
        self.random = random
        self.restless = restless
        self.time = 0.0
        self.trace: list[Line] = []
        self.switches = 0
        self._stirred = False
        self._broken: StuckError | None = None
        self.world = Process(self, "world")
        self._first = Task("operator", self.world)
        self._current = self._first
        self._tasks = [self._first]

    def tell(self, what: object) -> None:
        """Add a line to the trace."""
        self.trace.append(Line(self.time, self._current.name, what))

    def spawn(self, name: str, process: Process, work: Callable[[], None]) -> Task:
        """Start a task; it begins when its turn comes."""
        task = Task(name, process)
        self._tasks.append(task)
        task.future = _POOL.submit(self._body, task, work)
        return task

    def _body(self, task: Task, work: Callable[[], None]) -> None:
        task.gate.acquire()
        try:
            if not task.process.dead:
                work()
        finally:
            task.done = True
            self._tasks.remove(task)
            self._stirred = True
            self._pass_on()

    def bury(self, process: Process) -> None:
        """Let a process be dead: its tasks are told when it is their turn, which is now."""
        process.dead = True
        process.frozen_until = 0.0
        for task in self._tasks:
            if task.process is process and not task.deaf:
                task.until, task.waits = 0.0, None

    def end(self) -> None:
        """End everything at once: a run that broke leaves no thread behind."""
        self._broken = None
        self.switches = -_ENDLESS
        rest = [task for task in self._tasks if task is not self._first]
        for process in {task.process for task in rest}:
            self.bury(process)
        self.join(rest)

    def stir(self) -> None:
        """Let those who wait for something look again."""
        self._stirred = True

    def maybe_switch(self) -> None:
        """Let the seed decide whether somebody else goes on."""
        if self.random.random() < self.restless:
            self.rest()

    def sleep(self, seconds: float) -> None:
        """Let the current task sleep."""
        self.rest(until=self.time + max(0.0, seconds))

    def rest(
        self, until: float = 0.0, waits: Callable[[], bool] | None = None, *, deaf: bool = False
    ) -> None:
        """Give the baton away until a time, or until what is waited for is so.

        `deaf`: even in a process that is dead, which otherwise is told here.
        """
        me = self._current
        me.until, me.waits, me.deaf = until, waits, deaf
        if waits is not None:
            me.look()
        chosen = self._pass_on(me)
        if chosen is not me:
            me.gate.acquire()
        if me is self._first and self._broken is not None:
            raise self._broken
        if me.process.dead and not deaf:
            raise ProcessDied

    def _pass_on(self, me: Task | None = None) -> Task:
        chosen = self._choose()
        self._current = chosen
        if chosen is not me:
            chosen.gate.release()
        return chosen

    def _choose(self) -> Task:
        self.switches += 1
        tasks = self._tasks
        if self._stirred:
            self._stirred = False
            for task in tasks:
                task.look()
        due = [max(task.until, task.process.frozen_until) for task in tasks]
        first = min(due)
        if math.isinf(first) or self.switches > _ENDLESS:
            names = ", ".join(task.name for task in tasks)
            self._broken = StuckError(f"nobody comes to an end of {names}")
            return self._first
        self.time = now = max(self.time, first)
        ready = [task for task, at in zip(tasks, due, strict=True) if at <= now]
        return ready[0] if len(ready) == 1 else ready[self.random.randrange(len(ready))]

    def join(self, tasks: Collection[Task]) -> None:
        """Wait for tasks to end."""
        self.rest(math.inf, lambda: all(task.done for task in tasks), deaf=True)


class SimulatedClock:
    """A process's clock: its idea of the date may be wrong, its seconds never are."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> float:
        """Return seconds since 1970, as far as this host knows."""
        return EPOCH + self._process.scheduler.time + self._process.wall_error

    def monotonic(self) -> float:
        """Return seconds that never go backwards, those of a suspended machine not counted."""
        return self._process.scheduler.time - self._process.slept

    def sleep(self, seconds: float) -> None:
        """Let others go on meanwhile."""
        self._process.point()
        self._process.scheduler.sleep(max(seconds, _TICK))


class SimulatedCrew:
    """A `Crew` whose hands are the scheduler's tasks."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._started: list[Task] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.scheduler.join(self._started)

    def start(self, task: Callable[[], None]) -> Task:
        """Start a task; who goes on is decided later."""
        name = f"{self._process.name}/{len(self._started) + 1}"
        self._started.append(self._process.scheduler.spawn(name, self._process, task))
        return self._started[-1]

    def ended(self, jobs: Collection[Job], seconds: float) -> Collection[Job]:
        """Wait for the first to end, or for Ctrl-C."""
        process = self._process
        tasks = [job for job in jobs if isinstance(job, Task)]
        process.point()
        process.scheduler.rest(
            process.scheduler.time + seconds,
            lambda: process.pressed > 0 or any(task.done for task in tasks),
        )
        if process.pressed:
            process.pressed -= 1
            process.scheduler.tell("Ctrl-C")
            raise KeyboardInterrupt
        return [task for task in tasks if task.done]


class TurnLock:
    """A lock that hands the baton on while somebody else has it."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._held = False

    def __enter__(self) -> None:
        while self._held:
            self._scheduler.rest(math.inf, lambda: not self._held)
        self._held = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held = False
        self._scheduler.stir()
