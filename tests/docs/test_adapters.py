"""The cookbook of docs/adapters.md: its adapter is short, keeps the contract, and makes a cluster."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubisnap.engine import errors
from kubisnap.engine.errors import CloudError
from kubisnap.engine.ports import Cloud

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/adapters.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```\n", PAGE, flags=re.DOTALL))
ADAPTER = FILES["kubisnap_shed/__init__.py"]
COMMANDS = re.findall(r"<!-- try: cookbook -->\n```console\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page's files, and the package as if pip had installed it there."""
    folder = tmp_path_factory.mktemp("shop")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    installed = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    installed.mkdir()
    facts = (("Metadata-Version", "2.1"), ("Name", project["name"]), ("Version", project["version"]))
    (installed / "METADATA").write_text(
        "".join(f"{key}: {value}\n" for key, value in facts), encoding="utf-8"
    )
    points = [
        line
        for group, names in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in names.items()))
    ]
    (installed / "entry_points.txt").write_text("\n".join([*points, ""]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def shed(shop: Path) -> Iterator[str]:
    """The page's cloud, running on a port of its own."""
    command = [sys.executable, "-W", "error", str(shop / "shed.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def test_the_adapter_is_short() -> None:
    assert len(ADAPTER.splitlines()) < 150
    assert max(map(len, ADAPTER.splitlines())) <= 110


@pytest.mark.long
def test_the_adapter_keeps_the_contract_and_makes_a_cluster(shop: Path, shed: str) -> None:
    [block] = COMMANDS
    lines = block.replace("http://127.0.0.1:8099", shed).splitlines()
    commands = [line.removeprefix("$ ") for line in lines]
    python = f'PYTHON="{sys.executable}"; pytest() {{ "$PYTHON" -m pytest "$@"; }}\n'
    done = subprocess.run(
        ["sh", "-c", "\n".join(["set -eu", python, *commands])],
        cwd=shop,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(shop),
            "XDG_DATA_HOME": str(shop / "data"),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(shop), os.environ.get("PYTHONPATH", "")))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert re.search(r"\n=+ 38 passed, 6 skipped in ", told), told
    lacking = {"firewall", "load-balancer", "volume", "volume-attachment"}
    assert set(re.findall(r"this cloud has no ([a-z-]+)", told)) <= lacking
    assert "shed has no firewall: workers left out, nothing keeps traffic out" in told
    assert "#1 create web" in told
    assert "web  shed/shed-1  Kubernetes 1.34  ready" in told
    assert "scale web workers 2→3" in told
    assert "delete web" in told


def is_error_of_clouds(item: object) -> bool:
    return isinstance(item, type) and issubclass(item, CloudError)


def test_every_error_that_an_adapter_may_raise_is_on_the_page() -> None:
    raised = {name for name in errors.__all__ if is_error_of_clouds(getattr(errors, name))}
    raised -= {"CloudError", "TimedOut"}  # the tree's root, and what the engine says of its own waiting
    assert [name for name in sorted(raised) if f"`{name}" not in PAGE] == []


def test_every_method_of_an_adapter_is_on_the_page() -> None:
    methods = [name for name in vars(Cloud) if not name.startswith("_")]
    assert [name for name in methods if not re.search(rf"^\| `{name}[(`]", PAGE, re.MULTILINE)] == []
    assert len(methods) == 12
    assert "with twelve methods" in PAGE
