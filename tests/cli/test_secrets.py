"""Secrets go nowhere: not to a screen, not into JSON, the store, an archive, user-data or a report.

Canaries are seeded wherever a secret may come in, and everything that comes out is searched.
"""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubisnap.adapters.digitalocean.simulator import FaultRule
from kubisnap.archives import open_snapshot, read_snapshot
from kubisnap.cli import wiring

if TYPE_CHECKING:
    from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator

    from .conftest import Desk, Done

COMMANDS = (
    "create web --cloud digitalocean -m why --yes",
    "scale web workers=3 --yes -o json",
    "scale web workers=4 --yes --progress jsonl",
    "plan web",
    "plan web -o json",
    "get",
    "get web",
    "get web -o json",
    "log",
    "log --events -n 1000 -o json",
    "show web#1",
    "show web#1 -o json",
    "capture web --out web.ksnap",
    "verify web.ksnap -o json",
    "delete web --yes=web",
    "restore web.ksnap --as copy --on digitalocean:fra1 --yes",
    "doctor -o json",
)


def everything_written(desk: "Desk", *, but: str) -> dict[str, bytes]:
    """Return all files at the desk, and the archives' events as they are inside."""
    found = {str(path): path.read_bytes() for path in desk.home.rglob("*") if path.is_file()}
    for path in desk.home.rglob("*.ksnap"):
        with open_snapshot(path) as source:
            rows = read_snapshot(source, name=path.name).rows
        found[f"{path} (inside)"] = b"".join(row.state for row in rows)
    return {name: content for name, content in found.items() if not name.endswith(but)}


def test_a_token_goes_nowhere(desk: "Desk", ocean: "DigitalOceanSimulator") -> None:
    (desk.home / ".ssh" / "id_ed25519.pub").unlink()  # so that a key is made
    done = [desk.run(line) for line in COMMANDS]
    assert [item.status for item in done] == [0] * len(COMMANDS)
    private = (desk.home / "data/kubisnap/keys/kubisnap_ed25519").read_text().splitlines()[1:-1]
    assert len(private) > 3
    canaries = [desk.token, *private]
    account = json.dumps(ocean.snapshot("first"))  # user-data is part of a droplet
    written = everything_written(desk, but="kubisnap_ed25519")
    assert any(name.endswith("(inside)") for name in written)
    for canary in canaries:
        assert not [item for item in done if canary in item.text]
        assert canary not in account
        assert not [name for name, content in written.items() if canary.encode() in content]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500])
def test_a_token_that_the_cloud_sends_back_is_taken_out(
    desk: "Desk", ocean: "DigitalOceanSimulator", status: int
) -> None:
    body = {"id": "oops", "message": f"the token {desk.token} cannot do this"}
    ocean.inject(FaultRule(action="status", method="POST", path="droplets", status=status, body=body))
    done = [
        desk.run(f"create web --cloud digitalocean --yes{option}")
        for option in ("", " -o json", " --progress jsonl")
    ]
    done += [desk.run("log web"), desk.run("show web#1"), desk.run("show web#1 -o json")]
    assert done[0].status != 0
    assert "cannot do this" in done[0].err
    assert not [item for item in done if desk.token in item.text]
    assert not [
        name for name, content in everything_written(desk, but="-").items() if desk.token.encode() in content
    ]


@pytest.mark.parametrize(
    ("name", "canary"),
    [
        ("DIGITALOCEAN_TOKEN", "dop_v1_" + "c" * 64),
        ("AWS_SECRET_ACCESS_KEY", "canary/in+the/mine"),
        ("RESTIC_PASSWORD", "canary in the mine"),
        ("SOME_API_KEY", "canary-key"),
    ],
)
@pytest.mark.parametrize("option", ["", " -o json"])
def test_a_bug_report_holds_no_secret(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, canary: str, option: str
) -> None:
    desk.ok("create web --cloud sandbox --yes")
    desk.setenv(name, canary)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def broken(*_: object, **__: object) -> None:
        raise LookupError(f"told {canary}")

    monkeypatch.setattr(wiring, "cloud_of", broken)
    done = desk.run(f"plan web{option}")
    assert done.status == 255
    (report,) = tmp_path.glob("kubisnap-bug-*.txt")
    assert report.stat().st_mode & 0o777 == 0o600
    told = report.read_text()
    assert "LookupError: told •••" in told
    assert canary not in told + done.text


def test_control_characters_from_a_cloud_are_shown_and_not_sent(
    desk: "Desk", ocean: "DigitalOceanSimulator"
) -> None:
    """A message that would clear the screen, or retitle the window."""
    body = {"id": "oops", "message": "no\x1b[2J\x1b]0;owned\x07 way"}
    ocean.inject(FaultRule(action="status", method="POST", path="droplets", status=422, body=body))
    done: list[Done] = [
        desk.run("create web --cloud digitalocean --yes"),
        desk.run("log"),
        desk.run("show web#1"),
    ]
    assert done[0].status == 1
    assert "way" in done[0].err
    for item in done:
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", item.text), item.text
