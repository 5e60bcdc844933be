"""What every command gets: the global options, and where text goes.

stdout carries the result and nothing else; stderr carries plans to confirm, progress and hints.
"""

import json
import os
import sys
from dataclasses import dataclass
from typing import Any, Literal

Output = Literal["text", "json", "jsonl", "csv"]
ProgressMode = Literal["auto", "plain", "jsonl", "none"]
ColorMode = Literal["auto", "always", "never"]


@dataclass(frozen=True)
class Session:
    """The global options of one call."""

    store: str = ""
    output: Output = "text"
    quiet: bool = False
    color: ColorMode = "auto"
    no_input: bool = False
    progress: ProgressMode = "auto"
    utc: bool = False

    @property
    def json(self) -> bool:
        """Whether the result is to be one JSON document."""
        return self.output == "json"

    @property
    def interactive(self) -> bool:
        """Whether somebody can be asked: there is a terminal, and stderr is not for a machine."""
        if self.no_input or os.environ.get("CI") or self.progress == "jsonl":
            return False
        return sys.stdin.isatty() and sys.stderr.isatty()

    def colored(self, stream: Any) -> bool:
        """Whether a stream gets colour: the flag, then NO_COLOR, FORCE_COLOR, then whether it is a screen."""
        if self.color != "auto":
            return self.color == "always"
        if os.environ.get("NO_COLOR"):
            return False
        if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
            return True
        return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"

    def result(self, text: str, kind: str, document: dict[str, Any]) -> None:
        """Print the result on stdout, as text or as one JSON document."""
        if self.json:
            print(json.dumps({"kubisnap": "1.0", "kind": kind, **document}, ensure_ascii=False, indent=2))
        elif text:
            print(text, flush=True)

    def tell(self, text: str) -> None:
        """Print something for people on stderr, unless they asked for quiet or machines listen."""
        if not self.quiet and not self.json and self.progress != "jsonl":
            self.show(text)

    def show(self, text: str) -> None:
        """Print something on stderr that must be seen: what a question is about."""
        print(text, file=sys.stderr, flush=True)

    def next(self, command: str) -> None:
        """Say the one next thing to type."""
        self.tell(f"next: {command}")
