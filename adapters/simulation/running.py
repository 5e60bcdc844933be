"""Running a simulator by itself, from the command line, until it is told to stop."""

import signal
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol


class Simulator(Protocol):
    """What can be started and stopped."""

    def start(self) -> None:
        """Bind the port and serve. Raises `OSError`."""
        ...

    def stop(self) -> None:
        """Let go of the port."""
        ...


def serve(
    simulator: Simulator, port: int, banner: Callable[[], str], stop: SimpleQueue[None] | None = None
) -> int:
    """Serve until something is in `stop`, which Ctrl-C and SIGTERM put there; return the exit status.

    `banner` is what to print once it is known where it listens. A queue of this kind and no event: a signal
    strikes in the thread that waits, perhaps while it holds the lock that telling an event would take.
    """
    ended = stop or SimpleQueue[None]()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.put(None))
    try:
        simulator.start()
    except OSError as error:
        sys.stderr.write(f"The simulator can not listen on port {port}: {error.strerror}.\n")
        return 1
    try:
        sys.stdout.write(banner())
        sys.stdout.flush()
        ended.get()
    finally:
        simulator.stop()
    sys.stdout.write("The simulator has stopped; all it held is gone.\n")
    return 0
