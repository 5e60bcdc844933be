"""Lists of names for people. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 20


def some(names: Iterable[str], *, like: str = "") -> str:
    """Return names with commas between; of very many those `like` one, or the first, and how many more."""
    found = sorted(set(names))
    if len(found) <= _MOST:
        return ", ".join(found)
    shown = sorted(get_close_matches(like, found, n=_MOST // 2, cutoff=0.4)) if like else found[:_MOST]
    shown = shown or found[:_MOST]
    return f"{', '.join(shown)} and {len(found) - len(shown)} more"
