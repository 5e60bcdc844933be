"""Working side by side: the hands of one operation.

An operation hands its steps to a `Crew` and waits for the first to end. `Threads` is the real one;
the deterministic simulation brings one of its own, which runs the same steps in an order that a
seed decides. Nothing else in the engine knows how work is done at the same time.
"""

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event as Flag
from types import TracebackType
from typing import Protocol, Self


class Job(Protocol):
    """Something that was started."""

    def exception(self) -> BaseException | None:
        """Return what ended it, None if all went well. Asked once it is over."""
        ...


class Crew(Protocol):
    """A few hands, for a ``with``: leaving it waits for whatever still runs."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what still runs."""
        ...

    def start(self, task: Callable[[], None]) -> Job:
        """Start a task as soon as a hand is free."""
        ...

    def ended(self, jobs: Collection[Job], seconds: float) -> Collection[Job]:
        """Wait until one of the jobs is over, at most so many seconds; return those that are.

        Ctrl-C strikes here (`KeyboardInterrupt`), never inside a job.
        """
        ...


class Threads:
    """A crew of threads."""

    def __init__(self, hands: int) -> None:
        self._pool = ThreadPoolExecutor(hands, thread_name_prefix="step")
        self._one_is_over = Flag()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True)

    def start(self, task: Callable[[], None]) -> Future[None]:
        """Run a task in a thread."""
        job = self._pool.submit(task)
        job.add_done_callback(lambda _: self._one_is_over.set())
        return job

    def ended(self, jobs: Collection[Job], seconds: float) -> Collection[Job]:
        """Wait for the first of the futures.

        One flag for all of them: to wait for each of many anew, every time, cost more than the steps.
        """
        self._one_is_over.clear()  # before looking, so that what ends after the look is not slept through
        over = _over(jobs)
        if not over and jobs:
            self._one_is_over.wait(seconds)
            over = _over(jobs)
        return over


def _over(jobs: Collection[Job]) -> list[Job]:
    return [job for job in jobs if isinstance(job, Future) and job.done()]
