"""Transcripts: command lines and exactly what they print.

A transcript is text. ``$ kubisnap ...`` is a command; below it stand stdout and stderr in the order
of writing, and ``[exit status: N]`` where it is not 0. ``2>/dev/null`` leaves stderr out. ``< answer``
lines below a command mean that it runs at a terminal, where each answer is typed when it is asked
for. ``# `` is a comment, ``% `` a directive to the desk (`DIRECTIVES`).

What ``refusals/`` holds is also run with ``-o json``, and must leave everything as it was.

``KUBISNAP_REWRITE_TRANSCRIPTS=1`` writes down what is printed instead of comparing.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from kubisnap.cli.archives_at import archive_store

if TYPE_CHECKING:
    from .conftest import Desk, Done

HERE = Path(__file__).parent
REWRITE = os.environ.get("KUBISNAP_REWRITE_TRANSCRIPTS") == "1"
_NO_STDERR = " 2>/dev/null"


@dataclass
class Block:
    """A comment or directive (`line` with nothing to expect), or a command and its output."""

    line: str
    answers: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)

    @property
    def command(self) -> str:
        """The arguments of the command, or an empty string."""
        return self.line.removeprefix("$ kubisnap").strip() if self.line.startswith("$ ") else ""


def parse(text: str) -> Iterator[Block]:
    block = None
    for line in text.splitlines():
        if line.startswith(("$ ", "# ", "% ")):
            if block is not None:
                yield block
            block = Block(line)
        elif block is None:
            assert not line, f"output of nothing: {line}"
        elif line.startswith("<"):
            block.answers.append(line[1:].strip())
        else:
            block.body.append(line)
    if block is not None:
        yield block


def shown(block: Block) -> str:
    """Return a block as it stands in a file, without blank lines at its end."""
    return "\n".join([block.line, *(f"< {answer}" for answer in block.answers), *block.body]).rstrip()


def written(blocks: list[Block]) -> str:
    """Return a whole file: a blank line in front of every command and comment."""
    lines: list[str] = []
    for before, block in zip([None, *blocks], blocks, strict=False):
        together = before is not None and before.line[0] in "#%" and block.line[0] in "$%"
        lines += ["", shown(block)] if lines and not together else [shown(block)]
    return "\n".join(lines) + "\n"


# ── directives ───────────────────────────────────────────────────────────────────────────────────


def _file(desk: "Desk", name: str, *, body: list[str]) -> None:
    desk.write(name, "".join(f"{line.removeprefix('| ')}\n" for line in body if line.startswith("| ")))


def _lose(desk: "Desk", name: str, *, body: list[str]) -> None:
    """Delete what has this name part at the cloud, behind kubisnap's back."""
    with closing(desk.sandbox()) as sandbox:
        (found,) = [item for item in sandbox.dump() if name in item["name"]]
        sandbox.delete(found["kind"], found["id"])


def _meddle(desk: "Desk", what: str, field: str, value: str, *, body: list[str]) -> None:
    """Change a field of ``kind/name`` of the cluster web at the cloud, as somebody with a browser would."""
    kind, _, name = what.partition("/")
    with closing(desk.sandbox()) as sandbox, sandbox._writing() as session:
        (row,) = [
            item
            for item in session.everything()
            if item.kind == kind and item.name.startswith(f"web-{name}-")
        ]
        properties = {**row.body.properties, field: json.loads(value)}
        assert properties.keys() == row.body.properties.keys()
        changed = msgspec.structs.replace(row.body, properties=properties)
        session.change(msgspec.structs.replace(row, body=changed))


def _quota(desk: "Desk", kind: str, number: str, *, body: list[str]) -> None:
    desk.set_quota(kind, int(number))


def _env(desk: "Desk", name: str, value: str, *, body: list[str]) -> None:
    desk.setenv(name, value)


def _later(desk: "Desk", minutes: str, *, body: list[str]) -> None:
    desk.clock.sleep(60 * int(minutes))


def _stored(desk: "Desk", *names: str, body: list[str]) -> None:
    """Put snapshots of a hundred bytes into the default archive store."""
    store = archive_store("")
    for name in names:
        store.put(name, lambda sink: sink.write(bytes(100)))
    _aged(desk, "0", body=body)


def _aged(desk: "Desk", days: str, *, body: list[str]) -> None:
    """Make everything in the default archive store as old as that, by the desk's clock."""
    then = desk.clock.now() - 86_400 * int(days)
    for path in Path(archive_store("").url).rglob("*"):
        os.utime(path, (then, then))


def _tamper(desk: "Desk", *, body: list[str]) -> None:
    """Change the store as no version of kubisnap would: by SQL."""
    with closing(sqlite3.connect(desk.home / "store.sqlite")) as connection:
        for trigger in ("changed", "deleted"):
            connection.execute(f"DROP TRIGGER IF EXISTS events_are_never_{trigger}")
        connection.executescript("\n".join(line.removeprefix("| ") for line in body))


def _remove(desk: "Desk", name: str, *, body: list[str]) -> None:
    (desk.home / name).unlink()


def _rename(desk: "Desk", name: str, to: str, *, body: list[str]) -> None:
    (desk.home / name).rename(desk.home / to)


def _chmod(desk: "Desk", name: str, mode: str, *, body: list[str]) -> None:
    (desk.home / name).chmod(int(mode, 8))


DIRECTIVES: dict[str, Callable[..., None]] = {
    "file": _file,
    "lose": _lose,
    "meddle": _meddle,
    "quota": _quota,
    "env": _env,
    "later": _later,
    "remove": _remove,
    "tamper": _tamper,
    "stored": _stored,
    "aged": _aged,
    "chmod": _chmod,
    "rename": _rename,
}


# ── replaying ────────────────────────────────────────────────────────────────────────────────────


def _run(desk: "Desk", block: Block) -> "Done":
    command = block.command.removesuffix(_NO_STDERR)
    if block.answers:
        return desk.at_terminal(command, *(f"{answer}\n" for answer in block.answers))
    return desk.run(command)


def _printed(desk: "Desk", block: Block, normal: Callable[[str], str]) -> list[str]:
    done = _run(desk, block)
    text = done.out if block.line.endswith(_NO_STDERR) else done.screen
    status = [f"[exit status: {done.status}]"] if done.status else []
    return [*normal(text).splitlines(), *status]


def replay(
    desk: "Desk", path: Path, normal: Callable[[str], str], before: Callable[[], None] = lambda: None
) -> Iterator[tuple[Block, Block]]:
    """Yield each command as it is written down and as it is now; `before` is called before each."""
    desk.one_at_a_time()
    blocks = []
    for block in parse(path.read_text(encoding="utf-8")):
        now = block
        if block.command:
            before()
            now = Block(block.line, block.answers, _printed(desk, block, normal))
            yield block, now
        elif block.line.startswith("% "):
            name, *words = block.line[2:].split()
            DIRECTIVES[name](desk, *words, body=block.body)
        blocks.append(now)
    if REWRITE:
        path.write_text(written(blocks), encoding="utf-8")


def paths(folder: str) -> list[Path]:
    return sorted((HERE / folder).glob("*.txt"))


@pytest.mark.parametrize("path", paths("transcripts"), ids=lambda path: path.stem)
def test_a_transcript_is_what_happens(desk: "Desk", path: Path, normal: Callable[[str], str]) -> None:
    for was, now in replay(desk, path, normal):
        assert REWRITE or shown(now) == shown(was)


@pytest.mark.parametrize("path", paths("refusals"), ids=lambda path: path.stem)
def test_a_refusal_is_told_in_text_and_in_json_and_changes_nothing(
    desk: "Desk", path: Path, normal: Callable[[str], str]
) -> None:
    pictures = []
    for was, now in replay(desk, path, normal, lambda: pictures.append(desk.picture())):
        assert REWRITE or shown(now) == shown(was)
        if now.body and now.body[-1].startswith("[exit status"):
            assert desk.picture() == pictures[-1], now.line
            check_json_twin(desk.run(f"-o json {now.command}"), now.body, normal)
            assert desk.picture() == pictures[-1], now.line


def check_json_twin(done: "Done", text: list[str], normal: Callable[[str], str]) -> None:
    """The JSON says the same as the text, on one line of stderr; stdout stays empty."""
    assert done.out == ""
    (line,) = done.err.splitlines()
    document = json.loads(normal(line))
    assert list(document) == ["kubisnap", "type", "code", "name", "message", "hint", "facts"]
    assert document["type"] == "exit_error"
    (error,) = [line.removeprefix("error: ") for line in text if line.startswith("error: ")]
    hints = [line.removeprefix("hint: ") for line in text if line.startswith("hint: ")]
    assert document["message"].lower() == error.lower()
    assert document["hint"].splitlines() == hints
    assert text[-1] == f"[exit status: {document['code']}]"
    assert not error.endswith(".")
    assert text.index(f"error: {error}") < len(text) - len(hints)  # the way out stands last


def test_every_command_has_a_transcript() -> None:
    from kubisnap.cli.app import _GROUPS

    names = {name for commands in _GROUPS.values() for name, _ in commands}
    seen = {
        " ".join(block.command.split()[:words])
        for path in paths("transcripts")
        for block in parse(path.read_text(encoding="utf-8"))
        for words in (1, 2)
        if block.command
    }
    assert names - seen == {"demo"}  # which has tests of its own
