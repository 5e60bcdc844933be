"""Terms: what an event is found by. One inverted index answers every filter, alone and together.

A term is a word of the event, or a mark: ``(c:7`` its cluster, ``(o:7.42`` its operation, ``(a:ada`` who,
``(k:^step^failed`` the kind, ``(f:intent`` that it says what is wanted, ``(r:server/workers-0`` and
``(r:server`` what it is about. Words never begin with a bracket (`subjects.words_of`): the two do not
meet.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from ...domain.events import Recorded, tag_of
from ...domain.subjects import words

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


def terms(recorded: Recorded, cluster: int, resource: str) -> list[str]:
    """Return an event's terms, sorted. `cluster` is its stream's number, `resource` what it is about."""
    event = recorded.event
    found = words(recorded)
    found.update(
        (
            mark("c", str(cluster)),
            mark("o", f"{cluster}.{recorded.operation}"),
            mark("a", recorded.actor),
            mark("k", tag_of(event)),
        )
    )
    if event.FAMILY == "intent":
        found.add(INTENT)
    if resource:
        found.add(mark("r", resource))
        found.add(mark("r", resource.partition("/")[0]))
    return sorted(found)
