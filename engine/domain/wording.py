"""The words of a value, whatever it is made of. Pure, and fast: an index takes them from every event.

How to get at the texts and numbers of a type is worked out once; the words of a text are remembered, since
most of them come again. All functions return words in one line, each with a space before it; some are there
more than once.
"""

import re
from collections.abc import Callable, Iterable
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Final, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

MOST_WORDS: Final = 2_000
"""Of an event with more of them the first count: PostgreSQL holds no more than a MiB of words."""
LONGEST_WORD: Final = 80
"""Of a longer one (a key, a token of some cloud) its beginning counts."""

_PLAIN: Final = re.compile(r"[a-z0-9](?:[a-z0-9./_-]{0,78}[a-z0-9])?", re.ASCII)
"""A text that is one word, as long as a word may be."""
_LETTERS: Final = re.compile(r"[^\W\d_]{3,}")
_SPACES: Final = dict.fromkeys((*range(32), 127, ord('"'), ord("'")), " ")
"""What stands between words beside spaces: controls and quotes."""
_EDGES: Final = "`.,;:!?()[]{}<>“”‘’…"
_PIECED: Final = 32
"""Of a longer word (a UUID, a key) the letters in it say nothing."""
_SHORT: Final = 120
_REMEMBERED: Final = 1 << 15
"""So many texts that are not longer than `_SHORT`, with their words, are some megabytes."""

_Line = Callable[[Any], str]


# ── the words of a text ──────────────────────────────────────────────────────────────────────


def word(text: str) -> str:
    """Return one word as it is compared: without case, without punctuation around it, not too long."""
    return text.casefold().strip(_EDGES)[:LONGEST_WORD]


def split(text: str) -> list[str]:
    """Return what stands between spaces, controls and quotes."""
    return text.translate(_SPACES).split()


def words_of(text: str) -> set[str]:
    """Return the words of a text.

    >>> sorted(words_of("Port 443, from workers-0 (10.0.0.0/16)!"))
    ['10.0.0.0/16', '443', 'from', 'port', 'workers', 'workers-0']
    """
    return set(_in_order(text))


def first_words(found: Iterable[str]) -> Iterable[str]:
    """Return each word once, and no more of them than are counted."""
    return islice(dict.fromkeys(found), MOST_WORDS)


def _in_order(text: str) -> Iterable[str]:
    return first_words(chain.from_iterable(map(_of_one, split(text))))


def _of_one(text: str) -> tuple[str, ...]:
    whole = text.casefold().strip(_EDGES)
    if whole.isalpha() or len(whole) > _PIECED or not whole:
        return (whole[:LONGEST_WORD],) if whole else ()
    return (whole[:LONGEST_WORD], *(piece[:LONGEST_WORD] for piece in _LETTERS.findall(whole)))


class _Words(dict[str | int, str]):
    """The words in texts and in whole numbers but nought."""

    def __missing__(self, value: str | int) -> str:
        if not isinstance(value, str):
            found = f" {value}" if value else ""
        elif _PLAIN.fullmatch(value):  # ids and addresses, most of what is new
            alone = value.isalpha() or len(value) > _PIECED or not value.islower()
            found = f" {value}" if alone else " ".join(("", value, *_LETTERS.findall(value)))
        else:
            found = " ".join(("", *_in_order(value)))
        if len(found) <= _SHORT:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[value] = found
        return found


_of_plain: Final = _Words().__getitem__


# ── the words of a value, by its type ────────────────────────────────────────────────────────


def line(value: Any) -> str:
    """Return the words of all texts and numbers in a value. Names of fields are not among them.

    Keys of maps are. What a field does not say (empty, nought, false) is left out, and the numbers of steps.
    """
    return _LINES[type(value)](value)


def _of_texts(value: Iterable[str]) -> str:
    return "".join(map(_of_plain, value))


def _of_pairs_of_texts(value: dict[str, str]) -> str:
    return "".join(map(_of_plain, chain(value, value.values())))


def _of_number(value: float) -> str:
    return _of_plain(str(value))


def _of_each(value: Iterable[Any]) -> str:
    return "".join(map(line, value))


def _of_pairs(value: dict[Any, Any]) -> str:
    return _of_each(value) + _of_each(value.values())


def _of_nothing(value: Any) -> str:
    del value
    return ""


class _Lines(dict[type, _Line]):
    """What returns the words of a value of a type, worked out when the first one is met."""

    def __missing__(self, kind: type) -> _Line:
        self[kind] = found = _line_of(kind)
        return found


_LINES: Final = _Lines()


def _line_of(kind: type) -> _Line:
    if issubclass(kind, str):
        return _of_plain
    if kind is int or kind is float:
        return _of_number
    if issubclass(kind, msgspec.Struct):
        return _line_of_struct(_fields(kind, ""))
    if issubclass(kind, tuple):
        return _of_each
    return _of_pairs if kind is dict else _of_nothing


# ── the words of a struct, by its fields ─────────────────────────────────────────────────────


class _Fields(NamedTuple):
    """Where in a struct things are: dotted names of fields.

    `plain` are texts and whole numbers, at any depth of structs; `others` have what returns their words.
    """

    plain: list[str]
    others: list[tuple[str, _Line]]


def _fields(kind: type, before: str) -> _Fields:
    found = _Fields([], [])
    for name, declared in get_type_hints(kind).items():
        path = f"{before}{name}"
        if name.isupper() or name == "step" or declared is bool:  # of the class; or says nothing
            continue
        if declared is int or _is_text(declared):
            found.plain.append(path)
        elif _has_fields(declared):
            inside = _fields(declared, f"{path}.")
            found.plain.extend(inside.plain)
            found.others.extend(inside.others)
        else:
            found.others.append((path, _line_of_declared(declared)))
    return found


def _line_of_declared(declared: Any) -> _Line:
    """Return what returns the words of a field, fast where its type says enough."""
    made_of, inside = get_origin(declared), get_args(declared)
    if made_of is tuple and inside[1:] == (...,) and _is_text(inside[0]):
        return _of_texts
    if made_of is dict and all(map(_is_text, inside)):
        return _of_pairs_of_texts
    return line


def _is_text(declared: Any) -> bool:
    return isinstance(declared, type) and issubclass(declared, str)


def _has_fields(declared: Any) -> bool:
    """Whether it is a struct, or a tuple of texts with names."""
    if not isinstance(declared, type) or get_origin(declared) is not None:
        return False
    if issubclass(declared, msgspec.Struct):
        return True
    named = issubclass(declared, tuple) and hasattr(declared, "_fields")
    return named and all(map(_is_text, get_type_hints(declared).values()))


def _line_of_struct(fields: _Fields) -> _Line:
    plain = _getter(fields.plain)
    others = [(attrgetter(path), words) for path, words in fields.others]

    def of_plain(value: Any) -> str:
        return "".join(map(_of_plain, plain(value)))

    def of_all(value: Any) -> str:
        found = "".join(map(_of_plain, plain(value)))
        for get, words in others:
            item = get(value)
            if item:
                found += words(item)
        return found

    return of_all if others else of_plain


def _getter(paths: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what gets the values at the paths, always as a tuple."""
    match paths:
        case []:
            return lambda _: ()
        case [path]:
            get = attrgetter(path)
            return lambda value: (get(value),)
        case _:
            return attrgetter(*paths)
