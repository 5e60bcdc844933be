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
    "partial": "some of it is done and recorded, or something could not be taken back; the error names it",
    "denied": "credentials are missing or refused, or open another account",
    "differs": "only with `--exit-code`: there is something to do",
    "needs-yes": "a confirmation is needed and nobody can be asked: add `--yes`",
    "stale-plan": "the log moved while this was decided",
    "timeout": "the cloud accepted the work and did not end it in time",
    "not-found": "no such cluster, operation, resource or file",
    "locked": "another operation on the cluster is running",
    "corrupt": "a store or an archive is damaged, or something else",
    "interrupted": "Ctrl-C; what was done is recorded, `kubisnap apply` goes on",
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
  `--yes` then exits with 6. `delete` wants the cluster's name: `--yes=NAME`.
- **`--dry-run`** shows the plan and changes nothing.
- **Ctrl-C** finishes the running calls, records, and exits with 130; `kubisnap apply` goes on from there.
- **Completion**: `kubisnap completion SHELL` prints a script that completes commands, options and the
  names of the clusters in the store.

## Settings

| variable | for |
|---|---|
| `KUBISNAP_STORE` | the event store, as `--store`; default: `store.sqlite` in the XDG data folder |
| `KUBISNAP_ACTOR` | who acts, in the log; default: the user's name |
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
        parts += [f"## kubisnap {name}\n\n{_block(name, '--help')}" for name, _ in commands]
    return "\n".join(parts)


def _block(*words: str) -> str:
    screen = io.StringIO()
    with patch.dict(os.environ, {"COLUMNS": "100"}), redirect_stdout(screen):
        app.run(words)
    return f"```text\n{screen.getvalue().rstrip()}\n```\n"


if __name__ == "__main__":
    Path(__file__).with_name("cli.md").write_text(reference(), encoding="utf-8")
