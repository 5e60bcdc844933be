"""What hosts answer, and what keeps them from it, as the engine's errors."""

from ...engine.errors import CloudError, Denied, Rejected, Unavailable
from ..ssh.problems import AnswerLost, AuthenticationRefused, HostKeyRefused, SshError, legible

CLOUD = "hosts"
_FEW = 5


def failure(error: SshError, *, write: bool) -> CloudError:
    """Return the error for a host that was not asked, or whose answer did not come.

    It is ambiguous where a command that changes something was sent.
    """
    if isinstance(error, HostKeyRefused | AuthenticationRefused):
        return Denied(CLOUD, error.problem, advice=error.advice)
    return Unavailable(CLOUD, error.problem, ambiguous=write and isinstance(error, AnswerLost))


def nonsense(told: bytes, title: str) -> Rejected:
    """Return the error for a host's answer that cannot be understood."""
    text = legible(told[:4096].decode("utf-8", "replace"))
    return Rejected(CLOUD, f"{title} answered something unexpected: {text or 'nothing'}")


def worst(errors: dict[str, CloudError], otherwise: str) -> CloudError:
    """Return one error for several hosts that could not be asked; those that only people can mend first.

    `otherwise` says what is not known now.
    """
    order = (Denied, Rejected, Unavailable)
    ranked = sorted(
        errors.items(), key=lambda item: [isinstance(item[1], kind) for kind in order], reverse=True
    )
    name, first = ranked[0]
    others = [other for other, _ in ranked[1:]]
    more = f"; nor could {named(others)}" if others else ""
    message = f"{name} could not be asked, so {otherwise}: {first.message}{more}"
    if isinstance(first, Denied):
        return Denied(CLOUD, message, advice=first.advice)
    return type(first)(CLOUD, message)


def named(names: list[str]) -> str:
    """Return names for a sentence, not too many.

    >>> named(["a", "b", "c", "d", "e", "f", "g"])
    'a, b, c, d, e and 2 more'
    """
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{', '.join(names[:_FEW])}{more}"
