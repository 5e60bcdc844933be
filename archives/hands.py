"""A second hand: compressing and hashing beside what Python does, in order, one or two jobs ahead.

zstd and SHA-256 let go of the interpreter's lock while they work, so on two cores an archive is written
and verified in half the time. What comes out does not depend on it. A job that is smaller than the way
to another thread is done on the spot: a small archive starts none.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

_T = TypeVar("_T")
_AHEAD = 2

SMALL: Final = 32 * 1024
"""Bytes; fewer are compressed and hashed sooner than another thread has begun."""


class Hand(Generic[_T]):
    """Does jobs in another thread and hands each result to `then`, in the order in which they came.

    Use it in a ``with``; at its end everything is done. `then` runs in the caller's thread.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: deque[tuple[Future[_T], Callable[[_T], None]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self._waiting.clear()
            if self._pool is not None:
                self._pool.shutdown()

    def do(self, job: Callable[[], _T], then: Callable[[_T], None], *, size: int = SMALL) -> None:
        """Let a job on `size` bytes be done; wait for an earlier one if there are too many already."""
        if size < SMALL and not self._waiting:
            then(job())
            return
        self._pool = self._pool or ThreadPoolExecutor(max_workers=1, thread_name_prefix="archive")
        self._waiting.append((self._pool.submit(job), then))
        while len(self._waiting) > _AHEAD:
            self._take()

    def finish(self) -> None:
        """Wait for all jobs."""
        while self._waiting:
            self._take()

    def _take(self) -> None:
        done, then = self._waiting.popleft()
        then(done.result())
