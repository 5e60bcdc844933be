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
from contextlib import redirect_stdout, suppress
from functools import cache
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from ..engine.errors import KubisnapError
from . import helping, options
from .commands import (
    apply,
    blame,
    capture,
    cat,
    completion,
    create,
    delete,
    demo,
    diff,
    doctor,
    export,
    forget,
    fork,
    gc,
    get,
    import_,
    inspect,
    log,
    migrate,
    plan,
    redo,
    restore,
    revert,
    scale,
    show,
    snapshots,
    undo,
    verify,
)
from .commands.audit import rebuild as audit_rebuild
from .commands.clouds import refresh as clouds_refresh
from .commands.clouds import regions as clouds_regions
from .commands.clouds import sizes as clouds_sizes
from .commands.clouds import table as clouds_table
from .commands.keys import generate as keys_generate
from .commands.keys import list as keys_list
from .commands.stores import copy as stores_copy
from .commands.stores import migrate as stores_migrate
from .exits import CODES, Failure, failure_of

_GROUPS: dict[str, tuple[tuple[str, Callable[..., None]], ...]] = {
    "Everyday": (
        ("create", create.create),
        ("plan", plan.plan),
        ("apply", apply.apply),
        ("get", get.get),
        ("scale", scale.scale),
    ),
    "History": (
        ("log", log.log),
        ("show", show.show),
        ("blame", blame.blame),
        ("fork", fork.fork),
        ("undo", undo.undo),
        ("redo", redo.redo),
        ("revert", revert.revert),
    ),
    "Protect": (
        ("capture", capture.capture),
        ("restore", restore.restore),
        ("migrate", migrate.migrate),
        ("verify", verify.verify),
        ("inspect", inspect.inspect),
        ("cat", cat.cat),
        ("diff", diff.diff),
        ("export", export.export),
        ("import", import_.import_),
        ("snapshots", snapshots.snapshots),
        ("forget", forget.forget),
        ("gc", gc.gc),
    ),
    "Operate": (("delete", delete.delete),),
    "Clouds": (
        ("clouds", clouds_table.clouds),
        ("clouds sizes", clouds_sizes.sizes),
        ("clouds regions", clouds_regions.regions),
        ("clouds refresh", clouds_refresh.refresh),
    ),
    "House-keeping": (
        ("audit rebuild", audit_rebuild.rebuild),
        ("keys generate", keys_generate.generate),
        ("keys list", keys_list.list_keys),
        ("stores copy", stores_copy.copy),
        ("stores migrate", stores_migrate.migrate),
        ("doctor", doctor.doctor),
        ("demo", demo.demo),
        ("completion", completion.completion),
    ),
}

_NOUNS = {
    "clouds": "",
    "audit": "Manage the index of the audit log.",
    "keys": "Manage the keys that archives are signed and encrypted with.",
    "stores": "Manage where the events are kept.",
}
"""Commands of two words, by the first; without a text where that is a command, too."""


def _typer(name: str, told: str, cls: type[helping.Group] = helping.Group) -> typer.Typer:
    return typer.Typer(
        name=name,
        cls=cls,
        help=told,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


app = _typer(
    "kubisnap", "The state of your Kubernetes clusters as an event log: declare, apply, capture, restore."
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
    output: options.RowsOutput = None,
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


def _register() -> None:
    nouns: dict[str, typer.Typer] = {}
    for group, commands in _GROUPS.items():
        for name, function in commands:
            noun, _, verb = name.rpartition(" ")
            if name in _NOUNS:
                nouns[name] = _typer(name, function.__doc__ or "", helping.Noun)
                nouns[name].callback(invoke_without_command=True)(options.with_session(function))
                app.add_typer(nouns[name], rich_help_panel=group)
                continue
            if noun and noun not in nouns:
                nouns[noun] = _typer(noun, _NOUNS[noun])
                app.add_typer(nouns[noun], rich_help_panel=group)
            target, panel = (nouns[noun], "Commands") if noun else (app, group)
            target.command(verb, cls=helping.Command, rich_help_panel=panel)(options.with_session(function))


_register()


@cache
def _command() -> Any:
    """Return the parser of everything, which typer would make anew from all signatures for each run."""
    return typer.main.get_command(app)


def main() -> None:
    """Run the command line and exit."""
    _prepare_streams()
    if "_KUBISNAP_COMPLETE" in os.environ:  # a shell asks what could be typed next
        from typer._completion_classes import completion_init

        completion_init()
        app([], prog_name="kubisnap")  # answers and exits
    status = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # nobody reads it; keep the interpreter from complaining at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(status)


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
    if not arguments:  # a bare `kubisnap` shows what there is, and is a mistake all the same
        with redirect_stdout(sys.stderr):
            run(["--help"])
        return CODES["usage"]
    try:
        code = _command()(list(arguments), prog_name="kubisnap", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, options.ReaderGone):  # head, less: nothing to tell, and nobody to tell it to
        return CODES["failed"]
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no traceback reaches a user
        return _tell(_failure(error, arguments), arguments)
    return code if isinstance(code, int) else 0


def _failure(error: BaseException, arguments: Sequence[str]) -> Failure:
    match error:
        case KubisnapError():
            return failure_of(error)
        case TyperException():
            return _usage(error, arguments)
        case KeyboardInterrupt() | options.Stopped() | typer.Abort():
            return _INTERRUPTED
        case _:
            return _bug(error)


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
    "interrupted",
    "interrupted",
    "kubisnap log      what was recorded\nkubisnap apply CLUSTER --resume      goes on from there",
)
_CLUMSY = (
    ("Value error, ", ""),
    (": Input should", ": it should"),
    (", unable to parse string as an integer", ""),
)
_SUGGESTION = re.compile(r"[.;]? (?:Did you mean|\(Possible options:) (.+?)[?)]")


def _usage(error: TyperException, arguments: Sequence[str]) -> Failure:
    """Return what to tell of a command line that does not parse."""
    names = [*_NOUNS, *(name for commands in _GROUPS.values() for name, _ in commands)]
    line = " ".join(arguments)
    typed = [
        (found.start(), -len(name), name)
        for name in names
        if (found := re.search(rf"(?<![^ ]){name}(?![^ ])", line))
    ]
    command = " ".join(["kubisnap", *[name for *_, name in sorted(typed)[:1]]])
    message = error.format_message().rstrip(".")
    for clumsy, plain in _CLUMSY:
        message = message.replace(clumsy, plain)
    suggestion = _SUGGESTION.search(message)
    hints = [f"{command} --help"]
    if suggestion:
        message = message[: suggestion.start()]
        hints.insert(0, f"did you mean {suggestion[1]}?")
    return Failure("usage", message[:1].lower() + message[1:], "\n".join(hints))


def _bug(error: BaseException) -> Failure:
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
