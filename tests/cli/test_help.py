"""Help: complete, with examples that run; the reference in docs/ is the same text."""

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubisnap.cli import app

if TYPE_CHECKING:
    from .conftest import Desk

ROOT = Path(__file__).parents[2]
COMMANDS = [name for commands in app._GROUPS.values() for name, _ in commands]
ASKED_FOR = {
    "create", "plan", "apply", "get", "scale", "log", "show", "capture", "restore", "verify", "delete",
    "keys generate", "keys list", "doctor", "demo", "completion", "diff", "inspect", "cat", "export",
    "import", "snapshots", "forget", "gc", "fork", "undo", "redo", "revert", "blame", "audit rebuild",
    "stores copy", "stores migrate", "clouds", "clouds sizes", "clouds regions", "clouds refresh", "migrate",
}  # fmt: skip
MANIFEST = """\
name: web
kubernetes: "1.34"
cloud: sandbox
region: sim-us-east
network: {cidr: 10.153.16.0/20}
pools:
  - {name: control-plane, role: control-plane, count: 1, size: sb-2x2, image: ubuntu-24.04}
  - {name: workers, role: worker, count: 2, size: sb-1x2, image: ubuntu-24.04}
"""


def examples(text: str) -> list[str]:
    """Return the command lines under Examples, without ``> FILE``."""
    found = re.search(r"  Examples:\n((?:    .*\n)+)", text)
    assert found, text
    lines = [line.strip() for line in found[1].splitlines()]
    assert all(line.startswith("kubisnap ") for line in lines), lines
    return [line.removeprefix("kubisnap ").split(" > ")[0] for line in lines]


def test_these_are_the_commands() -> None:
    assert set(COMMANDS) == ASKED_FOR


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does_with_two_examples(desk: "Desk", command: str) -> None:
    done = desk.ok(f"{command} --help")
    assert done.err == ""
    assert done.out.startswith(f"Usage: kubisnap {command} [OPTIONS]")
    lines = examples(done.out)
    assert len(lines) >= 2
    assert all(line.startswith(command) for line in lines)
    for title in ("Options:", "Global options:"):
        assert f"\n{title}\n" in done.out
    assert max(map(len, done.out.splitlines())) <= 100
    assert done.out == desk.ok(f"{command} -h").out


def test_the_examples_run_in_the_order_of_the_help(desk: "Desk") -> None:
    """On the sandbox, in one scratch home; the demo's run in tests of their own."""
    desk.write("cluster.yaml", MANIFEST)
    for command in COMMANDS:
        if command == "demo":
            continue
        for line in examples(desk.ok(f"{command} --help").out):
            done = desk.run(line)
            assert done.status == 0, f"{line}\n{done.screen}"


def test_a_bare_command_shows_the_help_and_is_a_mistake(desk: "Desk") -> None:
    done = desk.run("")
    assert done.status == 2
    assert done.out == ""
    assert done.err == desk.ok("--help").out
    for name in {name.split()[0] for name in COMMANDS}:
        assert re.search(rf"^  {name} +[A-Z].*\.$", done.err, re.MULTILINE), name


def test_the_reference_is_what_help_says(desk: "Desk") -> None:
    """Made by ``python docs/make_cli_reference.py``; never edited by hand."""
    spec = importlib.util.spec_from_file_location("make_cli_reference", ROOT / "docs/make_cli_reference.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (ROOT / "docs/cli.md").read_text(encoding="utf-8") == script.reference()
