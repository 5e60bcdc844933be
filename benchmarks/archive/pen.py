"""How the generated log is written: envelopes, times, and steps of which sixteen run side by side."""

import heapq
import itertools
from collections.abc import Iterable, Iterator

from benchmarks.archive.draw import Draw
from benchmarks.archive.stories import Story
from kubisnap.engine.domain import events as ev

LANES = 16
_SYNC = (700, 4_200)
"""Microseconds that an append takes."""
_RENEW = 40_000_000


class Pen:
    """Writes one cluster's log as the journal and `operations.recording` do."""

    def __init__(self, draw: Draw, stream: str, start: int) -> None:
        self._draw = draw
        self._stream = stream
        self.time = start
        self.version = 0
        self._operation = 0
        self._started = 0
        self._actor = self._reason = ""

    def begin(self, actor: str, reason: str, *events: ev.AnyEvent) -> Iterator[ev.Recorded]:
        """Open the next operation with its first append: the first event led to the rest."""
        self._operation += 1
        self._actor, self._reason = actor, reason
        self._started = 0
        yield from self.append(0, *events[:1], at=self.time)
        self._started = self.version
        yield from self.append(self._started, *events[1:], at=self.time)

    def append(self, cause: int, *events: ev.AnyEvent, at: int) -> Iterator[ev.Recorded]:
        """Write events at one moment."""
        self.time = max(at, self.time)
        for event in events:
            self.version += 1
            yield ev.Recorded(
                stream=self._stream,
                version=self.version,
                time=self.time,
                actor=self._actor,
                operation=self._operation,
                cause=cause,
                reason=self._reason,
                schema=event.SCHEMA,
                event=event,
            )

    def later(self, *events: ev.AnyEvent) -> Iterator[ev.Recorded]:
        """Write events of the operation itself, an instant after the last."""
        yield from self.append(self._started, *events, at=self.time + self._draw.between(*_SYNC))

    def run(self, stories: Iterable[Story]) -> Iterator[ev.Recorded]:
        """Write what the steps tell, as many at once as the engine runs."""
        waiting = iter(stories)
        numbers = itertools.count()
        running: list[tuple[int, int, Story, tuple[ev.AnyEvent, ...], int]] = []

        def enter(now: int, story: Story, cause: int) -> bool:
            moment = next(story, None)
            if moment is not None:
                heapq.heappush(running, (now + moment[0], next(numbers), story, moment[1], cause))
            return moment is not None

        for story in itertools.islice(waiting, LANES):
            enter(self.time, story, 0)
        while running:
            at, _, story, events, cause = heapq.heappop(running)
            while at - self.time > _RENEW:
                due = self.time + _RENEW + self._draw.between(0, 250_000)
                yield from self.append(self._started, ev.LeaseRenewed(), at=due)
            yield from self.append(cause or self._started, *events, at=max(at, self.time + 700))
            if not enter(self.time, story, cause or self.version):
                for following in itertools.islice(waiting, 1):
                    enter(self.time, following, 0)
