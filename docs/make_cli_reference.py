# ruff: noqa: INP001 - a script, not a package
"""Writes docs/cli.md from what ``--help`` says: ``python docs/make_cli_reference.py``.

A test compares, so that the page cannot say anything else than the program.
"""

import io
import os
from contextlib import redirect_stdout
from pathlib import Path
from unittest.mock import patch

from kubisnap.cli import app
from kubisnap.cli.exits import CODES

_MEANINGS = {
    "ok": "done, or nothing to do",
    "failed": "nothing was changed, or what was changed was taken back",
    "usage": "a wrong option, argument or file",
    "partial": "some of it is done and recorded, or something could not be taken back, or a part of a "
    "damaged archive was saved; the error names it",
    "denied": "credentials are missing or refused, or open another account",
    "differs": "only with `--exit-code`: there is something to do, or something differs",
    "needs-yes": "a confirmation is needed and nobody can be asked: add `--yes`, or `--max-deletions`",
    "stale-plan": "the log moved while this was decided, or since a saved plan was made",
    "timeout": "`--timeout` is over, or the cloud accepted the work and did not end it in time",
    "not-found": "no such cluster, operation, resource, file, or thing in a file",
    "locked": "another operation on the cluster is running; the error says whose, and since when",
    "wrong-key": "an archive is encrypted, and nothing that was given opens it",
    "corrupt": "a store, an archive or a saved plan is damaged, or something else",
    "interrupted": "Ctrl-C; what was done is recorded, `kubisnap apply --resume` goes on",
    "bug": "an unexpected error; the message names the file with the report",
}

_HEAD = """\
# The command line

<!-- Written by docs/make_cli_reference.py from `--help`. Do not edit. -->

Shape: `kubisnap COMMAND [CLUSTER] [OPTIONS]`. Global options may stand before or after the command.

- **stdout** carries the result and nothing else; plans to confirm, progress, hints and errors go to stderr.
- **`-o json`** prints one document, `{"kubisnap": "1.0", "kind": ..., ...}`; an error is one line on stderr,
  `{"type": "exit_error", "code": ..., "message": ..., "hint": ..., ...}`. `--progress jsonl` prints one JSON
  object a line on stderr. [`output.schema.json`](output.schema.json) describes all of them; a minor version
  adds fields, a major one may change them.
- **Nobody is asked** where there is no terminal, where `CI` is set, and with `--no-input`: a change without
  `--yes` then exits with 6. `delete` wants the cluster's name: `--yes=NAME`. A saved plan was looked at
  before: `kubisnap apply PLAN` does not ask.
- **`--dry-run`** shows the plan and changes nothing.
- **Ctrl-C** finishes the running calls, records, and exits with 130; a second one leaves at once. After
  both the log can be gone on with.
- **Completion**: `kubisnap completion SHELL` prints a script that completes commands, options and the
  names of the clusters in the store.

## What is unfinished

An operation that was interrupted, ran out of time, failed half-way or lost its process is *unfinished*.
`get` and `doctor` say so.

- `apply CLUSTER` goes on towards what is declared, and says so first.
- `apply CLUSTER --resume` does the same, but only if something is unfinished; a rollback that was cut short
  is finished.
- `apply CLUSTER --abandon` deletes what the operation made, newest first and by id, changes back what it
  changed, and declares what was declared before. Of a cluster that was being created nothing stays; its name
  is free.
- `scale CLUSTER POOL=N` goes on, too, towards what is declared with the new numbers.
- `delete CLUSTER` deletes what there is, or goes on deleting; `apply CLUSTER --abandon` keeps what is left.
- `create` and `restore` refuse the name as long as the cluster is there.

All of them first ask the cloud what became of calls whose outcome is not known, by the names and tags that
the calls would have given. What could not be taken back is named, with exit status 3; the same command
tries again. While an operation runs nobody else may change its cluster (exit status 11); its hold ends with
it, or two minutes after its process wrote last.

## Saved plans

`kubisnap plan ... --out new.plan` saves a plan, `kubisnap show new.plan` shows it at any time, and
`kubisnap apply new.plan` carries out exactly what it says. It is refused (exit status 7) when anything was
recorded since, when it was carried out before, when the credentials open another account, and when the
cloud has changed so that other steps would be needed. Position 0 is a position: a plan for a cluster that
did not exist is carried out once, too. What has a dot or a slash in it is a file, everything else a cluster.

## Limits

- `--max-deletions N` (10): where `apply`, `scale` or a saved plan would delete more resources, the number is
  to be typed at a terminal; elsewhere, and with `--yes`, the option must allow it. `delete` has its typed
  name, and `--abandon` deletes only what the operation made: neither has a cap.
- `--timeout 20m`: the operation stops as with Ctrl-C, with exit status 9. `--step-timeout 5m`: a step that
  takes longer has failed. Durations are `90s`, `20m`, `1h30m`, never a bare number.
- `--budget`, `--parallel`.

## Events as lines

`kubisnap export` and `kubisnap cat FILE 10..20` write one JSON object a line, in ASCII, without spaces, with
exactly these keys in this order:

| key | value |
|---|---|
| `stream` | the cluster's id |
| `version` | the event's position in the cluster's log: 1, 2, 3, ... |
| `time` | RFC 3339 in UTC with microseconds: `2026-11-02T09:30:00.000000Z` |
| `actor`, `reason` | who did it, and why; both may be empty |
| `operation` | the number of the operation in that cluster |
| `cause` | the position of the event that led to this one; 0: the operator did |
| `kind` | the event's stable tag, such as `ClusterDeclared` |
| `schema` | the version of the payload's schema, as it was written; nothing is brought up to date |
| `payload` | the event's fields; what has its default may be left out |

`kubisnap import` takes such lines back and makes the same log of them, byte for byte: from event 1 on,
without a gap, each line exactly as it was written. A line is no proof: there is no hash over them. What is to
be believed travels as a snapshot.

`import` adds to a store the events that it lacks of a cluster, all or none. It refuses a log that differs
from the one in the store, or is shorter, and a cluster whose name another cluster has there. Lines may end
within an operation: while its lease lasts they are refused (exit status 11); afterwards it is unfinished, as
after a crash.

## Settings

| variable | for |
|---|---|
| `KUBISNAP_STORE` | the [event store](stores.md); `--store`; default: `store.sqlite` in the XDG data folder |
| `KUBISNAP_ARCHIVES` | the archive store, as `--archives`; default: `snapshots` in the XDG data folder |
| `AWS_*` | credentials, region and end point of an archive store on S3, as for every tool of AWS |
| `KUBISNAP_ACTOR` | who acts, in the log; default: the user's name |
| `KUBISNAP_KEYS` | the folder with keys for archives; default: `keys` in the XDG data folder |
| `KUBISNAP_PASSPHRASE` | the passphrase of archives; better one of the next two, or a terminal |
| `KUBISNAP_PASSPHRASE_FILE` | a file whose one line it is |
| `KUBISNAP_PASSPHRASE_COMMAND` | a command that prints it as one line; run without a shell |
| `DIGITALOCEAN_TOKEN` | DigitalOcean's API token (or `DIGITALOCEAN_ACCESS_TOKEN`) |
| `DIGITALOCEAN_END_POINT` | another end point than DigitalOcean's own |
| `KUBISNAP_SANDBOX` | the simulated cloud's file |
| `KUBISNAP_SANDBOX_ACCOUNT` | its account's name |
| `KUBISNAP_SANDBOX_SEED` | a whole number that all of its chance comes from |
| `KUBISNAP_SANDBOX_LATENCY` | how slow it is: 1 as a real cloud, 0 at once |
| `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR_FORCE` | colour; `--color` decides over them |
| `CI` | never ask |
"""


def reference() -> str:
    """Return the page."""
    codes = [f"| {CODES[name]} | {name} | {meaning} |" for name, meaning in _MEANINGS.items()]
    parts = [
        _HEAD,
        "## Exit status\n\nPublic and stable; an unknown one means failure.\n",
        "\n".join(["| status | name | when |", "|--:|---|---|", *codes, ""]),
        f"## kubisnap\n\n{_block('--help')}",
    ]
    for commands in app._GROUPS.values():  # noqa: SLF001 - the one list of commands
        parts += [f"## kubisnap {name}\n\n{_block(*name.split(), '--help')}" for name, _ in commands]
    return "\n".join(parts)


def _block(*words: str) -> str:
    screen = io.StringIO()
    with patch.dict(os.environ, {"COLUMNS": "100"}), redirect_stdout(screen):
        app.run(words)
    return f"```text\n{screen.getvalue().rstrip()}\n```\n"


if __name__ == "__main__":
    Path(__file__).with_name("cli.md").write_text(reference(), encoding="utf-8")
