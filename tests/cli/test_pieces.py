"""Small pieces that no command line reaches by itself."""

import getpass
import io
import threading
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubisnap.cli import wiring
from kubisnap.cli.exits import CODES, Failure
from kubisnap.cli.keys import OperatorKey
from kubisnap.cli.render import progress
from kubisnap.cli.render.style import duration, moment, printable, size, table
from kubisnap.cli.reports import redacted
from kubisnap.cli.session import Session
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.errors import InvalidInput, Refused
from kubisnap.engine.operations.planning import Action, Step

if TYPE_CHECKING:
    from .conftest import Desk


# ── progress ─────────────────────────────────────────────────────────────────────────────────────


class _Heard(io.StringIO):
    """A stream that says when the text that is waited for was written."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self.event = threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._text in self.getvalue():
            self.event.set()
        return written


def step(number: int) -> Step:
    return Step(id=number, action=Action.CREATE, key=Key(Kind.SERVER, f"workers-{number}"))


def test_a_long_wait_is_told_of_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.001)
    stream = _Heard("server/workers-2, server/workers-3, server/workers-4 and 1 more\n")
    lines = progress.Lines(stream, live=False, color=False)
    lines.planned(6)
    for number in range(1, 6):
        lines.started(step(number))
    lines.done(step(1), 0.0)
    assert stream.event.wait(10)
    assert "\x1b" not in stream.getvalue()
    assert "  1/6  " in stream.getvalue()
    for number in range(2, 7):
        lines.done(step(number), 0.0)
    assert lines._over.is_set()


def test_a_live_line_is_drawn_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_FRAME_SECONDS", 0.0)
    stream = io.StringIO()
    lines = progress.Lines(stream, live=True, color=False)
    lines.planned(2)
    lines.started(step(1))
    lines.done(step(1), 3.0)
    frames = stream.getvalue().split("\r\x1b[K")
    assert frames == ["", "  0/2  0.0s  server/workers-1", "  ✓ server/workers-1 created  3.0s\n"]


@pytest.mark.parametrize("sink", [progress.Lines, progress.JsonLines])
def test_a_closed_stream_disturbs_nothing(sink: type) -> None:
    stream = io.StringIO()
    told = sink(stream, live=True, color=False) if sink is progress.Lines else sink(stream)
    stream.close()
    told.planned(1)
    told.started(step(1))
    told.interrupted(1)
    told.rolling_back(1)
    told.done(step(1), 0.0)


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_made_key_is_kept_for_its_owner_only_and_used_again(desk: "Desk", tmp_path: Path) -> None:
    (desk.home / ".ssh" / "id_ed25519.pub").unlink()
    folder = tmp_path / "keys"
    with OperatorKey(None, folder) as key:
        assert not folder.exists()
        assert key.keep() == folder / "kubisnap_ed25519"
    assert (folder / "kubisnap_ed25519").stat().st_mode & 0o777 == 0o600
    assert (folder / "kubisnap_ed25519.pub").read_text().strip() == key.public
    with OperatorKey(None, folder) as again:
        assert again.public == key.public
        assert again.keep() is None


def test_a_key_that_another_process_made_meanwhile_is_not_overwritten(desk: "Desk", tmp_path: Path) -> None:
    (desk.home / ".ssh" / "id_ed25519.pub").unlink()
    with OperatorKey(None, tmp_path) as first, OperatorKey(None, tmp_path) as second:
        first.keep()
        with pytest.raises(Refused, match="made by another process"):
            second.keep()
    assert (tmp_path / "kubisnap_ed25519.pub").read_text().strip() == first.public


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────


def test_a_user_without_a_name_is_a_number(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    """As in many containers."""
    desk.delenv("KUBISNAP_ACTOR")

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 4711)
    desk.ok("create web --cloud sandbox --nodes 0 --yes")
    assert "  uid-4711  " in desk.ok("log").out


def test_a_holder_on_another_host_is_neither_alive_nor_dead(desk: "Desk") -> None:
    from kubisnap.engine.domain.events import Holder

    here = wiring._scope()
    assert wiring._alive(Holder(host="elsewhere", pid=1, scope=here)) is None
    assert wiring._alive(Holder(host="desk", pid=1, scope=here)) is True
    assert wiring._alive(Holder(host="desk", pid=2**22 + 1, scope=here)) is False


@pytest.mark.usefixtures("desk")
def test_a_holder_in_another_container_or_before_a_restart_is_neither_alive_nor_dead() -> None:
    """Its number says nothing here: the lease decides."""
    from kubisnap.engine.domain.events import Holder

    assert wiring._alive(Holder(host="desk", pid=1, scope="another")) is None
    assert wiring._alive(Holder(host="desk", pid=2**22 + 1, scope="another")) is None


@pytest.mark.usefixtures("desk")
def test_how_long_lists_lag_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wiring.context(Session()).pace.settled_after == 60
    monkeypatch.setenv("KUBISNAP_LIST_LAG", "2m")
    assert wiring.context(Session()).pace.settled_after == 120
    monkeypatch.setenv("KUBISNAP_LIST_LAG", "long")
    with pytest.raises(InvalidInput, match="KUBISNAP_LIST_LAG: 'long' is not a duration"):
        wiring.context(Session())


def test_failures_have_a_known_code_and_no_control_characters() -> None:
    failure = Failure("failed", "HTTP says\x1b[2J no", "first\nsecond", {"a": 1}, ("  detail\x07",))
    assert failure.code == CODES["failed"] == 1
    assert failure.text() == "error: HTTP says\\x1b[2J no\n  detail\\x07\nhint: first\nhint: second"
    assert "\x1b" not in failure.json()
    with pytest.raises(KeyError):
        _ = Failure("nonsense", "").code


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (60, "1m00s"),
        (3599, "59m59s"),
        (3725, "1h02m"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (5 * 10**12, "5.0 TB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (0, "0 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3600, "1 h ago"),
        (90_000, "1 d ago"),
        (-5, "1970-01-02T00:00:05Z"),
    ],
)
def test_moments(ago: int, text: str) -> None:
    now = 86_400_000_000
    assert moment(now - ago * 1_000_000, now, utc=False) == text


def test_tables_and_controls() -> None:
    assert table([]) == ""
    assert table([["a", "b"], ["ccc", ""]], header=["X", "Y"]) == "X    Y\na    b\nccc"
    assert printable("a\tb\nc\x1b[0m é") == "a\\tb\\nc\\x1b[0m é"


def test_short_values_and_ordinary_variables_are_left_in_reports() -> None:
    text = "HOME=/home/ada yes abc"
    assert redacted(text, {"SOME_TOKEN": "abc", "HOME": "/home/ada"}) == text
    assert (
        redacted("longer: secret-and-more, secret", {"A_SECRET": "secret", "B_SECRET": "secret-and-more"})
        == "longer: •••, •••"
    )


@pytest.mark.parametrize("text", ["", "40", "$40", "40.50"])
def test_budgets(text: str) -> None:
    from kubisnap.cli.changes import budget_of

    assert budget_of(text) == (Decimal(text.removeprefix("$")) if text else None)
