"""Rules of the house that no other tool watches."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("engine", "adapters", "archives", "cli", "kubisnap")
LONGEST_MODULE = 420
ONE_PLACE = {"engine/domain/events.py"}
"""Whole by design: every event in one place."""
LONGEST_FUNCTION = 50


def files() -> list[Path]:
    """Return every text file of the project that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: its files cannot be listed")
    found = [ROOT / name for name in listed.stdout.splitlines()]
    return [path for path in found if path.is_file() and not path.is_symlink()]


def modules() -> list[Path]:
    return [path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in SOURCES]


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")


def hits(pattern: str) -> list[str]:
    """Return where a pattern occurs, this file left out."""
    rule = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files()
        if path != Path(__file__)
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if rule.search(line)
    ]


def lines_of_body(function: ast.FunctionDef) -> int:
    """Return how long the code is; a command's options and its help are not code."""
    first = function.body[1 if ast.get_docstring(function) and len(function.body) > 1 else 0]
    return (function.end_lineno or 0) - first.lineno + 1


def test_no_registry_address_is_written_in_any_file() -> None:
    assert hits(r"(?:index-url|extra-index-url|registry)\s*[=:]\s*[\"']?https?://") == []
    assert hits(r"https?://(?:pypi\.org|files\.pythonhosted\.org|registry\.npmjs\.org)") == []


def test_no_file_names_a_folder_of_the_machine_that_it_was_written_on() -> None:
    assert hits(r"(?<![\w.])/(?:work|root|home/[a-z]+)/") == []


def test_no_private_key_is_committed() -> None:
    assert hits(r"^-----BEGIN [A-Z ]*PRIVATE KEY-----") == []


def test_nothing_is_left_for_later_in_the_code() -> None:
    assert hits(r"#.*\b(?:TODO|FIXME|XXX|HACK)\b") == []


def test_every_ignored_type_error_is_named() -> None:
    assert hits(r"#\s*type:\s*ignore(?!\[)") == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT)) for path in modules() if not ast.get_docstring(ast.parse(text_of(path)))
    ]

    assert silent == []


def test_modules_stay_short_enough_to_read() -> None:
    long = {str(path.relative_to(ROOT)): text_of(path).count("\n") for path in modules()}

    assert {name for name, lines in long.items() if lines > LONGEST_MODULE} <= ONE_PLACE


def test_functions_stay_short_enough_to_see_at_once() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in modules()
        for node in ast.walk(ast.parse(text_of(path)))
        if isinstance(node, ast.FunctionDef)
        and lines_of_body(node) > LONGEST_FUNCTION
        and node.name != "describe"  # one line for each kind of event
    ]

    assert long == []


def test_adr_numbers_are_used_once_and_each_says_what_would_change_our_mind() -> None:
    records = sorted(path for path in (ROOT / "ADR").glob("[0-9]*.md"))
    numbers = [path.name[:4] for path in records]

    assert numbers == [f"{number:04d}" for number in range(1, len(records) + 1)]
    assert [path.name for path in records if "would make us revisit" not in text_of(path)] == []


@pytest.mark.parametrize(
    "link", [path for name in ("README.md", "CONTRIBUTING.md") for path in [ROOT / name]]
)
def test_links_between_documents_lead_somewhere(link: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text_of(link))
    targets += re.findall(
        r"`((?:docs|ADR|tests|cli|engine|adapters|archives|benchmarks)/[\w./-]*)`", text_of(link)
    )

    assert [target for target in targets if not (link.parent / target).exists()] == []
