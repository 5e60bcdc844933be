"""`python -m kubisnap.adapters.hetzner.simulator`: run the simulator by itself until told to stop."""

import argparse
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from queue import SimpleQueue

from .server import BANNER, HetznerSimulator


def _project(text: str) -> tuple[str, str]:
    name, _, token = text.partition("=")
    if not name or not token:
        raise argparse.ArgumentTypeError(f"a project is written NAME=TOKEN, not {text!r}")
    return name, token


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kubisnap.adapters.hetzner.simulator",
        description=BANNER,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8081, help="on 127.0.0.1; 0 takes any free one")
    parser.add_argument(
        "--project", type=_project, action="append", metavar="NAME=TOKEN", help="may be given several times"
    )
    parser.add_argument("--boot-seconds", type=float, default=2.0, help="until a server runs")
    parser.add_argument("--action-seconds", type=float, default=1.0, help="until another action is over")
    parser.add_argument("--hourly-limit", type=int, default=3600, help="requests an hour for each project")
    parser.add_argument("--server-limit", type=int, default=25, help="servers each project may have")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other numbers")
    return parser


def _banner(simulator: HetznerSimulator, projects: Sequence[tuple[str, str]]) -> str:
    lines = [
        BANNER,
        f"Listening on {simulator.url} until Ctrl-C. To use it:",
        "",
        f"  export HCLOUD_ENDPOINT={simulator.url}",
    ]
    lines += [f"  export HCLOUD_TOKEN={shlex.quote(token)}  # project {name!r}" for name, token in projects]
    return "\n".join([*lines, ""]) + "\n"


def main(arguments: Sequence[str] | None = None, *, stop: SimpleQueue[None] | None = None) -> int:
    """Serve until something is in `stop`, which Ctrl-C and SIGTERM put there.

    A queue of this kind and no event: a signal strikes in the thread that waits, perhaps while it holds
    the lock that telling an event would take.
    """
    options = _parser().parse_args(arguments)
    projects: list[tuple[str, str]] = options.project or [("first", "simulated-token")]
    ended = stop or SimpleQueue[None]()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.put(None))
    simulator = HetznerSimulator(
        port=options.port,
        boot_seconds=options.boot_seconds,
        action_seconds=options.action_seconds,
        hourly_limit=options.hourly_limit,
        seed=options.seed,
    )
    for name, token in projects:
        simulator.add_project(name, token, server_limit=options.server_limit)
    try:
        simulator.start()
    except OSError as error:
        sys.stderr.write(f"The simulator can not listen on port {options.port}: {error.strerror}.\n")
        return 1
    try:
        sys.stdout.write(_banner(simulator, projects))
        sys.stdout.flush()
        ended.get()
    finally:
        simulator.stop()
    sys.stdout.write("The simulator has stopped; all it held is gone.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
