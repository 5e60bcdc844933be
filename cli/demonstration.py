"""The demo: the main job end to end, by the very commands that a person types.

Each step is a real `kubisnap` process that speaks HTTP to the simulated DigitalOcean (which says of
itself that it is a simulator), in a temporary folder with a store, keys and a home of its own. The
migration goes to moto, which simulates AWS, where that is installed: it comes with the tests.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from ..adapters.digitalocean.simulator import DigitalOceanSimulator
from ..engine.domain.model import ClusterSpec, neutral
from ..engine.journal.log import open_journal
from .archiving import from_file
from .render.style import counted, duration, paint, size
from .session import Session

_TOKENS = {"first": "simulated-token-of-the-first-account", "second": "simulated-token-of-the-second-account"}
_TIMEOUT_SECONDS = 120
_KEPT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TERM")
"""What the commands get of this process's environment; all else is the demo's own."""


_AWS_KEY = "AKIASIMULATED"


@contextmanager
def _amazon() -> Iterator[str]:
    """Give the address of a simulated AWS, empty where moto is not installed."""
    from ..adapters.aws.simulator import AwsSimulator
    from ..engine.errors import InvalidInput

    with ExitStack() as stack:
        try:
            simulator = stack.enter_context(AwsSimulator(regions=("eu-central-1",)))
        except InvalidInput:  # the demo says so where it would go on with it
            yield ""
            return
        simulator.add_account(_AWS_KEY)
        yield simulator.url


class DemoStepFailed(Exception):
    """A command of the demo exited with something else than 0."""


class _Stage:
    """Runs the commands and prints them as a person would see them."""

    def __init__(
        self, folder: Path, simulator: DigitalOceanSimulator, amazon: str, out: TextIO, *, color: bool
    ) -> None:
        self.folder = folder
        self.simulator = simulator
        self.amazon = amazon
        self._out = out
        self._color = color
        self._number = 0

    def say(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)

    def scene(self, title: str) -> None:
        self._number += 1
        self.say()
        self.say(paint(f"── {self._number}. {title} ".ljust(78, "─"), "bold", on=self._color))

    def environment(self, account: str, store: str) -> Mapping[str, str]:
        keep = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            **keep,
            "HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "KUBISNAP_STORE": f"sqlite:///{self.folder / store}",
            "KUBISNAP_SANDBOX": str(self.folder / "sandbox.sqlite"),
            "KUBISNAP_ACTOR": os.environ.get("KUBISNAP_ACTOR", "demo"),
            "DIGITALOCEAN_TOKEN": _TOKENS[account],
            "DIGITALOCEAN_END_POINT": self.simulator.url,
            "AWS_ACCESS_KEY_ID": _AWS_KEY,
            "AWS_SECRET_ACCESS_KEY": "simulated",
            "AWS_ENDPOINT_URL": self.amazon,
            **({"FORCE_COLOR": "1"} if self._color else {"NO_COLOR": "1"}),
            "PYTHONIOENCODING": "utf-8",
        }

    def run(self, line: str, *, account: str = "first", store: str = "store.sqlite") -> None:
        """Run one command line in the demo's folder, its output shown as it comes."""
        self.say(f"\n$ {paint(line, 'bold', on=self._color)}")
        words = shlex.split(line)
        done = subprocess.run(  # noqa: S603 - our own program, our own arguments
            [sys.executable, "-m", "kubisnap", *words[1:]],
            cwd=self.folder,
            env=dict(self.environment(account, store)),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise DemoStepFailed(f"{line}: exit status {done.returncode}")


def run_demo(session: Session) -> int:
    """Run the demo and return its exit status."""
    out = sys.stderr if session.json else sys.stdout
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="kubisnap-demo-") as folder,
        DigitalOceanSimulator(accounts=_TOKENS, boot_seconds=1.5, action_seconds=0.5) as simulator,
        _amazon() as amazon,
    ):
        stage = _Stage(Path(folder), simulator, amazon, out, color=session.colored(out))
        try:
            equal = _play(stage)
        except (DemoStepFailed, subprocess.TimeoutExpired) as error:
            print(f"error: the demo stopped: {error}", file=sys.stderr)
            return 1
    seconds = time.monotonic() - started
    stage.say(f"\ndemo {'complete' if equal else 'FAILED'} in {duration(seconds)}.")
    if session.json:
        session.result("", "Demo", {"equal": equal, "seconds": round(seconds, 3)})
    return 0 if equal else 1


def _play(stage: _Stage) -> bool:
    stage.say("A simulated DigitalOcean runs on this machine; nothing is real, nothing costs.")
    stage.say(f"It listens on {stage.simulator.url} and has two accounts, first and second.")

    stage.scene("Create a cluster from a profile")
    stage.run('kubisnap create web --cloud digitalocean --budget 60 -m "first cluster" --yes')

    stage.scene("Scale it from 2 to 4 workers")
    stage.run('kubisnap scale web workers=4 -m "more traffic" --yes')
    stage.run("kubisnap get web")

    stage.scene("Capture it to one file, and check the file")
    stage.run('kubisnap capture web --out web.ksnap -m "before the bad day"')
    stage.run("kubisnap verify web.ksnap")

    stage.scene("The bad day: everything in the first account is gone")
    before = stage.simulator.inventory("first")
    stage.simulator.wipe("first")
    stage.say(f"before: {_counts(before)}")
    stage.say(f"after:  {_counts(stage.simulator.inventory('first'))}")

    stage.scene("Restore it from the file alone: another account, region and store")
    stage.run(
        'kubisnap restore web.ksnap --as web-eu --on digitalocean:fra1 -m "first account lost" --yes',
        account="second",
        store="elsewhere.sqlite",
    )

    stage.scene("And onto another cloud")
    stage.run(
        'kubisnap restore web.ksnap --as web-sim --on sandbox -m "can we leave?" --yes',
        account="second",
        store="elsewhere.sqlite",
    )

    names = ["web-eu", "web-sim", *_migrate(stage)]

    stage.scene("Is it the same cluster? Compare what was intended")
    equal = _compare(stage, names)

    stage.scene("The audit log: who did what, when and why")
    stage.run("kubisnap log")
    stage.run("kubisnap log", account="second", store="elsewhere.sqlite")
    return equal


def _migrate(stage: _Stage) -> list[str]:
    """Migrate the restored cluster to AWS; return the name of what came of it, if AWS is simulated here."""
    stage.scene("Move it to another cloud while it goes on serving")
    if not stage.amazon:
        stage.say("left out: this one needs a simulated AWS, which comes with the tests (make demo)")
        return []
    stage.run(
        'kubisnap migrate web-eu --to aws:eu-central-1 --as web-aws --no-reach -m "we can leave" --yes',
        account="second",
        store="elsewhere.sqlite",
    )
    return ["web-aws"]


def _counts(inventory: Mapping[str, int]) -> str:
    kinds = {"ssh_keys": "SSH key", "vpcs": "network"}
    return (
        ", ".join(
            counted(count, kinds.get(kind, kind.removesuffix("s").replace("_", " ")))
            for kind, count in sorted(inventory.items())
            if count
        )
        or "nothing"
    )


def _parts(spec: ClusterSpec) -> list[str]:
    """Say what a cluster consists of."""
    rules = sum(len(firewall.allow) for firewall in spec.firewalls)
    return [
        *(f"{counted(pool.count, 'server')} in pool {pool.name}" for pool in spec.pools),
        "1 network",
        f"{counted(len(spec.firewalls), 'firewall')} with {counted(rules, 'rule')}",
        counted(len(spec.ssh_keys), "SSH key"),
    ]


def _compare(stage: _Stage, names: list[str]) -> bool:
    """Compare the intent in the archive with that of the clusters made from it, and with what there is."""
    archive = stage.folder / "web.ksnap"
    unpacked = from_file(str(archive))
    captured, info = unpacked.cluster.spec, unpacked.info
    equal = True
    with open_journal(f"sqlite:///{stage.folder / 'elsewhere.sqlite'}") as journal:
        for name in names:
            state = journal.state(journal.cluster_id(name))
            spec = state.spec()
            same = neutral(spec) == neutral(captured) and len(spec.servers()) == sum(
                key.kind == "server" and binding.ready for key, binding in state.bindings.items()
            )
            equal = equal and same
            place = f"{spec.placement.cloud}/{spec.placement.region}"
            verdict = "equal" if same else "DIFFERENT"
            stage.say(f"web (captured)  =  {name} on {place}: {verdict}")
    stage.say("\n".join(f"  {part}" for part in _parts(captured)))
    stage.say(f"second account now: {_counts(stage.simulator.inventory('second'))}")
    stage.say(
        f"the archive: {archive.name}, {size(archive.stat().st_size)}, "
        f"{info.manifest.events} events ({size(info.manifest.raw)} uncompressed)"
    )
    return equal


def serve(port: int) -> None:
    """Run the simulated DigitalOcean alone until Ctrl-C, and say how to use it."""
    from ..adapters.digitalocean.simulator.__main__ import main

    main(["--port", str(port), *(f"--account={name}={token}" for name, token in _TOKENS.items())])
