"""`python -m kubisnap.adapters.digitalocean.simulator`: run the simulator by itself until told to stop."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from queue import SimpleQueue

from ...simulation.running import serve
from .control import BANNER
from .server import DigitalOceanSimulator


def _account(text: str) -> tuple[str, str]:
    name, _, token = text.partition("=")
    if not name or not token:
        raise argparse.ArgumentTypeError(f"an account is written NAME=TOKEN, not {text!r}")
    return name, token


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kubisnap.adapters.digitalocean.simulator",
        description=BANNER,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8080, help="on 127.0.0.1; 0 takes any free one")
    parser.add_argument(
        "--account", type=_account, action="append", metavar="NAME=TOKEN", help="may be given several times"
    )
    parser.add_argument("--boot-seconds", type=float, default=2.0, help="until a droplet is active")
    parser.add_argument("--action-seconds", type=float, default=1.0, help="until another action is over")
    parser.add_argument("--list-lag-seconds", type=float, default=0.0, help="until lists show a new droplet")
    parser.add_argument("--burst-limit", type=int, default=250, help="requests a minute for each account")
    parser.add_argument("--hourly-limit", type=int, default=5000, help="requests an hour for each account")
    parser.add_argument("--droplet-limit", type=int, default=25, help="droplets each account may have")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other identifiers")
    return parser


def _banner(simulator: DigitalOceanSimulator, accounts: Sequence[tuple[str, str]]) -> str:
    lines = [
        BANNER,
        f"Listening on {simulator.url} until Ctrl-C. To use it:",
        "",
        f"  export DIGITALOCEAN_END_POINT={simulator.url}",
    ]
    lines += [
        f"  export DIGITALOCEAN_ACCESS_TOKEN={shlex.quote(token)}  # account {name!r}"
        for name, token in accounts
    ]
    lines += ["", f"Behind the scenes (faults, inventory, requests): {simulator.endpoint}/simulator", ""]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None, *, stop: SimpleQueue[None] | None = None) -> int:
    """Serve until something is in `stop`, which Ctrl-C and SIGTERM put there."""
    options = _parser().parse_args(arguments)
    accounts: list[tuple[str, str]] = options.account or [("first", "simulated-token")]
    simulator = DigitalOceanSimulator(
        port=options.port,
        boot_seconds=options.boot_seconds,
        action_seconds=options.action_seconds,
        list_lag_seconds=options.list_lag_seconds,
        burst_limit=options.burst_limit,
        hourly_limit=options.hourly_limit,
        seed=options.seed,
    )
    for name, token in accounts:
        simulator.add_account(name, token, droplet_limit=options.droplet_limit)
    return serve(simulator, options.port, lambda: _banner(simulator, accounts), stop)


if __name__ == "__main__":
    sys.exit(main())
