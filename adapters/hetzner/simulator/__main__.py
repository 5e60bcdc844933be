"""`python -m kubisnap.adapters.hetzner.simulator`: run the simulator by itself until told to stop."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from queue import SimpleQueue

from ...simulation.running import serve
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
    """Serve until something is in `stop`, which Ctrl-C and SIGTERM put there."""
    options = _parser().parse_args(arguments)
    projects: list[tuple[str, str]] = options.project or [("first", "simulated-token")]
    simulator = HetznerSimulator(
        port=options.port,
        boot_seconds=options.boot_seconds,
        action_seconds=options.action_seconds,
        hourly_limit=options.hourly_limit,
        seed=options.seed,
    )
    for name, token in projects:
        simulator.add_project(name, token, server_limit=options.server_limit)
    return serve(simulator, options.port, lambda: _banner(simulator, projects), stop)


if __name__ == "__main__":
    sys.exit(main())
