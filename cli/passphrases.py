"""Where a passphrase comes from: the environment, a file, a command, or somebody at a terminal.

Never from an option: those are in the list of processes and in the shell's history.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..engine.errors import InvalidInput, Refused
from .confirm import NotAnswered
from .session import Session

VARIABLE: Final = "KUBISNAP_PASSPHRASE"
FILE: Final = "KUBISNAP_PASSPHRASE_FILE"
COMMAND: Final = "KUBISNAP_PASSPHRASE_COMMAND"
_LONGEST: Final = 4096


def passphrase(session: Session, *, new: bool = False) -> str:
    """Return the passphrase, asked for where the environment names none; a new one is asked for twice.

    Raises `InvalidInput` where there is none and nobody to ask, `Refused` where the two differ.
    """
    given = given_passphrase()
    if given is not None:
        return given
    if not session.interactive:
        raise InvalidInput(
            VARIABLE,
            "there is no passphrase, and nobody to ask",
            advice=f"{FILE}=FILE, {COMMAND}=COMMAND, or a terminal",
        )
    with unseen():
        typed = hidden("Passphrase (hidden): ")
        if not typed:
            raise Refused("the passphrase is empty; nothing was changed")
        if new and hidden("The same again (hidden): ") != typed:
            raise Refused("the two passphrases differ; nothing was changed")
    return typed


def given_passphrase() -> str | None:
    """Return the passphrase that the environment names, or None.

    The errors name the variable and nothing of its value. A file and what a command prints are one line.
    """
    named = [name for name in (VARIABLE, FILE, COMMAND) if os.environ.get(name)]
    if not named:
        return None
    if len(named) > 1:
        raise InvalidInput(named[0], f"set together with {named[1]}; which one?", advice=f"unset {named[1]}")
    (name,) = named
    value = os.environ[name]
    if name == VARIABLE:
        return value
    return _line(_of_file(value) if name == FILE else _of_command(value), name)


def _of_file(name: str) -> bytes:
    try:
        with Path(name).expanduser().open("rb") as file:
            return file.read(_LONGEST + 1)
    except OSError as error:
        raise InvalidInput(FILE, f"cannot read the file that it names: {error.strerror}") from error


def _of_command(line: str) -> bytes:
    try:
        words = shlex.split(line)
    except ValueError:
        raise InvalidInput(COMMAND, "a quotation mark is missing") from None
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, check=False)  # noqa: S603 - the operator's own
    except OSError as error:
        raise InvalidInput(COMMAND, f"cannot run it: {error.strerror}") from error
    if done.returncode:
        raise InvalidInput(COMMAND, f"it failed with exit status {done.returncode}")
    return done.stdout


def _line(content: bytes, name: str) -> str:
    try:
        text = content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InvalidInput(name, "the passphrase is not text in UTF-8") from None
    if not text or "\n" in text or len(content) > _LONGEST:
        raise InvalidInput(name, "the passphrase is not one line of text")
    return text


@contextmanager
def unseen() -> Iterator[None]:
    """Show nothing of what is typed, between several questions neither; what is typed ahead counts."""
    import termios

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    silent = termios.tcgetattr(terminal)
    silent[3] &= ~termios.ECHO
    try:
        termios.tcsetattr(terminal, termios.TCSADRAIN, silent)
        yield
    except KeyboardInterrupt:
        raise NotAnswered from None
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def hidden(question: str) -> str:
    """Return a line that is typed; ask in `unseen`."""
    try:
        print(question, end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().removesuffix("\n")
    finally:
        print(file=sys.stderr)
