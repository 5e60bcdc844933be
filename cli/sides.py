"""The two sides of a comparison, as they are typed: files, clusters, moments of them, ``live``.

A word that begins with a letter is a cluster where it stands first, also if it could be a moment, such as
``e17`` or ``live``; behind a cluster it is the moment. Eight hex digits after ``@`` are a cluster.
"""

import re
from collections.abc import Sequence
from datetime import tzinfo
from typing import Final, NamedTuple

from ..engine.domain.refs import Live, Now, Qualified, parse_qualified, parse_ref
from ..engine.errors import InvalidInput
from .exporting import is_file

_BARE: Final = re.compile(r"[@#0-9].*", re.DOTALL)
_WORDS: Final = re.compile(r"live|now|yesterday|e\d+", re.ASCII)
_ADVICE: Final = (
    "kubisnap diff CLUSTER REF REF, kubisnap diff CLUSTER@REF CLUSTER@REF, kubisnap diff FILE CLUSTER"
)


class File(NamedTuple):
    """A snapshot archive, by whatever it can be named."""

    text: str


Side = File | Qualified
"""A cluster without a name is the only one of the store."""


def sides_of(words: Sequence[str], *, now: int, zone: tzinfo) -> tuple[Side, Side]:
    """Return what is to be compared: what was before, and what came after. Raises `InvalidInput`.

    One cluster is compared with its cloud, a moment of it with how it is now.
    """
    if len(words) > 3:
        raise InvalidInput("REF", "two sides are compared, not more", advice=_ADVICE)
    sides: list[Side] = []
    bare: list[bool] = []
    for word in words:
        context = next((side.cluster for side in sides if isinstance(side, Qualified)), "")
        bare.append(_is_bare(word, first=not sides))
        sides.append(
            Qualified(context, parse_ref(word, now=now, zone=zone)) if bare[-1] else _named(word, now, zone)
        )
    plain = bool(words) and isinstance(sides[0], Qualified) and sides[0].cluster == words[0]
    if not sides:
        return _alone(Qualified(""))
    if len(sides) == 1 or (len(sides) == 2 and plain and bare[1]):
        return _alone(sides[-1])
    if len(sides) == 3 and not (plain and bare[1] and bare[2]):
        raise InvalidInput("REF", "the first of three is the cluster of two moments", advice=_ADVICE)
    return sides[-2], sides[-1]


def _alone(side: Side) -> tuple[Side, Side]:
    """Return what a single side is compared with: a moment with how it is now, that with its cloud."""
    if isinstance(side, File):
        raise InvalidInput("FILE", f"{side.text} is to be compared with what?", advice=_ADVICE)
    if isinstance(side.ref, Now | Live):
        return Qualified(side.cluster), Qualified(side.cluster, Live())
    return side, Qualified(side.cluster)


def _is_bare(word: str, *, first: bool) -> bool:
    """Tell a moment that stands alone from a cluster, or a file."""
    if _is_archive(word):
        return False
    return bool(_BARE.fullmatch(word)) or (not first and bool(_WORDS.fullmatch(word)))


def _is_archive(word: str) -> bool:
    return word == "-" or word.startswith(("snap:", "s3://")) or word.endswith(".ksnap")


def _named(word: str, now: int, zone: tzinfo) -> Side:
    if _is_archive(word) or ("@" not in word and "#" not in word and is_file(word)):
        return File(word)
    try:
        return parse_qualified(word, now=now, zone=zone)
    except InvalidInput:
        if is_file(word):  # a path may have such signs in it, too
            return File(word)
        raise
