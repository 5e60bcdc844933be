"""The second Ctrl-C: stop now, whatever is running.

The first one is an ordinary `KeyboardInterrupt`, on which the engine finishes the running calls and
records. A call may take a minute to come back, though. Its intent is on disk, so leaving at once is
safe: whoever goes on, or back, asks the cloud what became of it.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..engine.errors import Interrupted
from .exits import Failure


@contextmanager
def stopping_at_once(cluster: str, *, as_json: bool, deleting: bool = False) -> Iterator[None]:
    """Leave the process at the second Ctrl-C. Does nothing where Ctrl-C is somebody else's business."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    first = True

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if first:
            first = False
            signal.default_int_handler(number, frame)
        failure = Failure(
            "interrupted",
            "stopped at once: what became of the running calls is not known",
            Interrupted(cluster, 0, 0, 0, deleting).hint,
        )
        line = failure.json() if as_json else f"\n{failure.text()}"
        os.write(sys.stderr.fileno(), f"{line}\n".encode())
        os._exit(failure.code)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
