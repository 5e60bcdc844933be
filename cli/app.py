"""The entry point: parses, runs one command, and turns whatever happens into text and an exit status.

Importing this module loads typer and the commands' signatures only; engine, clouds and the rest are
imported by the command that runs.
"""

import io
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from ..engine.errors import KubisnapError
from . import options
from .commands import (
    apply,
    capture,
    completion,
    create,
    delete,
    demo,
    doctor,
    get,
    log,
    plan,
    restore,
    scale,
    show,
    verify,
)
from .exits import CODES, Failure, failure_of

_GROUPS: dict[str, tuple[tuple[str, Callable[..., None]], ...]] = {
    "Everyday": (
        ("create", create.create),
        ("plan", plan.plan),
        ("apply", apply.apply),
        ("get", get.get),
        ("scale", scale.scale),
    ),
    "History": (("log", log.log), ("show", show.show)),
    "Protect": (
        ("capture", capture.capture),
        ("restore", restore.restore),
        ("verify", verify.verify),
    ),
    "Operate": (("delete", delete.delete),),
    "House-keeping": (
        ("doctor", doctor.doctor),
        ("demo", demo.demo),
        ("completion", completion.completion),
    ),
}

app = typer.Typer(
    name="kubisnap",
    help="The state of your Kubernetes clusters as an event log: declare, apply, capture, restore.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(value: bool) -> None:
    if value:
        from .. import __version__

        print(f"kubisnap {__version__}")
        raise typer.Exit


@app.callback()
def _globals(
    ctx: typer.Context,
    *,
    store: options.Store = None,
    output: options.Output = None,
    quiet: options.Quiet = None,
    color: options.Color = None,
    no_input: options.NoInput = None,
    progress: options.Progress = None,
    utc: options.Utc = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version
    given = {
        "store": store,
        "output": output,
        "quiet": quiet,
        "color": color,
        "no_input": no_input,
        "progress": progress,
        "utc": utc,
    }
    ctx.obj = {name: value for name, value in given.items() if value is not None}


for group, commands in _GROUPS.items():
    for command_name, function in commands:
        app.command(command_name, rich_help_panel=group, no_args_is_help=False)(
            options.with_session(function)
        )


def main() -> None:
    """Run the command line and exit."""
    _prepare_streams()
    sys.exit(run(sys.argv[1:]))


def _prepare_streams() -> None:
    """Open what the caller closed (``<&-``), and never fail for a sign that a screen cannot show."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - stays open
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status. No exception leaves this function."""
    try:
        code = app(list(arguments), prog_name="kubisnap", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader went away (head, less): not our failure; keep the interpreter from complaining
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CODES["failed"]
    except KubisnapError as error:
        return _tell(failure_of(error), arguments)
    except TyperException as error:
        return _tell(_usage(error), arguments)
    except (KeyboardInterrupt, typer.Abort):
        return _tell(_INTERRUPTED, arguments)
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback reaches a user
        return _tell(_bug(error), arguments)
    return code if isinstance(code, int) else 0


def _tell(failure: Failure, arguments: Sequence[str]) -> int:
    """Print a failure on stderr and return its exit status."""
    with suppress(OSError):  # nobody reads stderr: the status says it
        print(failure.json() if _wants_json(arguments) else failure.text(), file=sys.stderr, flush=True)
    return failure.code


def _wants_json(arguments: Sequence[str]) -> bool:
    """Look for ``-o json`` and ``--progress jsonl``, so that usage errors are JSON, too."""
    line = " ".join(arguments)
    return re.search(r"(^| )(-o ?json|--output[ =]json|--progress[ =]jsonl)( |$)", line) is not None


_INTERRUPTED = Failure(
    "interrupted", "interrupted", "kubisnap log      what was recorded; kubisnap apply goes on from there"
)
_SUGGESTION = re.compile(r"[.;]? (?:Did you mean|\(Possible options:) (.+?)[?)]")


def _usage(error: TyperException) -> Failure:
    """Return what to tell of a command line that does not parse."""
    context: Any = getattr(error, "ctx", None)
    command = "kubisnap" if context is None else context.command_path
    if isinstance(error, NoArgsIsHelpError):
        return Failure("usage", "which command?", f"{command} --help")
    message = error.format_message() if isinstance(error, ClickException) else str(error)
    message = message.replace("Value error, ", "").replace(": Input should", ": it should").rstrip(".")
    suggestion = _SUGGESTION.search(message)
    hints = [f"{command} --help"]
    if suggestion:
        message = message[: suggestion.start()]
        hints.insert(0, f"did you mean {suggestion[1]}?")
    return Failure("usage", message[:1].lower() + message[1:], "\n".join(hints))


def _bug(error: Exception) -> Failure:
    """Save a report without secrets and say where it is."""
    from .reports import save_report

    try:
        place = save_report("".join(traceback.format_exception(error)))
        known = f"what is known is in {place}"
    except OSError as problem:
        place, known = "", f"and no report could be written: {problem.strerror}"
    return Failure(
        "bug",
        f"this is a bug in kubisnap ({type(error).__name__}); {known}",
        "kubisnap log      what was recorded before; nothing in the log is lost",
        {"report": place},
    )
