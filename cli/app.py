"""The entry point: parses, runs one command, and turns whatever happens into text and an exit status.

Importing this module loads typer and the commands' signatures only; engine, clouds and the rest are
imported by the command that runs.
"""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from ..engine.errors import KubisnapError
from . import exits, options
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
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status. No exception leaves this function."""
    as_json = _wants_json(arguments)
    try:
        code = app(list(arguments), prog_name="kubisnap", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except KubisnapError as error:
        print(exits.json_of(error) if as_json else exits.text_of(error), file=sys.stderr)
        return exits.code_of(error)
    except TyperException as error:
        return _usage(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(as_json=as_json)
    except BrokenPipeError:
        # the reader went away (head, less): not our failure; keep the interpreter from complaining
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.CODES["failed"]
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback reaches a user
        return _bug(error, as_json=as_json)


def _wants_json(arguments: Sequence[str]) -> bool:
    """Look for ``-o json`` before anything is parsed, so that usage errors are JSON, too."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(
        (option in {"-o", "--output"} and value == "json") or option in {"-ojson", "--output=json"}
        for option, value in pairs
    )


def _usage(error: TyperException, *, as_json: bool) -> int:
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    message = message.rstrip(".")
    message = message[:1].lower() + message[1:]
    context: Any = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "kubisnap"
    hint = f"{command} --help"
    code = exits.CODES["usage"]
    if not message:  # a bare `kubisnap` prints its help
        print(context.get_help() if context is not None else "", file=sys.stderr)
    elif as_json:
        print(exits.exit_error(code, "usage", message, hint, {}), file=sys.stderr)
    else:
        print(f"error: {message}\nhint: {hint}", file=sys.stderr)
    return code


def _interrupted(*, as_json: bool) -> int:
    code = exits.CODES["interrupted"]
    message = "interrupted"
    hint = "kubisnap log      what was recorded; kubisnap apply goes on from there"
    if as_json:
        print(exits.exit_error(code, "interrupted", message, hint, {}), file=sys.stderr)
    else:
        print(f"\nerror: {message}\nhint: {hint}", file=sys.stderr)
    return code


def _bug(error: Exception, *, as_json: bool) -> int:
    """Save a report without secrets and say where it is."""
    from .reports import save_report

    code = exits.CODES["bug"]
    place = save_report("".join(traceback.format_exception(error)))
    message = f"this is a bug in kubisnap ({type(error).__name__}); what is known is in {place}"
    hint = "kubisnap log      what was recorded before; nothing in the log is lost"
    if as_json:
        print(exits.exit_error(code, "bug", message, hint, {"report": place}), file=sys.stderr)
    else:
        print(f"error: {message}\nhint: {hint}", file=sys.stderr)
    return code
