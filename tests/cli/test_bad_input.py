"""Bad input from outside: one clear error, the right exit status, no traceback, and nothing changed.

Every case runs in text and with ``-o json``. What is only typed wrong is in ``refusals/``.
"""

import hashlib
import json
import re
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pytest

from kubisnap.cli import wiring

if TYPE_CHECKING:
    from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator

    from .conftest import Desk, Done

Setup = Callable[["Desk"], None]


class Case(NamedTuple):
    """A command line and what must come of it: exit status, error and hint as regular expressions."""

    line: str
    status: int
    error: str
    hint: str = ""
    setup: Setup = lambda _: None


NAMES = {1: "failed", 2: "usage", 4: "denied", 6: "needs-yes", 10: "not-found", 13: "corrupt"}


def check(desk: "Desk", case: Case, output: str) -> None:
    """Run a case and hold it to the contract for errors."""
    case.setup(desk)
    before = desk.picture()
    done = desk.run(case.line if output == "text" else f"{case.line} -o json")
    assert desk.picture() == before
    assert done.status == case.status, done.screen
    assert done.out == ""
    assert "Traceback" not in done.err
    if output == "json":
        _check_json(done, case)
    else:
        _check_text(done, case)


def _check_text(done: "Done", case: Case) -> None:
    lines = done.err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    hints = [line for line in lines if line.startswith("hint: ")]
    assert len(errors) == 1, done.err
    assert lines[-len(hints) - 1 :] == [*errors, *hints], done.err  # the error, then its hints, then the end
    assert re.fullmatch(f"error: {case.error}", errors[0]), errors[0]
    assert not errors[0].endswith(".")
    assert bool(hints) == bool(case.hint)
    if case.hint:
        assert re.search(f"^hint: {case.hint}$", "\n".join(hints), re.MULTILINE), hints


def _check_json(done: "Done", case: Case) -> None:
    assert done.err.endswith("\n")
    assert done.err.count("\n") == 1
    document = json.loads(done.err)
    assert document["type"] == "exit_error"
    assert document["code"] == case.status
    assert document["name"] == NAMES[case.status]
    message = document["message"]
    assert re.fullmatch(case.error, message) or re.fullmatch(case.error, message[:1].lower() + message[1:])
    assert bool(document["hint"]) == bool(case.hint)
    assert isinstance(document["facts"], dict)


output = pytest.mark.parametrize("output", ["text", "json"])


# ── what was typed: most of it is in refusals/ ───────────────────────────────────────────────────


@output
def test_a_refused_first_create_leaves_no_store_and_no_key(desk: "Desk", output: str) -> None:
    """A key is made where the operator has none, but not before the yes."""
    (desk.home / ".ssh" / "id_ed25519.pub").unlink()
    check(
        desk, Case("create b --cloud sandbox", 6, "this change needs a confirmation, .*", "add --yes"), output
    )
    assert not (desk.home / "data").exists()
    assert not (desk.home / "store.sqlite").exists()


# ── the store ────────────────────────────────────────────────────────────────────────────────────


def _no_database(desk: "Desk") -> None:
    desk.write("other.sqlite", "dear diary\n" * 1000)


def _foreign(desk: "Desk") -> None:
    with closing(sqlite3.connect(desk.home / "other.sqlite")) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
        connection.execute("INSERT INTO recipes VALUES ('soup')")
        connection.commit()


def _folder(desk: "Desk") -> None:
    (desk.home / "other.sqlite").mkdir(exist_ok=True)


def _newer(desk: "Desk") -> None:
    desk.ok("create web --cloud sandbox --yes --store sqlite:///other.sqlite")
    with closing(sqlite3.connect(desk.home / "other.sqlite")) as connection:
        connection.execute("PRAGMA user_version=99")


OTHER = "sqlite:///other.sqlite"
NO_STORE = f"{OTHER} is not a kubisnap store"
STORES = [
    pytest.param(13, f"{NO_STORE}: file is not a database", _no_database, id="text"),
    pytest.param(13, f"{NO_STORE}: it is a database of another program", _foreign, id="foreign"),
    pytest.param(13, f"{NO_STORE}: its schema 99 is newer than .*", _newer, id="newer"),
    pytest.param(1, f"cannot use the store {OTHER}: .*", _folder, id="folder"),
]


@output
@pytest.mark.parametrize(
    "line", ["get", "log", "plan web", "create web --cloud sandbox --yes", "scale web workers=3 --yes"]
)
@pytest.mark.parametrize(("status", "error", "setup"), STORES)
def test_a_store_that_is_none_is_refused_and_stays_as_it_is(
    desk: "Desk", line: str, status: int, error: str, setup: Setup, output: str
) -> None:
    case = Case(f"{line} --store sqlite:///other.sqlite", status, error, ".*", setup)
    check(desk, case, output)


@output
def test_a_folder_that_cannot_be_written_is_an_error_that_names_the_store(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    """The superuser may write everywhere, hence a folder that nobody can make anything in."""
    desk.write("file", "")
    line = "create web --cloud sandbox --yes --store sqlite:///file/store.sqlite"
    error = "cannot use the store sqlite:///file/store.sqlite: .+"
    check(desk, Case(line, 1, error, "kubisnap doctor"), output)


# ── archives ─────────────────────────────────────────────────────────────────────────────────────


def _archive(damage: Callable[[bytes], bytes]) -> Setup:
    def write(desk: "Desk") -> None:
        desk.ok("capture web --out good.ksnap")
        path = desk.home / "bad.ksnap"
        path.write_bytes(damage((desk.home / "good.ksnap").read_bytes()))

    return write


def _newer_format(content: bytes) -> bytes:
    """What a later kubisnap would write: the start stays as it is, and its hash."""
    body = b"nothing that this version could decode"
    start = struct.pack("<8sHHI", content[:8], 2, 0, len(body)) + body
    return start + hashlib.sha256(start).digest() + b"and what comes then"


ARCHIVES = [
    pytest.param(_archive(lambda _: b""), id="empty"),
    pytest.param(_archive(lambda _: b"dear diary\n" * 500), id="text"),
    pytest.param(_archive(lambda content: content[:-1]), id="one-byte-short"),
    pytest.param(_archive(lambda content: content[: len(content) // 2]), id="half"),
    pytest.param(_archive(lambda content: content + b"\0"), id="one-byte-long"),
    pytest.param(_archive(_newer_format), id="newer-format"),
    *(
        pytest.param(
            _archive(lambda content, part=part: _flipped(content, part)),  # type: ignore[misc]
            id=f"flipped-at-{part:.0%}",
        )
        for part in (0.0, 0.25, 0.5, 0.75, 1.0)
    ),
]


def _flipped(content: bytes, part: float) -> bytes:
    place = int(part * (len(content) - 1))
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@output
@pytest.mark.parametrize("line", ["verify bad.ksnap", "restore bad.ksnap --as copy --on sandbox --yes"])
@pytest.mark.parametrize("setup", ARCHIVES)
def test_an_archive_that_cannot_be_trusted_is_found_out_before_anything_happens(
    web: "Desk", setup: Setup, line: str, output: str
) -> None:
    check(web, Case(line, 13, r"bad\.ksnap: .+", ".+", setup), output)


# ── the cloud ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def cheap(desk: "Desk", ocean: "DigitalOceanSimulator") -> Iterator["DigitalOceanSimulator"]:
    """A simulated DigitalOcean whose account is compared before and after."""
    before = ocean.snapshot("first")
    yield ocean
    assert ocean.snapshot("first") == before


CREATE = "create web --cloud digitalocean --yes"


@output
def test_without_a_token_the_setting_is_named(
    desk: "Desk", cheap: "DigitalOceanSimulator", output: str
) -> None:
    desk.delenv("DIGITALOCEAN_TOKEN")
    check(desk, Case(CREATE, 4, "digitalocean: no token given", "export DIGITALOCEAN_TOKEN=[.]{3}"), output)


@output
def test_a_refused_token_is_denied(desk: "Desk", cheap: "DigitalOceanSimulator", output: str) -> None:
    desk.setenv("DIGITALOCEAN_TOKEN", "dop_v1_" + "f" * 64)
    check(desk, Case(CREATE, 4, r"digitalocean: .*\(HTTP 401\).*", ".*DIGITALOCEAN_TOKEN.*"), output)


@output
def test_an_api_that_cannot_be_reached_is_tried_again_and_then_an_error(
    desk: "Desk", cheap: "DigitalOceanSimulator", output: str
) -> None:
    desk.setenv("DIGITALOCEAN_END_POINT", "http://127.0.0.1:9/v2/")  # the discard port: nobody listens
    started = desk.clock.now()
    check(desk, Case(CREATE, 1, "digitalocean: .*", "check the network .*"), output)
    assert desk.clock.now() - started > 60  # more than the minute that each command takes: it did wait


@output
@pytest.mark.parametrize(
    ("option", "error"),
    [
        ("--region moon1", "--region: digitalocean has no region 'moon1'"),
        ("--size tiny", "--size: .* 'tiny' .*"),
    ],
)
def test_what_digitalocean_does_not_offer_is_refused(
    desk: "Desk", cheap: "DigitalOceanSimulator", option: str, error: str, output: str
) -> None:
    check(desk, Case(f"{CREATE} {option}", 2, error, ".+"), output)


# ── surprises ────────────────────────────────────────────────────────────────────────────────────


@output
def test_ctrl_c_outside_an_operation(web: "Desk", monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(wiring, "cloud_of", interrupted)
    done = web.run(f"plan web -o {output}")
    assert done.status == 130
    if output == "json":
        assert json.loads(done.err)["name"] == "interrupted"
    else:
        assert "error: interrupted\nhint: kubisnap log " in done.err


def test_a_bug_is_told_of_where_no_report_can_be_written(
    web: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(web.home / "nowhere"))

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(wiring, "cloud_of", broken)
    done = web.run("plan web")
    assert done.status == 255
    assert "and no report could be written: No such file or directory" in done.err
