"""The bad network does what it says: nothing is lost that it did not mean to lose."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.process.proxy import LOOPBACK, Blackout, Dealt, Fate, Fates, Manner, Proxy, Weather

_LONG = 20.0
_ROUND_TRIP = 0.006


class Echo:
    """A server that keeps each line that came in and says it back."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.told = threading.Condition()
        self.closing = False
        self.listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self.listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            if self.closing:
                connection.close()
                return
            thread = threading.Thread(target=self._talk, args=[connection])
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket) -> None:
        # a reset may also show at closing, when what could not be sent is tried once more
        with suppress(ConnectionError), connection, connection.makefile("rwb") as stream:
            for line in stream:
                with self.told:
                    self.heard.append(line)
                    self.told.notify_all()
                stream.write(line)
                stream.flush()

    def wait_for(self, count: int) -> list[bytes]:
        """Wait until so many lines were heard."""
        with self.told:
            assert self.told.wait_for(lambda: len(self.heard) >= count, _LONG)
            return list(self.heard)

    def stop(self) -> None:
        self.closing = True
        socket.create_connection((LOOPBACK, self.port)).close()
        for thread in self._threads:
            thread.join(_LONG)
        self.listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    try:
        yield server
    finally:
        server.stop()


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection((LOOPBACK, proxy.port), timeout=_LONG)


def ask(connection: socket.socket, line: bytes) -> bytes:
    """Send a line and return the answer, or raise."""
    connection.sendall(line)
    answer = b""
    while not answer.endswith(b"\n"):
        piece = connection.recv(4096)
        if not piece:
            raise EOFError
        answer += piece
    return answer


def test_in_fair_weather_everything_comes_through_in_order(echo: Echo) -> None:
    with Proxy(echo.port) as proxy:
        with connect(proxy) as first, connect(proxy) as second:
            for number in range(20):
                for connection in (first, second):
                    line = b"%d %s\n" % (number, b"x" * 3000)
                    assert ask(connection, line) == line
        assert proxy.dealt == Dealt(connections=2, exchanges=40)


def test_each_way_takes_half_of_the_round_trip_and_a_new_connection_one_more(echo: Echo) -> None:
    with Proxy(echo.port, Weather(round_trip=_ROUND_TRIP)) as proxy, connect(proxy) as connection:
        started = time.monotonic()
        ask(connection, b"first\n")
        between = time.monotonic()
        ask(connection, b"second\n")
        ended = time.monotonic()
    assert between - started >= 2 * _ROUND_TRIP
    assert ended - between >= _ROUND_TRIP


def test_latency_does_not_limit_throughput(echo: Echo) -> None:
    """A hundred pieces one after the other would take a hundred round trips if each waited its turn."""
    with Proxy(echo.port, Weather(round_trip=0.05)) as proxy, connect(proxy) as connection:
        started = time.monotonic()
        for number in range(100):
            connection.sendall(b"%d\n" % number)
        answers = b""
        while answers.count(b"\n") < 100:
            answers += connection.recv(65536)
        assert time.monotonic() - started < 2.5
    assert answers == b"".join(b"%d\n" % number for number in range(100))


def refused(proxy: Proxy) -> None:
    """See a new connection be reset: while it is made, or at the first word."""
    with pytest.raises((ConnectionResetError, BrokenPipeError)), connect(proxy) as connection:
        ask(connection, b"anybody?\n")


def seed_with(fate: Fate) -> int:
    """Return a seed whose first exchange has that fate."""
    return next(seed for seed in range(1000) if Fates(seed, 0.5).draw() is fate)


def test_a_reset_before_reaches_the_client_and_nothing_reaches_the_server(echo: Echo) -> None:
    with Proxy(echo.port, Weather(resets=0.5), seed=seed_with(Fate.RESET_BEFORE)) as proxy:
        with connect(proxy) as connection, pytest.raises(ConnectionResetError):
            ask(connection, b"never heard\n")
        assert proxy.dealt == Dealt(connections=1, exchanges=1, resets_before=1)
    assert echo.heard == []


def test_a_reset_after_loses_the_answer_to_what_the_server_did(echo: Echo) -> None:
    with Proxy(echo.port, Weather(resets=0.5), seed=seed_with(Fate.RESET_AFTER)) as proxy:
        with connect(proxy) as connection, pytest.raises(ConnectionResetError):
            ask(connection, b"heard\n")
        assert proxy.dealt == Dealt(connections=1, exchanges=1, resets_after=1)
    assert echo.heard == [b"heard\n"]


def test_the_same_seed_draws_the_same_fates_and_the_probability_is_kept() -> None:
    fates, again = Fates(7, 0.05), Fates(7, 0.05)
    drawn = [fates.draw() for _ in range(20_000)]
    assert drawn == [again.draw() for _ in range(20_000)]
    assert 400 < drawn.count(Fate.RESET_BEFORE) < 600
    assert 400 < drawn.count(Fate.RESET_AFTER) < 600


def test_a_hanging_blackout_holds_everything_back_and_lets_it_go_on(echo: Echo) -> None:
    with Proxy(echo.port) as proxy, connect(proxy) as connection:
        ask(connection, b"before\n")
        proxy.black_out(Manner.HANG)
        connection.sendall(b"during\n")
        with connect(proxy) as newcomer:
            newcomer.settimeout(0.02)
            with pytest.raises(TimeoutError):
                ask(newcomer, b"new\n")
            assert echo.heard == [b"before\n"]
            proxy.clear()
            assert sorted(echo.wait_for(3)[1:]) == [b"during\n", b"new\n"]
        assert connection.recv(4096) == b"during\n"
        assert proxy.dealt == Dealt(connections=2, exchanges=3, blackouts=1, hit_by_blackout=2)


def test_a_resetting_blackout_breaks_every_connection_and_admits_none(echo: Echo) -> None:
    with Proxy(echo.port) as proxy, connect(proxy) as connection:
        ask(connection, b"before\n")
        proxy.black_out(Manner.RESET)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            ask(connection, b"during\n")
        refused(proxy)
        proxy.clear()
        with connect(proxy) as later:
            assert ask(later, b"after\n") == b"after\n"
        assert proxy.dealt.hit_by_blackout == 2
    assert echo.heard == [b"before\n", b"after\n"]


def test_a_blackout_comes_and_goes_at_its_time(echo: Echo) -> None:
    weather = Weather(blackouts=[Blackout(start=0.0, seconds=0.02)])
    with Proxy(echo.port, weather) as proxy, connect(proxy) as connection:
        assert ask(connection, b"held back\n") == b"held back\n"
        assert proxy.dealt.blackouts == 1


def test_what_a_dying_client_has_sent_still_arrives(echo: Echo) -> None:
    """A killed process takes back nothing that is on the wire."""
    with Proxy(echo.port, Weather(round_trip=_ROUND_TRIP)) as proxy:
        with connect(proxy) as connection:
            connection.sendall(b"last words\n")
        assert echo.wait_for(1) == [b"last words\n"]


def test_a_server_that_is_not_there_is_a_reset() -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
    with Proxy(port) as proxy:
        refused(proxy)
