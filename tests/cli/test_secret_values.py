"""Secret values: into encrypted archives only, out into a file that was asked for, and nowhere else."""

import json
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from .conftest import Desk, Done

VALUES = {"api-token": "canary ünd\nmore", "db": "canary-db: #1"}
RESTORE = "restore web.ksnap --as copy --on sandbox"


def everything(desk: "Desk") -> bytes:
    """Return the bytes of all files at the desk but those that are to hold secrets."""
    names = [path for path in desk.home.rglob("*") if path.is_file() and path.suffix != ".yaml"]
    return b"".join(path.read_bytes() for path in names)


@pytest.fixture
def plain(kept: "Desk") -> "Desk":
    """A desk with an archive that leaves out two secrets, whose values are in secrets.yaml."""
    kept.write("secrets.yaml", yaml.safe_dump(VALUES, allow_unicode=True))
    kept.ok("capture web --out web.ksnap --secrets secrets.yaml")
    return kept


@pytest.fixture
def sealed(kept: "Desk") -> "Desk":
    """A desk with an encrypted archive that holds two secrets."""
    kept.write("secrets.yaml", yaml.safe_dump(VALUES, allow_unicode=True))
    kept.ok("capture web --out web.ksnap --secrets secrets.yaml --encrypt-to ops")
    return kept


def written(desk: "Desk", name: str = "out.yaml") -> dict[str, str]:
    path = desk.home / name
    assert path.stat().st_mode & 0o777 == 0o600
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def refused(desk: "Desk", line: str, *told: str, status: int = 2) -> "Done":
    """Run what must be refused, with nothing changed and no value quoted."""
    before = desk.picture()
    done = desk.run(line)
    assert (done.status, done.out) == (status, ""), done.text
    for text in told:
        assert text in done.err
    assert "canary" not in done.text
    assert desk.picture() == before
    return done


def test_without_encryption_they_are_left_out_and_named(plain: "Desk") -> None:
    done = plain.ok("capture web --out again.ksnap --secrets secrets.yaml")
    assert done.err.startswith(
        "! left out, as nothing is encrypted: api-token, db\n  with them: --encrypt-to"
    )
    document = json.loads(plain.ok("capture web --out json.ksnap --secrets secrets.yaml -o json").out)
    assert document["omitted"] == ["api-token", "db"]

    assert (
        "secrets    0; left out, for want of encryption: api-token, db" in plain.ok("inspect web.ksnap").out
    )
    seen = json.loads(plain.ok("inspect web.ksnap -o json").out)
    assert (seen["secrets"], seen["omitted"]) == (0, ["api-token", "db"])
    assert b"canary" not in everything(plain)


def test_in_an_encrypted_archive_they_are_inside_and_nowhere_else(sealed: "Desk") -> None:
    (sealed.home / "data/kubisnap/keys/bob.age").unlink()
    document = json.loads(
        sealed.ok("capture web --out again.ksnap --secrets secrets.yaml --encrypt-to ops -o json").out
    )
    assert document["omitted"] == []
    seen = json.loads(sealed.ok("inspect web.ksnap -o json").out)
    assert (seen["secrets"], seen["omitted"], seen["records"]["secrets"]) == (2, [], 2)

    lines = ("verify web.ksnap", "cat web.ksnap --list", "export web.ksnap", f"{RESTORE} --yes")
    done = [sealed.ok(line) for line in (*lines, "log -n 99", "log copy --events -o json", "show copy#1")]

    assert not [item for item in done if "canary" in item.text]
    assert b"canary" not in everything(sealed)
    (sealed.home / "data/kubisnap/keys/ops.age").unlink()
    keyless = sealed.ok("inspect web.ksnap").out
    assert "records" not in keyless
    assert "api-token" not in keyless


def test_what_is_not_written_down_stands_in_the_plan_of_a_restore(plain: "Desk") -> None:
    told = "  · 2 secrets, of which the file leaves out api-token, db: --secrets-out FILE"
    assert told in plain.ok(f"{RESTORE} --dry-run").text
    plain.ok("capture web --out sealed.ksnap --secrets secrets.yaml --encrypt-to ops")
    line = f"{RESTORE.replace('web.ksnap', 'sealed.ksnap')} --dry-run"
    assert "  · 2 secrets: --secrets-out FILE writes them down" in plain.ok(line).text
    assert "secrets" not in plain.ok(f"{line} --secrets-out out.yaml").text
    assert not (plain.home / "out.yaml").exists()  # nothing was restored


def test_they_are_written_down_from_the_archive(sealed: "Desk") -> None:
    done = sealed.ok(f"{RESTORE} --yes --secrets-out out.yaml")

    assert written(sealed) == VALUES
    assert "canary" not in done.text + sealed.ok("log copy --events -o json").text


def test_those_left_out_are_taken_from_a_file(plain: "Desk") -> None:
    plain.ok(f"{RESTORE} --yes --secrets-out out.yaml --secrets secrets.yaml")
    assert written(plain) == VALUES
    assert b"canary" not in everything(plain)


def test_a_value_that_is_given_wins_over_the_archives(sealed: "Desk") -> None:
    sealed.write("new.yaml", "db: changed since\n")
    sealed.ok(f"{RESTORE} --yes --secrets-out out.yaml --secrets new.yaml")
    assert written(sealed) == {**VALUES, "db": "changed since"}


def test_what_no_file_has_is_asked_for_unseen(plain: "Desk") -> None:
    plain.write("half.yaml", "db: from the file\n")
    line = f"{RESTORE} --yes --secrets-out out.yaml --secrets half.yaml"
    done = plain.at_terminal(line, "canary typed\n")

    assert done.status == 0, done.screen
    assert done.screen.count("(hidden): ") == 1
    assert "api-token (hidden): " in done.screen
    assert "canary" not in done.screen
    assert written(plain) == {"api-token": "canary typed", "db": "from the file"}


def test_a_dry_run_asks_for_none_and_writes_none(plain: "Desk") -> None:
    done = plain.ok(f"{RESTORE} --dry-run --secrets-out out.yaml")
    assert "secret" not in done.out
    assert not (plain.home / "out.yaml").exists()


def test_without_a_terminal_what_is_missing_is_named(plain: "Desk") -> None:
    plain.write("half.yaml", "db: from the file\n")
    for given, names in (("", "api-token, db"), (" --secrets half.yaml", "api-token")):
        told = f"error: --secrets: the snapshot was written without {names}\nhint: --secrets FILE"
        refused(plain, f"{RESTORE} --yes --secrets-out out.yaml{given}", told)


def test_a_label_that_is_not_the_snapshots_is_refused(plain: "Desk") -> None:
    plain.write("other.yaml", "db: canary\ndb2: canary\n")
    refused(
        plain,
        f"{RESTORE} --yes --secrets-out out.yaml --secrets other.yaml",
        "has no secret db2",
        "api-token",
    )


def test_values_that_nobody_would_get_are_refused(plain: "Desk") -> None:
    refused(
        plain, f"{RESTORE} --yes --secrets secrets.yaml", "nobody would get", "hint: add --secrets-out FILE"
    )


def test_where_they_cannot_be_written_nothing_is_done(plain: "Desk") -> None:
    plain.write("there.yaml", "somebody's\n")
    (plain.home / "nowhere.yaml").symlink_to("gone")
    for name in ("there.yaml", "nowhere.yaml"):
        line = f"{RESTORE} --yes --secrets secrets.yaml --secrets-out {name}"
        refused(plain, line, f"--secrets-out: {name} exists, and is not written over")
    line = f"{RESTORE} --yes --secrets secrets.yaml --secrets-out no/such/out.yaml"
    refused(plain, line, "--secrets-out: there is no folder no/such")
    refused(plain, f"restore gone.ksnap --secrets-out {plain.home}/.", "is not written over")
    assert "copy" not in plain.ok("get").out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("db: canary\n  x: [", "secrets.yaml, line 2 is not YAML"),
        ("- canary\n", "is no mapping from labels to values"),
        ("canary\n", "is no mapping from labels to values"),
        ("", "is no mapping from labels to values"),
        ("db: 4711\n", "the value of 'db' is no text; put it in quotes"),
        ("db: yes\n", "the value of 'db' is no text; put it in quotes"),
        ("db:\n", "the value of 'db' is no text; put it in quotes"),
        ("db: {canary: 1}\n", "the value of 'db' is no text"),
        ("7: canary\n", "no text; put it in quotes"),
        ("db: !!python/object:os.system canary\n", "is not YAML"),
        ("db: 2026-13-45\n", "is not YAML"),
        (f"db: {'7' * 5000}\n", "is not YAML"),
        ('"": canary\n', "secrets.yaml, '': a label is empty"),
        ('"a\\nb": canary\n', "a label is empty, too long, or cannot be printed"),
    ],
)
def test_a_file_of_secrets_that_is_none_is_told_and_nothing_of_it_quoted(
    kept: "Desk", text: str, told: str
) -> None:
    kept.write("secrets.yaml", text)
    for options in ("", " --encrypt-to ops"):
        refused(kept, f"capture web --out web.ksnap --secrets secrets.yaml{options}", told)


def test_a_value_that_is_no_text_comes_back_as_it_was(kept: "Desk") -> None:
    kept.write("secrets.yaml", "blob: !!binary /wD+\nempty: ''\n")
    kept.ok("capture web --out web.ksnap --secrets secrets.yaml --encrypt-to ops")
    kept.ok(f"{RESTORE} --yes --secrets-out out.yaml")
    assert yaml.safe_load((kept.home / "out.yaml").read_bytes()) == {"blob": b"\xff\x00\xfe", "empty": ""}


def test_of_a_chain_the_newest_value_counts(sealed: "Desk") -> None:
    sealed.write("newer.yaml", "db: newer\n")
    sealed.ok(
        "capture web --out next.ksnap --incremental-from web.ksnap --encrypt-to ops --secrets newer.yaml"
    )
    sealed.ok(f"{RESTORE.replace('web.ksnap', 'next.ksnap')} --yes --secrets-out out.yaml")
    assert written(sealed) == {**VALUES, "db": "newer"}
