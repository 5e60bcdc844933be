"""How `--help` looks: usage without braces, arguments, options, and the global options apart.

Knows typer's formatter and nothing of the commands.
"""

import re
from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

from .options import PANEL

_TYPE = re.compile(r" <[a-z ]+>(\.\.\.)?$")
_EXAMPLES = "Examples:\n"


class Command(TyperCommand):
    """A command with its examples as they were written and its options in two sections."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        # \b tells the formatter to leave a paragraph's lines alone
        self.help = (self.help or "").replace(_EXAMPLES, f"\b\n{_EXAMPLES}")

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what stands behind the command's name in its usage line."""
        arguments = [item for item in self.get_params(ctx) if item.param_type_name == "argument"]
        return ["[OPTIONS]", *(str(item.metavar) for item in arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, options and global options."""
        _write_sections(self.get_params(ctx), ctx, formatter)


class Group(TyperGroup):
    """The program itself: its commands in the order and the groups in which they are used."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands by group, then the options."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            title = str(getattr(command, "rich_help_panel", None))
            groups.setdefault(title, []).append((name, command.get_short_help_str(limit=70)))
        width = max(map(len, self.commands))
        for title, rows in groups.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), told) for name, told in rows])
        records = [item.get_help_record(ctx) for item in self.get_params(ctx)]
        with formatter.section(PANEL):
            formatter.write_dl([_plain(*record) for record in records if record is not None])


class Noun(Group):
    """A command that has commands below it, such as ``clouds``."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.help = (self.help or "").replace(_EXAMPLES, f"\b\n{_EXAMPLES}")

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what stands behind the command's name in its usage line."""
        del ctx
        return ["[OPTIONS]", "[COMMAND]"]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands below it, then its options as those of any command."""
        rows = [(name, command.get_short_help_str(limit=70)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        _write_sections(self.get_params(ctx), ctx, formatter)


def _write_sections(params: Iterable[Any], ctx: Any, formatter: Any) -> None:
    """Write arguments, options and global options."""
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], PANEL: []}
    for item in params:
        record = item.get_help_record(ctx)
        if record is None:
            continue
        title = "Arguments" if item.param_type_name == "argument" else "Options"
        panel = getattr(item, "rich_help_panel", None)
        sections[panel if panel in sections else title].append(_plain(*record))
    for title, records in sections.items():
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


def _plain(name: str, told: str) -> tuple[str, str]:
    """Leave out what the usage line says already: the type of an argument, and that it is required."""
    told = told.replace("  [required]", "").replace("[default: (", "[default: ").replace(")]", "]")
    return _TYPE.sub("", name), told.replace("); ", "; ")
