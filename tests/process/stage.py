"""What the proofs in real processes share: a home of its own, the real command, what an account holds.

An account's inventory is told in names instead of identifiers and addresses, so that two runs that
came to the same can be compared; what is there twice is there twice in it.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, TypeAlias

from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator
from tests.process.forks import Forks

ROOT = Path(__file__).resolve().parents[2]
TOKENS: Mapping[str, str] = {"first": "token-of-the-first-account", "second": "token-of-the-second-account"}
PUBLIC_KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43} ada@example.com"
FOREIGN_KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'B' * 43} bob@example.com"
LONGEST = 300.0
"""Seconds after which a command is taken to hang for ever."""

Inventory: TypeAlias = Mapping[str, Sequence[str]]

_KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "COVERAGE_PROCESS_START")
_CLUSTER_ID = re.compile(r"(?<=-)[0-9a-f]{8}(?=-|$)")
_PASSES = frozenset({"status", "busy", "has_private_ip", "has_public_ip"})
_DIFFERS = (_PASSES - {"status"}) | {"id", "created_at", "ip", "private_ip", "public_ip", "public_ipv6"}
_HINT = re.compile(r"^hint: kubisnap (.+?)(?: {2,}.*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Done:
    """One command: what was typed, how it ended (negative: by that signal), and how long it took."""

    words: Sequence[str]
    status: int
    out: str
    err: str
    seconds: float

    @property
    def hints(self) -> list[str]:
        """The commands that the tool itself named, without its own name."""
        return _HINT.findall(self.err)

    def told(self) -> str:
        """All of it as text, for the log of a run."""
        command = f"$ kubisnap {' '.join(self.words)}"
        return f"{command}\n{self.out}{self.err}-> {self.status} after {self.seconds:.2f} s\n"


@dataclass
class Desk:
    """A home with a store, from which the real command is run against one end point."""

    home: Path
    end_point: str
    done: list[Done] = field(default_factory=list)
    program: Sequence[str] = ("-m", "kubisnap")
    forks: Forks | None = None
    """With it, what is not to be killed is a fork; see there."""

    def __post_init__(self) -> None:
        (self.home / ".ssh").mkdir(parents=True)
        (self.home / ".ssh" / "id_ed25519.pub").write_text(f"{PUBLIC_KEY}\n", encoding="utf-8")

    @property
    def store(self) -> Path:
        """The event store's file."""
        return self.home / "store.sqlite"

    @property
    def store_url(self) -> str:
        """The event store's address."""
        return f"sqlite:///{self.store}"

    def environment(self, account: str) -> dict[str, str]:
        """Return what a command finds set."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            **kept,
            "PYTHONPATH": kept.get("PYTHONPATH", str(ROOT)),
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "KUBISNAP_STORE": self.store_url,
            "KUBISNAP_ACTOR": "ada",
            "DIGITALOCEAN_TOKEN": TOKENS[account],
            "KUBISNAP_LIST_LAG": "5s",  # the simulated clouds' lists lag by two seconds at most
            "DIGITALOCEAN_END_POINT": self.end_point,
            "CI": "1",
            "NO_COLOR": "1",
            "TMPDIR": str(self.home),
            "PYTHONIOENCODING": "utf-8",
        }

    def start(self, words: Sequence[str], account: str) -> "subprocess.Popen[str]":
        """Start the command; its output goes to files, so that nobody has to read along."""
        with (self.home / "out").open("w") as out, (self.home / "err").open("w") as err:
            return subprocess.Popen(
                [sys.executable, *self.program, *words],
                cwd=self.home,
                env=self.environment(account),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
            )

    def run(self, *words: str, account: str = "first", kill_after: float | None = None) -> Done:
        """Run the command to its end, or kill it after so many seconds."""
        started = time.monotonic()
        if self.forks is not None and kill_after is None:
            status = self.forks.run(
                words, folder=self.home, environment=self.environment(account), seconds=LONGEST
            )
        else:
            status = self._run(words, account, kill_after)
        seconds = time.monotonic() - started
        out, err = (
            (self.home / name).read_text(encoding="utf-8", errors="replace") for name in ("out", "err")
        )
        self.done.append(Done(words, status, out, err, seconds))
        return self.done[-1]

    def _run(self, words: Sequence[str], account: str, kill_after: float | None) -> int:
        with self.start(words, account) as process:
            try:
                process.wait(LONGEST if kill_after is None else kill_after)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode

    def told(self) -> str:
        """Everything that was run here."""
        return "\n".join(done.told() for done in self.done)


# ── what an account holds ────────────────────────────────────────────────────────────────────────


def inventory(simulator: DigitalOceanSimulator, account: str) -> Inventory:
    """Return what the account holds, comparable between runs; settled things only look settled."""
    snapshot: Mapping[str, Any] = simulator.snapshot(account)
    labels: dict[str, str] = {}
    for kind, records in snapshot.items():
        for record in records:
            name = _CLUSTER_ID.sub("ID", str(record.get("name", "")))
            labels[str(record.get("id", record.get("ip", name)))] = f"{kind}:{name}"
    return {
        kind: sorted(json.dumps(_comparable(record, labels), sort_keys=True) for record in records)
        for kind, records in snapshot.items()
    }


def _comparable(value: Any, labels: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _comparable(inner, labels) for name, inner in value.items() if name not in _DIFFERS}
    if isinstance(value, list):
        return sorted((_comparable(inner, labels) for inner in value), key=json.dumps)
    if isinstance(value, str):
        return labels.get(value, _CLUSTER_ID.sub("ID", value))
    if isinstance(value, int) and not isinstance(value, bool):
        return labels.get(str(value), value)
    return value


def differences(wanted: Inventory, found: Inventory) -> list[str]:
    """Say what is missing and what is too much, each as often as it is."""
    told = []
    for kind in sorted({*wanted, *found}):
        before, after = Counter(wanted.get(kind, ())), Counter(found.get(kind, ()))
        told += [f"missing from {kind}: {item}" for item in (before - after).elements()]
        told += [f"too much in {kind}: {item}" for item in (after - before).elements()]
    return told


# ── what is there and not ours ───────────────────────────────────────────────────────────────────


def settle_strangers(simulator: DigitalOceanSimulator, account: str, region: str) -> None:
    """Put things into the account that no cluster made, under names that a careless tool would mix up."""

    def ask(path: str, body: Mapping[str, Any]) -> Any:
        request = urllib.request.Request(
            f"{simulator.url}{path}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {TOKENS[account]}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    ask("tags", {"name": "kubisnap"})
    key = ask("account/keys", {"name": "web-admin", "public_key": FOREIGN_KEY})["ssh_key"]["id"]
    network = ask("vpcs", {"name": "web-main", "region": region, "ip_range": "10.99.0.0/20"})["vpc"]["id"]
    droplet = {
        "name": "web-workers-0",
        "region": region,
        "size": "s-1vcpu-2gb",
        "image": "ubuntu-24-04-x64",
        "vpc_uuid": network,
        "ssh_keys": [key],
        "tags": ["kubisnap", "web"],
    }
    number = ask("droplets", droplet)["droplet"]["id"]
    inbound = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0.0.0.0/0"]}}
    ask("firewalls", {"name": "web-workers", "inbound_rules": [inbound], "droplet_ids": [number]})
    ask("volumes", {"name": "web-data", "region": region, "size_gigabytes": 10})
    never = Event()
    while any(item["status"] == "new" for item in _records(simulator, account)["droplets"]):
        never.wait(0.02)


def _records(simulator: DigitalOceanSimulator, account: str) -> Mapping[str, Any]:
    return simulator.snapshot(account)


def strangers(simulator: DigitalOceanSimulator, account: str) -> dict[str, str]:
    """Return everything in the account in full, by kind and identifier; what only passes is left out."""
    return {
        f"{kind} {record.get('id', record.get('ip', record.get('name')))}": json.dumps(
            {name: value for name, value in record.items() if name not in _PASSES}, sort_keys=True
        )
        for kind, records in _records(simulator, account).items()
        for record in records
    }


def touched(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Say which of the things before are gone or another than they were."""
    return [
        f"not ours and {'changed' if name in after else 'gone'}: {name}"
        for name, record in before.items()
        if after.get(name) != record
    ]
