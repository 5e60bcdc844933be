"""What the documents show is run: YAML is loaded, Python is executed, commands are typed."""

import os
import re
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import pytest

from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator
from kubisnap.engine.domain.manifest import load
from kubisnap.engine.domain.refs import parse_ref

ROOT = Path(__file__).resolve().parents[2]
TOKENS = {"first": "simulated-token-of-the-first-account", "second": "simulated-token-of-the-second-account"}


def blocks(document: str, language: str, marker: str = "") -> list[str]:
    """Return the code blocks of a language, after a marking comment if one is named."""
    text = (ROOT / document).read_text(encoding="utf-8")
    lead = rf"<!-- {re.escape(marker)} -->\n" if marker else ""
    return re.findall(rf"{lead}```{language}\n(.*?)```", text, flags=re.DOTALL)


def scratch_environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "KUBISNAP_SANDBOX_LATENCY": "0",
        "LC_ALL": "C.UTF-8",
        **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
    }


def type_in(commands: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Run the commands in one shell that stops at the first failure; return what it printed."""
    script = "set -eu\n" + "\n".join(commands)
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commands_in(block: str) -> list[str]:
    # the checkout's own .venv is on PATH here already
    return [line[2:] for line in block.splitlines() if line.startswith("$ ") and "$PWD/.venv" not in line]


@pytest.mark.parametrize("document", ["README.md", "docs/cluster-yaml.md"])
def test_every_cluster_that_the_documents_show_can_be_loaded(document: str) -> None:
    found = blocks(document, "yaml")

    assert found
    for text in found:
        assert load(text, name=document, read_file=str).spec.name == "shop"


@pytest.mark.parametrize("document", ["README.md", "docs/library.md", "docs/audit.md"])
def test_the_python_that_the_documents_show_runs(document: str, tmp_path: Path) -> None:
    for number, text in enumerate(blocks(document, "python")):
        script = tmp_path / f"example{number}.py"
        script.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "error", str(script)],
            cwd=tmp_path,
            env=scratch_environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_the_first_minute_of_the_readme_works_as_typed(tmp_path: Path) -> None:
    [block] = blocks("README.md", "console", "try")

    printed = type_in(commands_in(block), tmp_path, scratch_environment(tmp_path))

    assert "#1 create web" in printed
    assert "workers 2→4" in printed
    assert "web-eu" in printed


def test_the_snapshots_of_the_readme_work_as_typed(tmp_path: Path) -> None:
    [block] = blocks("README.md", "console", "try: snapshots")

    printed = type_in(commands_in(block), tmp_path, scratch_environment(tmp_path))

    assert "signed   ada (trusted)" in printed
    assert "goes on  from 1 snapshot, verified, too" in printed
    assert "restore web-eu from web (stdin)" in printed


def test_the_journey_through_time_works_as_typed(tmp_path: Path) -> None:
    [block] = blocks("docs/time-travel.md", "console", "try: time travel")

    printed = type_in(commands_in(block), tmp_path, scratch_environment(tmp_path))

    assert printed.count("~ pool workers  count 2 → 4") == 2
    assert "something changed" in printed
    assert "no difference: what is there is as it was recorded" in printed
    assert "#1 restore web-small from web#1 (web.ksnap)" in printed
    assert "#1 fork web from web#2" in printed
    assert printed.rstrip().splitlines()[-1].startswith("  ssh-key/")


def test_every_way_to_name_a_moment_that_the_documents_list_is_one() -> None:
    text = (ROOT / "docs/time-travel.md").read_text(encoding="utf-8")
    table = text.partition("| written | is |\n|---|---|\n")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()]
    words = [word.strip("'") for cell in cells for word in re.findall(r"`([^`]+)`", cell)]

    assert len(words) >= 20
    for word in words:
        parse_ref(word.replace("...", "2026-08-01"), now=1_793_611_800_000_000, zone=UTC)


def test_undo_works_as_typed_and_says_what_the_page_shows(tmp_path: Path) -> None:
    [block] = blocks("docs/undo.md", "console", "try: undo")

    printed = type_in(commands_in(block), tmp_path, scratch_environment(tmp_path))

    told = [line for line in block.splitlines() if line.startswith("#")]
    assert [line.partition(" · ")[0] for line in printed.splitlines()[: len(told)]] == told


def test_the_question_of_the_audit_page_is_answered_as_a_transcript_says() -> None:
    [block] = blocks("docs/audit.md", "console", "transcript: firewall-rule")
    transcript = (ROOT / "tests/cli/transcripts/firewall-rule.txt").read_text(encoding="utf-8")

    commands = ["$ " + part.strip() for part in block.split("$ kubisnap")[1:]]

    assert len(commands) == 3
    for command in commands:
        assert command.replace("$ ", "$ kubisnap ", 1) in transcript


def test_the_digitalocean_walkthrough_of_the_readme_works_as_typed(tmp_path: Path) -> None:
    [block] = blocks("README.md", "console", "try: digitalocean")

    with DigitalOceanSimulator(accounts=TOKENS, boot_seconds=0, action_seconds=0) as simulator:
        commands = [line.replace("http://127.0.0.1:8765/v2/", simulator.url) for line in commands_in(block)]
        printed = type_in(commands, tmp_path, scratch_environment(tmp_path))
        first, second = simulator.inventory("first"), simulator.inventory("second")

    assert first["droplets"] == second["droplets"] == 5
    assert "web-sim" in printed


def test_the_cluster_with_all_fields_is_created_and_planning_again_gives_nothing(tmp_path: Path) -> None:
    """What is read from a file must compare equal with what the cloud gives back (law 8)."""
    [text] = blocks("docs/cluster-yaml.md", "yaml", "example: all fields")
    (tmp_path / "cluster.yaml").write_text(text, encoding="utf-8")
    with DigitalOceanSimulator(accounts=TOKENS, boot_seconds=0, action_seconds=0) as simulator:
        environment = {
            **scratch_environment(tmp_path),
            "DIGITALOCEAN_END_POINT": simulator.url,
            "DIGITALOCEAN_TOKEN": TOKENS["first"],
        }
        type_in(["kubisnap apply -f cluster.yaml --yes"], tmp_path, environment)
        for again in ("plan shop", "plan -f cluster.yaml"):
            type_in([f"kubisnap {again} --exit-code"], tmp_path, environment)
        type_in(["kubisnap delete shop --yes=shop"], tmp_path, environment)

        assert set(simulator.inventory("first").values()) == {0}
