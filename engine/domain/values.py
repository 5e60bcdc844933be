"""Every text and number in an event, fast: how to get at them is worked out once for each type. Pure.

Names of fields are not among them, keys of maps are. What a field does not say (empty, nought, false) is
left out.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Final, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

Values = list[str | int]
_Add = Callable[[Any, Values], None]


def add_values(value: Any, values: Values) -> None:
    """Add all texts and numbers in a value; a fraction as text."""
    _ADD[type(value)](value, values)


# ── by the type of a value ───────────────────────────────────────────────────────────────────


def _add_one(value: Any, values: Values) -> None:
    values.append(value)


def _add_as_text(value: Any, values: Values) -> None:
    values.append(str(value))


def _add_each(value: Iterable[Any], values: Values) -> None:
    for item in value:
        _ADD[type(item)](item, values)


def _add_pairs(value: dict[Any, Any], values: Values) -> None:
    _add_each(value, values)
    _add_each(value.values(), values)


def _add_none(value: Any, values: Values) -> None:
    del value, values


class _Adders(dict[type, _Add]):
    """What adds a value of a type, worked out when the first one is met."""

    def __missing__(self, kind: type) -> _Add:
        self[kind] = found = _adder(kind)
        return found


_ADD: Final = _Adders()


def _adder(kind: type) -> _Add:
    if kind is int or issubclass(kind, str):
        return _add_one
    if kind is float:
        return _add_as_text
    if issubclass(kind, msgspec.Struct):
        return _adder_of_struct(_fields(kind, ""))
    if issubclass(kind, tuple):
        return _add_each
    return _add_pairs if kind is dict else _add_none


# ── by the types of a struct's fields ────────────────────────────────────────────────────────


class _Fields(NamedTuple):
    """Where in a struct things are: dotted names of fields. `plain` are texts and numbers at any depth.

    `lists` are tuples of such, `maps` have texts as keys and values, `others` are to be looked at by what
    they turn out to be.
    """

    plain: list[str]
    lists: list[str]
    maps: list[str]
    others: list[str]


def _fields(kind: type, before: str) -> _Fields:
    found = _Fields([], [], [], [])
    for name, declared in get_type_hints(kind).items():
        if name.isupper():  # of the class, not of its instances
            continue
        path = f"{before}{name}"
        if _is_plain(declared):
            found.plain.append(path)
        elif get_origin(declared) is tuple and _is_plain(get_args(declared)[0]):
            found.lists.append(path)
        elif get_origin(declared) is dict and all(map(_is_text, get_args(declared))):
            found.maps.append(path)
        elif _has_fields(declared):
            for some, inside in zip(found, _fields(declared, f"{path}."), strict=True):
                some.extend(inside)
        elif declared is not bool:
            found.others.append(path)
    return found


def _is_plain(declared: Any) -> bool:
    return declared is int or _is_text(declared)


def _is_text(declared: Any) -> bool:
    return isinstance(declared, type) and issubclass(declared, str)


def _has_fields(declared: Any) -> bool:
    """Whether it is a struct, or a tuple of texts with names."""
    if not isinstance(declared, type):
        return False
    if issubclass(declared, msgspec.Struct):
        return True
    named = issubclass(declared, tuple) and hasattr(declared, "_fields")
    return named and all(map(_is_text, get_type_hints(declared).values()))


def _adder_of_struct(fields: _Fields) -> _Add:
    """Return what adds the fields of a struct, without looking for those of sorts that it has not."""
    plain, lists, maps, others = map(_getter, fields)
    scarce = bool(fields.lists or fields.maps or fields.others)

    def add(value: Any, values: Values) -> None:
        values += filter(None, plain(value))
        if scarce:
            add_scarce(value, values)

    def add_scarce(value: Any, values: Values) -> None:
        for some in lists(value):
            values += some
        for pairs in maps(value):
            values += pairs
            values += pairs.values()
        for item in filter(None, others(value)):
            _ADD[type(item)](item, values)

    return add


def _getter(paths: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    match paths:
        case []:
            return _nothing
        case [path]:
            get = attrgetter(path)
            return lambda value: (get(value),)
        case _:
            return attrgetter(*paths)


def _nothing(value: Any) -> tuple[Any, ...]:
    del value
    return ()
