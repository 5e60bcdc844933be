"""The global options, accepted before and after the command's name alike.

`with_session` gives each command the global options in its signature, so that `--help` shows them
and the parser knows them, and hands the command one `Session` instead.
"""

import inspect
import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .session import Session


class OutputFormat(StrEnum):
    """What stdout carries."""

    TEXT = "text"
    JSON = "json"


class RowsFormat(StrEnum):
    """What stdout carries where the result may be rows."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class ProgressFormat(StrEnum):
    """What stderr tells of the steps."""

    AUTO = "auto"
    PLAIN = "plain"
    JSONL = "jsonl"
    NONE = "none"


class ColorWhen(StrEnum):
    """When there is colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


PANEL = "Global options"

Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="The event store: sqlite:///PATH, postgresql://..., or KUBISNAP_STORE.",
        rich_help_panel=PANEL,
    ),
]
_OUTPUT = typer.Option("--output", "-o", help="What stdout carries.", rich_help_panel=PANEL)
Output = Annotated[OutputFormat | None, _OUTPUT]
RowsOutput = Annotated[RowsFormat | None, _OUTPUT]
Quiet = Annotated[
    bool | None, typer.Option("--quiet", "-q", help="Print results only.", rich_help_panel=PANEL)
]
Color = Annotated[ColorWhen | None, typer.Option("--color", help="Colour.", rich_help_panel=PANEL)]
NoInput = Annotated[
    bool | None, typer.Option("--no-input", help="Never ask; fail instead.", rich_help_panel=PANEL)
]
Progress = Annotated[
    ProgressFormat | None,
    typer.Option("--progress", help="How stderr tells of the steps.", rich_help_panel=PANEL),
]
Utc = Annotated[bool | None, typer.Option("--utc", help="Absolute UTC times in text.", rich_help_panel=PANEL)]

GLOBALS: dict[str, Any] = {
    "store": Store,
    "output": Output,
    "quiet": Quiet,
    "color": Color,
    "no_input": NoInput,
    "progress": Progress,
    "utc": Utc,
}


def clusters_in_store(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a cluster from the store. Asks no cloud; an error completes nothing."""
    parents = [context for context in (ctx, ctx.parent) if context is not None]
    url = next((found for context in parents if (found := context.params.get("store"))), None)
    try:
        from . import wiring

        with wiring.journal(Session(store=url or os.environ.get("KUBISNAP_STORE", ""))) as journal:
            names = [claim.name for claim in journal.claims() if not claim.released]
    except Exception:  # noqa: BLE001 - whatever it is, it has no place in the middle of a command line
        return []
    return [name for name in names if name.startswith(incomplete)]


Cluster = Annotated[
    str,
    typer.Argument(
        metavar="CLUSTER", help="The cluster's name.", show_default=False, autocompletion=clusters_in_store
    ),
]
AnyCluster = Annotated[
    str,
    typer.Argument(
        metavar="[CLUSTER]",
        help="The cluster.",
        show_default="the only one",
        autocompletion=clusters_in_store,
    ),
]
Snapshot = Annotated[
    str,
    typer.Argument(
        metavar="SNAPSHOT",
        help="A file, - for stdin, s3://BUCKET/NAME, or snap:DIGEST or snap:latest of the archive store.",
        show_default=False,
    ),
]
Parents = Annotated[
    list[Path] | None,
    typer.Option(
        "--with",
        metavar="FILE",
        help="A snapshot that this one goes on from, if it is not in the same folder.",
        show_default=False,
    ),
]
SnapshotsOf = Annotated[
    str,
    typer.Argument(
        metavar="[CLUSTER]",
        help="The cluster, by name or NAME-ID8.",
        show_default="all",
        autocompletion=clusters_in_store,
    ),
]
Archives = Annotated[
    str,
    typer.Option(
        "--archives",
        metavar="URL",
        help="The archive store: a folder or s3://BUCKET/PREFIX, or KUBISNAP_ARCHIVES.",
        show_default="the data folder's",
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="REF",
        help="As it was then: 2h, yesterday, 2026-08-01T14:30, #42, @-1, e17, snap:ab12.",
        show_default="now",
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="REF",
        help="As it was then: 2h, yesterday, 2026-08-01T14:30, #42, @-1, e17, snap:ab12.",
        show_default="the newest",
    ),
]
Message = Annotated[
    str, typer.Option("--message", "-m", metavar="TEXT", help="Why; kept in the log.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing things.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")]
KeepHourly = Annotated[
    int,
    typer.Option(metavar="N", min=0, help="Keep the newest of each of the last N hours.", show_default=False),
]
KeepDaily = Annotated[
    int,
    typer.Option(metavar="N", min=0, help="Keep the newest of each of the last N days.", show_default=False),
]
KeepWeekly = Annotated[
    int,
    typer.Option(metavar="N", min=0, help="Keep the newest of each of the last N weeks.", show_default=False),
]
KeepMonthly = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, help="Keep the newest of each of the last N months.", show_default=False
    ),
]
KeepYearly = Annotated[
    int,
    typer.Option(metavar="N", min=0, help="Keep the newest of each of the last N years.", show_default=False),
]
Parallel = Annotated[
    int, typer.Option("--parallel", metavar="N", min=1, max=256, help="How many calls at a time.")
]
MaxDeletions = Annotated[
    int | None,
    typer.Option(
        "--max-deletions",
        metavar="N",
        min=0,
        help="How many deletions go without typing their number.",
        show_default="10",
    ),
]
Timeout = Annotated[
    str,
    typer.Option(
        "--timeout", metavar="TIME", help="Stop the operation after this time: 20m.", show_default=False
    ),
]
StepTimeout = Annotated[
    str, typer.Option("--step-timeout", metavar="TIME", help="What one step may take.", show_default="10m")
]
Budget = Annotated[
    str,
    typer.Option(
        "--budget", metavar="USD", help="Refuse a cluster that costs more a month.", show_default=False
    ),
]

MappingFile = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        metavar="FILE",
        help="What becomes what at the target: YAML with regions, sizes, images, network.",
        show_default=False,
    ),
]
AnyCloud = Annotated[
    str, typer.Argument(metavar="[CLOUD]", help="The cloud, by its adapter's name.", show_default="all")
]
Number = Annotated[
    int,
    typer.Option("-n", metavar="N", min=0, help="Show so many, 0 shows all."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse where anything is lost at the target.")]


class Stopped(Exception):
    """Ctrl-C. Typer ends quietly on a KeyboardInterrupt; this one gets told."""


class ReaderGone(Exception):
    """Nobody reads stdout any more (``| head``). Typer leaves by `SystemExit` on a BrokenPipeError."""


def tell_more(session: Session, found: int, shown: int) -> None:
    """Say that there is more than was shown."""
    if found > shown:
        session.tell(f"{found - shown} more: add -n 0")


def session_from(before: dict[str, Any], after: dict[str, Any]) -> Session:
    """Return the session for global options given before and after the command's name.

    What stands nearer to the command wins; then ``KUBISNAP_STORE`` and the like; then the default.
    """
    given = {**before, **{name: value for name, value in after.items() if value is not None}}
    return Session(
        store=given.get("store") or os.environ.get("KUBISNAP_STORE", ""),
        output=given.get("output", OutputFormat.TEXT).value,
        quiet=bool(given.get("quiet")),
        color=given.get("color", ColorWhen.AUTO).value,
        no_input=bool(given.get("no_input")),
        progress=given.get("progress", ProgressFormat.AUTO).value,
        utc=bool(given.get("utc")),
    )


def in_rows(command: Callable[..., None]) -> Callable[..., None]:
    """Mark a command whose results are rows: it writes jsonl and csv, too."""
    command.in_rows = True  # type: ignore[attr-defined]  # read by `with_session`
    return command


def with_session(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, whose first parameter is a `Session`, the global options instead of it."""
    signature = inspect.signature(command, eval_str=True)
    own = list(signature.parameters.values())[1:]
    rows = getattr(command, "in_rows", False)
    given = GLOBALS | {"output": RowsOutput} if rows else GLOBALS
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in given.items()
    ]
    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)

    def run(*, ctx: typer.Context, **values: Any) -> None:
        after = {name: values.pop(name) for name in GLOBALS}
        if ctx.invoked_subcommand:  # `clouds -o json sizes`: it is the other command that is meant
            ctx.obj = {
                **(ctx.obj or {}),
                **{name: value for name, value in after.items() if value is not None},
            }
            return
        session = session_from(ctx.obj or {}, after)
        if session.output in {"jsonl", "csv"} and not rows:  # given ahead of the command's name
            raise typer.BadParameter(
                f"{session.output} is what kubisnap log can write", param_hint="--output"
            )
        try:
            command(session, **values)
        except KeyboardInterrupt as error:
            raise Stopped from error
        except BrokenPipeError as error:
            raise ReaderGone from error

    keyword = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in own]
    run.__signature__ = inspect.Signature([context, *keyword, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {item.name: item.annotation for item in (context, *keyword, *shared)}
    run.__doc__ = command.__doc__
    run.__name__ = command.__name__
    return run
