"""Terms: what an event is found by. One inverted index answers every filter, alone and together.

A term is a word of the event, or a mark: ``(c:7`` its cluster, ``(o:7.42`` its operation, ``(t:scale`` the
kind of that as far as it was told by then, ``(a:ada`` who, ``(k:^step^failed`` the kind, ``(f:intent`` that
it says what is wanted, ``(r:server/workers-0`` and ``(r:server`` what it is about. Words never begin with a
bracket (`subjects.words_of`): the two do not meet.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from ...domain.events import Event, Recorded, tag_of
from ...domain.subjects import line_of_words

INTENT: Final = "(f:intent"
_SAFE: Final = "./_-"
_CAPITALS: Final = {ord(letter): f"^{letter.lower()}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_LONGEST_MARK: Final = 200


@lru_cache(maxsize=1 << 14)
def mark(letter: str, value: str) -> str:
    """Return the mark of an exact value: whatever is in it, one term in ASCII without capitals.

    >>> mark("a", "Ada Lovelace"), mark("k", "StepFailed")
    ('(a:^ada%20^lovelace', '(k:^step^failed')
    """
    written = quote(value, safe=_SAFE).translate(_CAPITALS)
    if len(written) > _LONGEST_MARK:
        written = f"{written[: _LONGEST_MARK - 65]}~{sha256(value.encode()).hexdigest()}"
    return f"({letter}:{written}"


@lru_cache(maxsize=1 << 10)
def _marks_of_operation(cluster: int, operation: int, kind: str, actor: str) -> str:
    marks = ("c", str(cluster)), ("o", f"{cluster}.{operation}"), ("t", kind), ("a", actor)
    return " ".join(mark(letter, value) for letter, value in marks)


@lru_cache
def _marks_of_kind(kind: type[Event]) -> str:
    found = f" {mark('k', tag_of(kind))}"
    return f"{found} {INTENT}" if kind.FAMILY == "intent" else found


@lru_cache(maxsize=1 << 12)
def _marks_of_resource(resource: str) -> str:
    """Return the marks of what an event is about, and of the kind of that."""
    if not resource:
        return ""
    kind, named, _ = resource.partition("/")
    return f" {mark('r', resource)} {mark('r', kind)}" if named else f" {mark('r', kind)}"


def line(recorded: Recorded, cluster: int, kind: str, resource: str) -> str:
    """Return an event's terms with spaces between them, some of them more than once.

    `cluster` is its stream's number, `kind` that of its operation, `resource` what it is about.
    """
    return (
        _marks_of_operation(cluster, recorded.operation, kind, recorded.actor)
        + _marks_of_kind(type(recorded.event))
        + _marks_of_resource(resource)
        + line_of_words(recorded)
    )


def terms(recorded: Recorded, cluster: int, kind: str, resource: str) -> list[str]:
    """Return the terms of `line`, sorted, each once."""
    return sorted(set(line(recorded, cluster, kind, resource).split(" ")))
