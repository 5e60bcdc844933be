"""A bad network for tests: a TCP proxy with latency, resets and blackouts, all drawn from a seed.

It stands between a client and a server on loopback and knows no HTTP. An exchange is what the client
says until the server has begun to answer; that is one request and its answer, since clients here never
send a second request before the first was answered. One asyncio loop in a thread of its own.
"""

import asyncio
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
_CHUNK = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on with no time to linger: closing sends a reset


class Manner(StrEnum):
    """How a blackout shows: nothing comes through, or every connection is reset and none is made."""

    HANG = "hang"
    RESET = "reset"


@dataclass(frozen=True)
class Blackout:
    """No network from `start` on, counted from the proxy's start, for so many seconds."""

    start: float
    seconds: float
    manner: Manner = Manner.HANG


@dataclass(frozen=True)
class Weather:
    """What the network is like. `round_trip` in seconds; `resets` is the probability for each exchange.

    A new connection costs a round trip before its first byte, as its handshake would. Half of the
    resets come before the request is forwarded, half when it was and the answer is on its way back.
    """

    round_trip: float = 0.0
    resets: float = 0.0
    blackouts: Sequence[Blackout] = ()


@dataclass
class Dealt:
    """What the proxy did so far. `hit_by_blackout` counts connections that were open or made in one."""

    connections: int = 0
    exchanges: int = 0
    resets_before: int = 0
    resets_after: int = 0
    blackouts: int = 0
    hit_by_blackout: int = 0

    @property
    def resets(self) -> int:
        """All resets that were drawn; those of a blackout are not among them."""
        return self.resets_before + self.resets_after


class Fate(StrEnum):
    """What becomes of an exchange."""

    PASSES = "passes"
    RESET_BEFORE = "reset before the request was forwarded"
    RESET_AFTER = "reset after it was, before the answer came back"


class Fates:
    """The fate of each exchange, in the order in which exchanges begin: a matter of the seed alone."""

    def __init__(self, seed: int, resets: float) -> None:
        self._random = Random(seed)
        self._resets = resets

    def draw(self) -> Fate:
        """Return the next exchange's fate."""
        drawn = self._random.random()
        if drawn >= self._resets:
            return Fate.PASSES
        return Fate.RESET_BEFORE if drawn < self._resets / 2 else Fate.RESET_AFTER


class Proxy:
    """The proxy. A context manager: it runs from entering to leaving."""

    def __init__(self, target: int, weather: Weather | None = None, *, seed: int = 1) -> None:
        self.weather = weather or Weather()
        self.port = 0
        self._target = target
        self._fates = Fates(seed, self.weather.resets)
        self._dealt = Dealt()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._lines: set[_Line] = set()
        self._dark: Manner | None = None
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._run, name="proxy")
        self._up = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._up.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is, for ``DIGITALOCEAN_END_POINT``."""
        return f"http://{LOOPBACK}:{self.port}/v2/"

    @property
    def dealt(self) -> Dealt:
        """What it did so far, as a copy."""
        with self._lock:
            return replace(self._dealt)

    def black_out(self, manner: Manner) -> None:
        """Let a blackout begin now, and return when it has; `clear` ends it."""
        self._call(lambda: self.darken(manner))

    def clear(self) -> None:
        """End a blackout now; what hung goes on."""
        self._call(self.lighten)

    def _call(self, what: Callable[[], None]) -> None:
        done = threading.Event()

        def do() -> None:
            what()
            done.set()

        self._loop.call_soon_threadsafe(do)
        done.wait()

    # ── in the loop ──────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        loop = self._loop
        self._server = loop.run_until_complete(
            loop.create_server(lambda: _Line(self).near, LOOPBACK, 0, backlog=256)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        for blackout in self.weather.blackouts:
            loop.call_later(blackout.start, self.darken, blackout.manner)
            loop.call_later(blackout.start + blackout.seconds, self.lighten)
        self._up.set()
        loop.run_forever()
        self._server.close()
        for line in tuple(self._lines):
            line.abort()
        loop.run_until_complete(self._wind_up())
        loop.close()

    async def _wind_up(self) -> None:
        """Let the last callbacks close their sockets, and dials that are under way end."""
        dials = asyncio.all_tasks() - {asyncio.current_task()}
        for dial in dials:
            dial.cancel()
        await asyncio.gather(*dials, return_exceptions=True)
        for _ in range(2):  # an aborted connection is closed one round later
            await asyncio.sleep(0)

    def darken(self, manner: Manner) -> None:
        """Begin a blackout."""
        self._dark = manner
        self.count(blackouts=1, hit_by_blackout=len(self._lines))
        if manner is Manner.RESET:
            for line in tuple(self._lines):
                line.reset()

    def lighten(self) -> None:
        """End it; what was held back goes on at once."""
        self._dark = None
        for line in tuple(self._lines):
            line.go_on()

    def admits(self, line: "_Line") -> bool:
        """Take a new connection, unless a blackout refuses it."""
        self.count(connections=1)
        if self._dark is not None:
            self.count(hit_by_blackout=1)
        if self._dark is Manner.RESET:
            return False
        self._lines.add(line)
        return True

    def forget(self, line: "_Line") -> None:
        """Strike off a connection that has ended."""
        self._lines.discard(line)

    def draw(self) -> Fate:
        """Begin an exchange."""
        fate = self._fates.draw()
        self.count(
            exchanges=1,
            resets_before=int(fate is Fate.RESET_BEFORE),
            resets_after=int(fate is Fate.RESET_AFTER),
        )
        return fate

    def count(self, **more: int) -> None:
        """Add to what was dealt."""
        with self._lock:
            for name, number in more.items():
                setattr(self._dealt, name, getattr(self._dealt, name) + number)

    @property
    def hanging(self) -> bool:
        """Whether nothing comes through at the moment."""
        return self._dark is Manner.HANG

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that everything here runs in."""
        return self._loop

    def dial(self, line: "_Line") -> None:
        """Connect to the server for a new connection."""
        task = self._loop.create_task(self._dialled(line))
        line.dialling = task

    async def _dialled(self, line: "_Line") -> None:
        try:
            await self._loop.create_connection(lambda: line.far, LOOPBACK, self._target)
        except OSError:
            line.reset()


class _End(asyncio.Protocol):
    """One of the two ends of a connection through the proxy."""

    def __init__(self, heard: Callable[[bytes], None], line: "_Line") -> None:
        self.transport: asyncio.Transport | None = None
        self._heard = heard
        self._line = line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream socket has a transport to write to")
        self.transport = transport
        with suppress(OSError):  # the client may be gone already
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._line.connected(self)

    def data_received(self, data: bytes) -> None:
        self._heard(data)

    def eof_received(self) -> bool:
        self._heard(b"")
        return True  # the other direction goes on until its own end

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._line.lost(self, reset=exc is not None)

    def close(self, *, reset: bool) -> None:
        """Close at once: with a reset, or with an end once everything is sent."""
        if self.transport is None:
            return
        if not reset:
            self.transport.close()
            return
        with suppress(OSError):
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE
            )
        self.transport.abort()


@dataclass
class _Pipe:
    """One direction: what is under way, each piece with what is done with it when it arrives."""

    under_way: deque[Callable[[], None]] = field(default_factory=deque)
    due: int = 0


class _Line:
    """One connection through the proxy, both ends of it."""

    def __init__(self, proxy: Proxy) -> None:
        self.near = _End(self._from_client, self)
        self.far = _End(self._from_server, self)
        self.dialling: asyncio.Task[None] | None = None
        self._proxy = proxy
        self._half = proxy.weather.round_trip / 2
        self._open_from = 0.0
        self._asking = False
        self._ended = 0
        self._fate = Fate.PASSES
        self._out, self._back = _Pipe(), _Pipe()

    def connected(self, end: _End) -> None:
        if end is self.near:
            if not self._proxy.admits(self):
                end.close(reset=True)
                return
            # the handshake: its round trip is over when the client's first byte leaves
            self._open_from = self._proxy.loop.time() + self._proxy.weather.round_trip
            self._proxy.dial(self)
        else:
            self.go_on()  # what arrived before there was anybody to hand it to

    def lost(self, end: _End, *, reset: bool) -> None:
        """One end is gone for good: so is the other, after what is under way to it."""
        other, pipe = (self.far, self._out) if end is self.near else (self.near, self._back)
        self._send(pipe, lambda: other.close(reset=reset))
        if self.near.transport is None and self.far.transport is None:
            self._proxy.forget(self)

    def reset(self) -> None:
        """Break both ends off now."""
        self._out.under_way.clear()
        self._back.under_way.clear()
        self.near.close(reset=True)
        self.far.close(reset=True)
        if self.far.transport is None and self.dialling is not None:
            self.dialling.cancel()

    abort = reset

    # ── what comes in ────────────────────────────────────────────────────────────────────────

    def _from_client(self, data: bytes) -> None:
        if data and not self._asking:
            self._asking = True
            self._fate = self._proxy.draw()
        if self._fate is Fate.RESET_BEFORE:
            self._send(self._out, lambda: self._send(self._back, self.reset))
            return
        self._send(self._out, lambda: self._pass_on(self.far, data))

    def _from_server(self, data: bytes) -> None:
        self._asking = False
        if self._fate is Fate.RESET_AFTER:
            self._send(self._back, self.reset)
            return
        self._send(self._back, lambda: self._pass_on(self.near, data))

    def _pass_on(self, end: _End, data: bytes) -> None:
        if end.transport is None or end.transport.is_closing():
            return
        if data:
            end.transport.write(data)
            return
        with suppress(OSError):  # the other side may have hung up meanwhile
            end.transport.write_eof()
        self._ended += 1
        if self._ended == 2:  # both have said their last: nobody else closes it
            self.near.close(reset=False)
            self.far.close(reset=False)

    # ── on the way ───────────────────────────────────────────────────────────────────────────

    def _send(self, pipe: _Pipe, arrive: Callable[[], None]) -> None:
        """Have something arrive half a round trip from now, behind what is under way already."""
        now = self._proxy.loop.time()
        start = max(now, self._open_from) if pipe is self._out else now
        pipe.under_way.append(arrive)
        self._proxy.loop.call_at(start + self._half, self._arrived, pipe)

    def _arrived(self, pipe: _Pipe) -> None:
        pipe.due += 1
        self._deliver(pipe)

    def _deliver(self, pipe: _Pipe) -> None:
        while pipe.due and pipe.under_way:
            if self._proxy.hanging or (pipe is self._out and self._dialled_not_yet):
                return
            pipe.due -= 1
            pipe.under_way.popleft()()
        if not pipe.under_way:
            pipe.due = 0

    @property
    def _dialled_not_yet(self) -> bool:
        return self.far.transport is None and self.dialling is not None and not self.dialling.done()

    def go_on(self) -> None:
        """Deliver what was held back."""
        self._deliver(self._out)
        self._deliver(self._back)
