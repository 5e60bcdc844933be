"""What tests run in processes of their own. Returns what happened as text, for a queue."""

import multiprocessing as mp
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubisnap.engine.domain import events as ev
from kubisnap.engine.errors import KubisnapError
from kubisnap.engine.journal.log import Envelope, Journal, open_journal

ENVELOPE = Envelope(time=1_800_000_000_000_000, actor="tester", operation=1, reason="a test")


def events(text: str = "x", count: int = 1) -> list[ev.AnyEvent]:
    """Return events that fit into any log."""
    return [
        ev.StepFailed(step=number, error="Rejected", message=text, status=422)
        for number in range(1, count + 1)
    ]


def _told(work: Callable[..., str], barrier: Any, answers: Any, *arguments: Any) -> None:
    barrier.wait(60)
    try:
        answers.put(work(*arguments))
    except KubisnapError as error:
        answers.put(type(error).__name__)
    except BaseException as error:  # noqa: BLE001 - the test says that there are none
        answers.put(f"{type(error).__module__}.{type(error).__name__}: {error}")


def at_once(work: Callable[..., str], calls: list[tuple[Any, ...]]) -> list[str]:
    """Run `work` in one new process a call, all beginning at the same moment; return what they told."""
    context = mp.get_context("spawn")
    barrier, answers = context.Barrier(len(calls)), context.Queue()
    processes = [context.Process(target=_told, args=(work, barrier, answers, *call)) for call in calls]
    for process in processes:
        process.start()
    told = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    return sorted(told)


def begin_store(url: str, number: int) -> str:
    """Open a store that may not exist yet, and write to it."""
    with open_journal(url, create=True) as journal:
        journal.append(f"{number:032x}", 0, events(count=3), ENVELOPE)
        assert len(journal.read(f"{number:032x}")) == 3
    return "ok"


def claim(url: str, number: int) -> str:
    """Claim the same name as the others."""
    with open_journal(url, create=True) as journal:
        journal.found(f"{number:032x}", "web", events(), ENVELOPE)
    return "ok"


def write_after(url: str, position: int) -> str:
    """Append to a log at a position that only one can be first at."""
    with open_journal(url) as journal:
        journal.append("c" * 32, position, events(f"by {os.getpid()}", 2), ENVELOPE)
    return "ok"


def fill_disk(url: str, limit: int) -> str:
    """Append until files may not grow any more, try again, and say what the log holds then."""
    with open_journal(url, create=True) as journal:
        journal.append("c" * 32, 0, events(), ENVELOPE)
        most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most[1]))
        told = _append_until_refused(journal)
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    return told


def _append_until_refused(journal: Journal) -> str:
    position = 1
    for _ in range(1000):
        try:
            position = journal.append("c" * 32, position, events("y" * 2000, 5), ENVELOPE)[-1].version
        except KubisnapError as error:
            refused = type(error).__name__
            break
    else:
        return "never refused"
    try:
        journal.append("c" * 32, position, events("y" * 2000, 5), ENVELOPE)
        again = "accepted"
    except KubisnapError as error:
        again = type(error).__name__
    whole = (len(journal.read("c" * 32)) - 1) % 5 == 0 and len(journal.read("c" * 32)) == position
    return f"{refused}, then {again}, whole: {whole}"


def interrupted_cleaning(folder: str, presses: int) -> str:
    """Fail, press Ctrl-C while what was made is being removed, and say what came of it."""
    from kubisnap.engine.domain.resources import Kind
    from kubisnap.engine.errors import OperationFailed, Rejected
    from kubisnap.engine.operations.context import Silence
    from tests.unit.engine.world import World, spec

    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it in the background
    world = World(Path(folder), parallel=1)
    pressed, heard = [0], threading.Semaphore(0)

    class Ear(Silence):
        def interrupted(self, running: int) -> None:
            heard.release()

    def watch(method: str, _: Kind | None, __: str) -> None:
        if method == "delete" and pressed[0] < presses:
            pressed[0] += 1
            time.sleep(0.2)  # real: until the main thread waits
            os.kill(os.getpid(), signal.SIGINT)
            assert heard.acquire(timeout=30)

    world.cloud.watch, world.progress = watch, Ear()
    world.cloud.on("create", Kind.SERVER, before=Rejected("sandbox", "no"))
    try:
        world.create(spec(rich=False))
    except OperationFailed as failed:
        left = "some" if failed.left else "0"
        held = "some" if world.dump() else "0"
        return f"{world.last_outcome().outcome}, {left} left, {held} held"
    finally:
        world.close()
    return "it did not fail"
