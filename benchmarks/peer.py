"""Peer: one cluster of 20 droplets, made by kubisnap and by Ansible against the same simulated DigitalOcean.

Created, applied once more without a change, and destroyed; medians of interleaved runs. Each gets a fresh
simulator of the same settings, and what it left there is checked: nobody wins by not doing the work. The
peer's playbook (`benchmarks/peer/`) is written for speed: a host for each droplet, 20 forks, pipelining.
Ansible comes from a virtual environment of its own in the user's cache directory, made when it is missing.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from benchmarks.table import Figure, show
from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator

PEER = "ansible==9.13.0"
"""The wheel that carries `community.digitalocean` 1.27.0, whose modules take a `baseurl`."""

FILES = Path(__file__).resolve().with_name("peer")
STEPS = ("create", "re-apply", "destroy")
SIDES = ("kubisnap", "ansible")
ACCOUNT, TOKEN, CLUSTER = "bench", "simulated-token", "shop"
RUNS = 3
BOOT_SECONDS = 5.0
FASTER = 1.0
HOURLY_LIMIT = 1_000_000
PATIENCE_SECONDS = 900
DECLARED = {"ssh_keys": 1, "tags": 3, "vpcs": 1, "firewalls": 2, "droplets": 20}
TAGGED = [1, 19, 20]
"""How many droplets carry each of the three tags."""


@dataclass
class Run:
    """What one side took for each step and sent in it, and what its cluster looked like."""

    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, Counter[str]] = field(default_factory=dict)
    outline: dict[str, Any] = field(default_factory=dict)

    def writes(self, step: str) -> int:
        """Return how many calls of a step were not just reading."""
        return sum(count for method, count in self.calls[step].items() if method != "GET")


def peer_programs() -> Path:
    """Return the folder of Ansible's programs, installed when they are missing; exit with 2 if that fails."""
    home = user_cache_path("kubisnap") / "bench" / PEER.replace("==", "-")
    programs, ready = home / "bin", home / ".ready"
    if ready.exists():
        return programs
    print(f"installing {PEER} into {home}", file=sys.stderr)
    try:
        venv.create(home, clear=True, with_pip=True)
        pip = [str(programs / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, "install", PEER], capture_output=True, text=True, check=False)
        problem = done.stderr.strip().rpartition("\n")[2] if done.returncode else ""
    except (OSError, subprocess.CalledProcessError) as error:
        problem = str(error)
    if problem or not (programs / "ansible-playbook").exists():
        print(f"no comparison: pip can not install {PEER}: {problem}", file=sys.stderr)
        raise SystemExit(2)
    ready.touch()
    return programs


def commands(side: str, programs: Path) -> dict[str, list[str]]:
    """Return what a side runs for each step."""
    if side == "kubisnap":
        kubisnap = [sys.executable, "-m", "kubisnap"]
        apply = [*kubisnap, "apply", "-f", str(FILES / "kubisnap.yml"), "--yes"]
        delete = [*kubisnap, "delete", CLUSTER, f"--yes={CLUSTER}"]
        return dict(zip(STEPS, (apply, apply, delete), strict=True))
    play = [str(programs / "ansible-playbook"), "-i", str(FILES / "inventory.yml")]
    create, destroy = [*play, str(FILES / "create.yml")], [*play, str(FILES / "destroy.yml")]
    return dict(zip(STEPS, (create, create, destroy), strict=True))


def environment(url: str, folder: Path) -> dict[str, str]:
    """Return what both sides are run with: nothing of the user's settings, and a home of their own."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
        "CI": "1",
        "DIGITALOCEAN_END_POINT": url,
        "DIGITALOCEAN_TOKEN": TOKEN,
        "KUBISNAP_STORE": f"sqlite:///{folder / 'store.sqlite'}",
        "DO_BASEURL": url.rstrip("/"),
        "DO_API_TOKEN": TOKEN,
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_FORKS": "20",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
    }


def timed(command: list[str], env: dict[str, str], folder: Path) -> float:
    """Return the wall time of one command in seconds; end the benchmark if it fails."""
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        said = (done.stdout + done.stderr)[-4000:]
        raise SystemExit(f"{said}\n\nfailed with {done.returncode}: {' '.join(command)}")
    return seconds


def outline(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Return what a cluster is, without names and ids: alike for both sides."""
    networks = {vpc["id"] for vpc in snapshot["vpcs"]}
    tagged = Counter(tag for droplet in snapshot["droplets"] for tag in droplet["tags"])
    droplets = [
        {
            "made of": [droplet[name] for name in ("region", "size", "image", "status", "user_data")],
            "features": sorted(droplet["features"]),
            "in the network": droplet["vpc_uuid"] in networks,
            "addresses": [droplet["has_public_ip"], droplet["has_private_ip"]],
            "keys": len(droplet["ssh_keys"]),
            "tags": len(droplet["tags"]),
        }
        for droplet in snapshot["droplets"]
    ]
    firewalls = [
        {
            "in": sorted(json.dumps(rule, sort_keys=True) for rule in firewall["inbound_rules"]),
            "out": sorted(json.dumps(rule, sort_keys=True) for rule in firewall["outbound_rules"]),
            "droplets": [tagged[tag] for tag in firewall["tags"]],
        }
        for firewall in snapshot["firewalls"]
    ]
    return {
        "keys": [key["fingerprint"] for key in snapshot["ssh_keys"]],
        "tags": sorted(tagged[tag["name"]] for tag in snapshot["tags"]),
        "networks": [(vpc["region"], vpc["ip_range"]) for vpc in snapshot["vpcs"]],
        "firewalls": sorted(json.dumps(firewall, sort_keys=True) for firewall in firewalls),
        "droplets": Counter(json.dumps(droplet, sort_keys=True) for droplet in droplets),
    }


def check(simulator: DigitalOceanSimulator, side: str, step: str, before: dict[str, Any]) -> None:
    """End the benchmark unless a step left what it should: the declared cluster, the same one, or nothing."""
    there = {kind: count for kind, count in simulator.inventory(ACCOUNT).items() if count}
    wanted: dict[str, int] = {} if step == "destroy" else DECLARED
    if there != wanted:
        raise SystemExit(f"{side}: after {step} there is {there}, not {wanted}")
    now = simulator.snapshot(ACCOUNT)
    if step == "create":
        states = Counter(droplet["status"] for droplet in now["droplets"])
        if states != {"active": DECLARED["droplets"]} or outline(now)["tags"] != TAGGED:
            raise SystemExit(f"{side}: droplets are {states}, tagged {outline(now)['tags']}")
    if step == "re-apply" and now != before:
        raise SystemExit(f"{side}: the re-apply changed something")


def run_once(side: str, programs: Path, boot_seconds: float) -> Run:
    """Create, re-apply and destroy the cluster once, against a fresh simulator."""
    run = Run()
    with (
        tempfile.TemporaryDirectory() as name,
        DigitalOceanSimulator(
            accounts={ACCOUNT: TOKEN},
            boot_seconds=boot_seconds,
            burst_limit=None,
            hourly_limit=HOURLY_LIMIT,
        ) as simulator,
    ):
        folder = Path(name)
        env = environment(simulator.url, folder)
        for step, command in commands(side, programs).items():
            asked, before = len(simulator.requests), simulator.snapshot(ACCOUNT)
            run.seconds[step] = timed(command, env, folder)
            run.calls[step] = Counter(record.method for record in simulator.requests[asked:])
            check(simulator, side, step, before)
            if step == "create":
                run.outline = outline(simulator.snapshot(ACCOUNT))
    return run


def warm_up(programs: Path) -> None:
    """Fill the page cache and the byte code of both."""
    for command in (
        [sys.executable, "-m", "kubisnap", "--help"],
        [str(programs / "ansible-playbook"), "--version"],
    ):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def figures(runs: dict[str, list[Run]]) -> list[Figure]:
    """Return the lines of the table: who is faster, by medians, and whether nobody won by doing less."""
    lines = []
    for step in STEPS:
        ours, theirs = (statistics.median(run.seconds[step] for run in runs[side]) for side in SIDES)
        lines += [
            Figure(f"{step}: ansible", theirs, "s"),
            Figure(f"{step}: kubisnap", ours, "s"),
            Figure(f"{step}: ansible / kubisnap", theirs / ours, "x", FASTER),
        ]
    writes = max(run.writes("re-apply") for run in runs["kubisnap"])
    wanted = runs["ansible"][0].outline
    unlike = sum(run.outline != wanted for side in SIDES for run in runs[side])
    return [
        *lines,
        Figure("re-apply: write calls of kubisnap", writes, "calls", 0, at_most=True),
        Figure("create: clusters unlike the first", unlike, "clusters", 0, at_most=True),
    ]


def tell_calls(runs: dict[str, list[Run]]) -> None:
    """Print what each side sent in its last run."""
    print(f"{'requests of the last run':<34}{'':>10}  by method")
    for step in STEPS:
        for side in SIDES:
            calls = runs[side][-1].calls[step]
            by_method = ", ".join(f"{method} {count}" for method, count in sorted(calls.items()))
            print(f"{step + ', ' + side:<34}{calls.total():>10}  {by_method}")


def measure(runs: int = RUNS, boot_seconds: float = BOOT_SECONDS) -> list[Figure]:
    """Run both, interleaved."""
    programs = peer_programs()
    warm_up(programs)
    print(
        f"20 droplets; a droplet boots in {boot_seconds:g} s (a real one takes up to a minute);\n"
        f"no list lag, no burst limit; {runs} runs of each side, {os.cpu_count()} cores; {PEER}",
        flush=True,
    )
    done: dict[str, list[Run]] = {side: [] for side in SIDES}
    for number in range(runs):
        for side in SIDES if number % 2 == 0 else SIDES[::-1]:  # neither always goes first
            done[side].append(run_once(side, programs, boot_seconds))
    tell_calls(done)
    return figures(done)


def main() -> int:
    """Print the table; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description="kubisnap and Ansible make the same cluster of 20 droplets.")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each side (default: %(default)s)")
    parser.add_argument(
        "--boot-seconds", type=float, default=BOOT_SECONDS, help="of a droplet (default: %(default)s)"
    )
    given = parser.parse_args()
    return show(measure(given.runs, given.boot_seconds))


if __name__ == "__main__":
    raise SystemExit(main())
