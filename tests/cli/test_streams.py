"""stdout carries the result and nothing else; what machines read is valid against the schema."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

if TYPE_CHECKING:
    from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator

    from .conftest import Desk

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/output.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

# Every command once, in an order in which all succeed.
SUCCESSES = (
    ("Clusters", "get"),
    ("Plan", "create web --cloud sandbox --dry-run"),
    ("Change", "create web --cloud sandbox --yes"),
    ("Plan", "plan web"),
    ("Change", "apply web --yes"),
    ("Plan", "scale web workers=4 --dry-run"),
    ("Plan", "plan web --out web.plan"),
    ("Plan", "show web.plan"),
    ("Change", "apply web.plan"),
    ("Change", "scale web workers=4 -m why --yes"),
    ("Plan", "show web.plan"),
    ("Plan", "undo web --dry-run"),
    ("Change", "undo web --yes"),
    ("Plan", "redo web --dry-run"),
    ("Change", "redo web --yes"),
    ("Plan", "undo web --to 1 --dry-run"),
    ("Plan", "revert web#2 --dry-run"),
    ("Change", "revert web#2 --yes"),
    ("Change", "undo web --yes"),
    ("Plan", "scale web workers=1 --dry-run"),
    ("Clusters", "get"),
    ("Cluster", "get web"),
    ("Resources", "get web/firewall"),
    ("Resources", "get web/server/workers-3"),
    ("Clusters", "get --as-of now"),
    ("Cluster", "get web --as-of '#1'"),
    ("Cluster", "get web --as-of e20"),
    ("Resources", "get web/server --as-of @-"),
    ("Export", "export web --as-of e9 --out then.jsonl"),
    ("Diff", "diff web"),
    ("Diff", "diff web '#1' live"),
    ("Diff", "diff web@- web"),
    ("Log", "log"),
    ("Events", "log web --events -n 1000"),
    ("Log", "log web -p"),
    ("Log", "log web --since '#1' --by ada --as-of '#2'"),
    ("Events", "log --grep workers --events -n 3"),
    ("Event", "show web@e3"),
    ("Blame", "blame web firewall/workers"),
    ("Blame", "blame web pool/workers.count --as-of '#2'"),
    ("Chain", "verify web"),
    ("Index", "audit rebuild --dry-run"),
    ("Index", "audit rebuild"),
    ("Operation", "show web#1"),
    ("Operation", "show web#2"),
    ("Snapshot", "capture web --out web.ksnap"),
    ("Verification", "verify web.ksnap"),
    ("Verification", "verify web.ksnap --read-data 1%"),
    ("Inspection", "inspect web.ksnap"),
    ("Events", "cat web.ksnap 1..3"),
    ("Blobs", "cat web.ksnap --list"),
    ("Diff", "diff web.ksnap web.ksnap"),
    ("Diff", "diff web.ksnap web"),
    ("Diff", "diff web.ksnap live"),
    ("Export", "export web.ksnap --out web.jsonl"),
    ("Import", "import web.jsonl --store sqlite:///new.sqlite"),
    ("Import", "import web.ksnap --store sqlite:///new.sqlite"),
    ("Plan", "restore web.ksnap --as copy --on sandbox:sim-eu-west --dry-run"),
    ("Change", "restore web.ksnap --as copy --on sandbox:sim-eu-west --yes"),
    ("Cluster", "get copy"),
    ("Plan", "restore web.ksnap --at '#1' --as third --dry-run"),
    ("Plan", "fork web --at @- --as third --on sandbox:frankfurt --strict --dry-run"),
    ("Change", "fork web --at '#1' --as third --yes"),
    ("Cluster", "get third"),
    ("Operation", "show copy#1"),
    ("MigrationPlan", "migrate third --to sandbox:sim-eu-west --as moved --dry-run"),
    ("Migration", "migrate third --to sandbox:sim-eu-west --as moved --yes"),
    ("Operation", "show third#2"),
    ("Snapshots", "snapshots --all"),
    ("Forget", "forget --keep-last 1 --yes"),
    ("Collection", "gc --yes"),
    ("Plan", "delete copy --dry-run"),
    ("Change", "delete copy --yes=copy"),
    ("Log", "log copy"),
    ("Keys", "keys generate ops"),
    ("Keys", "keys list"),
    ("StoresCopy", "stores copy sqlite:///store.sqlite sqlite:///other.sqlite"),
    ("StoresMigrate", "stores migrate"),
    ("Clouds", "clouds"),
    ("Sizes", "clouds sizes --vcpu 2 -n 3"),
    ("Sizes", "clouds sizes sandbox --vcpu 2 --region sim-us-east"),
    ("Regions", "clouds regions --near frankfurt"),
    ("Regions", "clouds regions sandbox"),
    ("Refreshed", "clouds refresh sandbox"),
    ("Clouds", "clouds"),
    ("Doctor", "doctor --cloud sandbox"),
    ("Completion", "completion fish"),
)


def valid(document: Any) -> None:
    VALIDATOR.validate(document)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    kinds = {
        item["properties"]["kind"]["const"]
        for item in SCHEMA["$defs"].values()
        if "kind" in item.get("properties", {}) and "const" in item["properties"]["kind"]
    }
    assert kinds == {kind for kind, _ in SUCCESSES} | {"Demo"}


def test_every_json_document_is_valid_and_alone_on_stdout(desk: "Desk") -> None:
    for kind, line in SUCCESSES:
        done = desk.ok(f"{line} -o json")
        document = json.loads(done.out)
        assert list(document)[:2] == ["kubisnap", "kind"]
        assert (document["kubisnap"], document["kind"]) == ("1.0", kind), line
        valid(document)
        assert done.err == "", line


def test_quiet_leaves_the_result_and_nothing_else(desk: "Desk") -> None:
    for _, line in SUCCESSES:
        done = desk.ok(f"{line} -q")
        assert done.err == "", line
        assert done.out, line


def test_results_are_on_stdout_and_plans_to_confirm_are_not(desk: "Desk") -> None:
    for kind, line in SUCCESSES:
        done = desk.ok(line)
        if kind == "Change":
            assert re.fullmatch(r"(#\d+ .* · .*|web: nothing to do, what is declared is there\.)\n", done.out)
            assert "to add" in done.err or "nothing to do" in done.out
        elif kind == "Migration":
            assert done.out.startswith(
                "migrated third (sandbox/sim-us-east) → moved (sandbox/sim-eu-west) · "
            )
            assert "to add" in done.err
            assert "5/5 cut-over" in done.err
        else:
            # what a reference came to is told; positions depend on how often the lease was renewed
            told = re.sub(
                r"^(?:web\S*: )?as of \d.*Z(?:, operation #\d)?\n", "", done.err, flags=re.MULTILINE
            )
            told = re.sub(r"(position|at|cursor) [\d.]+", r"\1 N", told)
            told = re.sub(r"^\d+ more|(?<=clouds refresh ).*", "N", told, flags=re.MULTILINE)
            assert set(told.splitlines()) <= {
                "N: add -n 0",
                "next: kubisnap create NAME --cloud sandbox",
                "next: kubisnap restore web.ksnap --as NAME --on CLOUD:REGION",
                "next: kubisnap apply web.plan",
                "next: export KUBISNAP_STORE=sqlite:///other.sqlite",
                "back up ops.sign: a new one is a new key, which nobody trusts yet",
                "back up ops.age: without it, archives that are encrypted for it alone cannot be read",
                "older ones: add --cursor N",
                "next: kubisnap clouds refresh N",
                "note the head somewhere else: with it, nobody can cut the log's end off unseen",
                "warning: the plan was made at position N of the log, which is at N now",
            }


def test_a_snapshot_on_stdout_is_only_the_snapshot(web: "Desk") -> None:
    done = web.ok("capture web --out -")
    path = web.home / "piped.ksnap"
    path.write_bytes(done.stdout_bytes)
    assert web.ok("verify piped.ksnap").out.startswith("ok: piped.ksnap\n")
    assert re.fullmatch(r"#2 capture web · \d+ events · .* · to stdout\n", done.err)


# ── --progress ───────────────────────────────────────────────────────────────────────────────────


def lines_of(text: str) -> list[dict[str, Any]]:
    documents = [json.loads(line) for line in text.splitlines()]
    for document in documents:
        valid(document)
    return documents


def test_progress_lines_are_json_from_first_to_last(desk: "Desk", ocean: "DigitalOceanSimulator") -> None:
    """One that succeeds, one that is retried, and one that fails and is taken back."""
    from kubisnap.adapters.digitalocean.simulator import FaultRule

    ocean.inject(FaultRule(action="status", method="POST", path="vpcs", status=503, times=1))
    first = lines_of(desk.ok("create web --cloud digitalocean --yes --progress jsonl").err)
    assert first[0] == {"type": "version", "version": "1.0"}
    kinds = {line["type"] for line in first}
    assert kinds == {"version", "summary", "step_started", "step_progress", "step_done", "settling"}
    assert sum(line["type"] == "step_done" for line in first) == 10

    ocean.set_droplet_limit("first", 4)
    failed = desk.run("scale web workers=5 --yes --progress jsonl")
    second = lines_of(failed.err)
    assert failed.out == ""
    assert second[-1]["type"] == "exit_error"
    assert second[-1]["code"] == failed.status == 1
    assert {"step_failed", "summary"} <= {line["type"] for line in second}
    assert {"type": "summary", "rolling_back": 1} in second


@pytest.mark.parametrize(
    "line", ["get nothing", "fly", "create web --cloud cumulus", "create web --cloud sandbox"]
)
def test_errors_are_json_lines_where_progress_is(desk: "Desk", line: str) -> None:
    done = desk.run(f"--progress jsonl {line}")
    documents = lines_of(done.err)
    assert documents[-1]["type"] == "exit_error"
    assert documents[-1]["code"] == done.status


def test_plain_progress_tells_every_step_and_none_tells_nothing(desk: "Desk") -> None:
    plain = desk.ok("create a --cloud sandbox --yes -q --progress plain")
    assert len(re.findall(r"^  ✓ .* created", plain.err, re.MULTILINE)) == 10
    assert desk.ok("create b --cloud sandbox --yes -q --progress none").err == ""
    assert desk.ok("create c --cloud sandbox --yes -o json --progress none").err == ""


# ── colour ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("environment", "option", "terminal", "colored"),
    [
        ({}, "", False, False),
        ({}, "", True, True),
        ({"NO_COLOR": "1"}, "", True, False),
        ({"TERM": "dumb"}, "", True, False),
        ({"FORCE_COLOR": "1"}, "", False, True),
        ({"CLICOLOR_FORCE": "1"}, "", False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, "", True, False),
        ({"NO_COLOR": "1"}, "--color always", False, True),
        ({"FORCE_COLOR": "1"}, "--color never", True, False),
        ({}, "--color auto", False, False),
    ],
)
def test_when_there_is_colour(
    desk: "Desk", environment: dict[str, str], option: str, terminal: bool, colored: bool
) -> None:
    desk.ok("create web --cloud sandbox --yes")
    desk.delenv("NO_COLOR")
    for name, value in environment.items():
        desk.setenv(name, value)
    run = desk.at_terminal if terminal else desk.run
    for line in ("log", "doctor", "show web#1", "scale web workers=9 --dry-run"):
        assert ("\x1b[" in run(f"{line} {option}").screen) == colored, line
    assert "\x1b[" not in run(f"log -o json {option}").screen


@pytest.mark.parametrize("option", ["--no-input", "", "--progress jsonl"])
def test_nobody_is_asked_under_ci_or_where_it_is_not_wanted(desk: "Desk", option: str) -> None:
    if not option:
        desk.setenv("CI", "true")
    done = desk.at_terminal(f"create web --cloud sandbox {option}")
    assert done.status == 6
    assert "[y/N]" not in done.screen
