"""Which two sides the words of ``kubisnap diff`` mean."""

from datetime import UTC
from pathlib import Path

import pytest

from kubisnap.cli.sides import File, Side, sides_of
from kubisnap.engine.domain.refs import Back, ByEvent, ByOperation, ByTime, Live, Now, Qualified
from kubisnap.engine.errors import InvalidInput

NOW = 1_793_611_800_000_000
HOUR = 3_600_000_000


def sides(*words: str) -> tuple[Side, Side]:
    return sides_of(words, now=NOW, zone=UTC)


WEB, LIVE = Qualified("web"), Qualified("web", Live())


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("", (Qualified(""), Qualified("", Live()))),
        ("web", (WEB, LIVE)),
        ("web live", (WEB, LIVE)),
        ("web@live", (WEB, LIVE)),
        ("web now", (WEB, LIVE)),
        ("web @-", (Qualified("web", Back(1)), WEB)),
        ("web 2h", (Qualified("web", ByTime(NOW - 2 * HOUR)), WEB)),
        ("web e17", (Qualified("web", ByEvent(17)), WEB)),
        ("web@-3", (Qualified("web", Back(3)), WEB)),
        ("web#1 web", (Qualified("web", ByOperation(1)), WEB)),
        ("web web#1", (WEB, Qualified("web", ByOperation(1)))),
        ("web #41 #42", (Qualified("web", ByOperation(41)), Qualified("web", ByOperation(42)))),
        ("web #41 live", (Qualified("web", ByOperation(41)), LIVE)),
        ("web@1h live", (Qualified("web", ByTime(NOW - HOUR)), LIVE)),
        ("#41 #42", (Qualified("", ByOperation(41)), Qualified("", ByOperation(42)))),
        ("@-", (Qualified("", Back(1)), Qualified(""))),
        ("web@live web-eu", (LIVE, Qualified("web-eu"))),
        ("web web-eu", (WEB, Qualified("web-eu"))),
        ("e17", (Qualified("e17"), Qualified("e17", Live()))),  # a name, where it stands first
        ("web e17@now", (WEB, Qualified("e17"))),
        ("a.ksnap b.ksnap", (File("a.ksnap"), File("b.ksnap"))),
        ("a.ksnap web", (File("a.ksnap"), WEB)),
        ("web snap:latest", (WEB, File("snap:latest"))),
        ("- web@-", (File("-"), Qualified("web", Back(1)))),
        ("s3://bucket/web.ksnap live", (File("s3://bucket/web.ksnap"), Qualified("", Live()))),
        ("folder/@2h#1 web", (File("folder/@2h#1"), WEB)),
        (
            "web@1a2b3c4d#1 @-",
            (Qualified("web@1a2b3c4d", ByOperation(1)), Qualified("web@1a2b3c4d", Back(1))),
        ),
    ],
)
def test_words_mean_what_was_before_and_what_came_after(words: str, meaning: tuple[Side, Side]) -> None:
    assert sides(*words.split()) == meaning


def test_a_zone_has_a_slash_and_is_no_file() -> None:
    before, after = sides("web", "2026-08-01T09:30[Europe/Berlin]")

    assert isinstance(before, Qualified)
    assert isinstance(before.ref, ByTime)
    assert after == Qualified("web", Now())
    assert sides("web@2026-08-01[Europe/Berlin]", "web")[1] == WEB


def test_a_file_that_is_there_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "web").write_bytes(b"")
    monkeypatch.chdir(tmp_path)

    assert sides("web", "web@now") == (File("web"), WEB)


@pytest.mark.parametrize(
    "words",
    ["a.ksnap", "web #1 #2 #3", "#1 web live", "web a.ksnap #1", "web@1h @- @-2", "Web", "web 12", "web #0"],
)
def test_other_words_are_refused(words: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        sides(*words.split())
    assert raised.value.hint
