"""What can go wrong between here and a command over there; who uses SSH makes the engine's errors of it."""

import re

LONGEST = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def legible(text: str) -> str:
    """Return text from outside as one bounded line without control characters."""
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


class SshError(Exception):
    """The root. `advice` is the next step, if there is one to tell."""

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.advice = advice


class Unreachable(SshError):
    """No connection came to be, or it was gone before anything was asked: nothing has happened."""


class HostKeyRefused(SshError):
    """The server shows a key that is not known to be its own; nothing was sent to it."""


class AuthenticationRefused(SshError):
    """The server takes none of our keys, or there is none to offer."""


class AnswerLost(SshError):
    """A command was sent, and no whole answer came: it may have run, and may still be running."""
