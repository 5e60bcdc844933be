"""Taking one change of the intent back and keeping what came after it: a three-way merge, inverted. Pure.

Given the intent before an operation, after it, and now, `take_back` returns the intent without what the
operation changed, or says where somebody has changed the same thing again. Walks the specs as `comparing`
does: named parts by name, fields one by one, rules and taints as sets of items.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Final

import msgspec

from .comparing import KNOWN_BY, NOUNS
from .model import ClusterSpec, Image, Placement, Size, Spec, canonical

_WHOLE: Final = (Size, Image, Placement)
"""Values rather than parts: what they say and a cloud's own name for it belong together."""


class _Absent:
    """What stands for a part that is not there."""

    def __repr__(self) -> str:
        return "absent"


_ABSENT: Final = _Absent()


class Clash(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that was changed again since: `part` is ``pool workers``, or ``cluster``; `field` is in it.

    `was` before the operation, `made` by it, `now`; None where there was or is nothing. An empty `field`
    is the whole part.
    """

    part: str
    field: str = ""
    was: Any = None
    made: Any = None
    now: Any = None

    def __str__(self) -> str:
        return f"{self.part}: {self.field}" if self.field else self.part


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of it: where nothing clashes, `spec` is the intent without the operation's changes."""

    spec: ClusterSpec
    clashes: tuple[Clash, ...] = ()


def take_back(before: ClusterSpec, after: ClusterSpec, now: ClusterSpec) -> Merge:
    """Return what is declared `now` with that taken back which an operation changed from `before` to `after`.

    What is already as it was before is left as it is. What was changed to yet another value is a clash,
    and is kept as it is now.
    """
    walk = _Walk()
    merged = walk.struct("cluster", "", canonical(before), canonical(after), canonical(now))
    return Merge(spec=canonical(merged), clashes=tuple(walk.clashes))


class _Walk:
    """One walk through three specs at once. `was` is before the operation, `made` after it."""

    def __init__(self) -> None:
        self.clashes: list[Clash] = []

    def struct(self, part: str, path: str, was: Any, made: Any, now: Any) -> Any:
        changes = {
            name: self.value(
                part,
                f"{path}.{name}" if path else name,
                getattr(was, name),
                getattr(made, name),
                getattr(now, name),
            )
            for name in now.__struct_fields__
        }
        return msgspec.structs.replace(now, **changes)

    def value(self, part: str, path: str, was: Any, made: Any, now: Any) -> Any:
        """Return what the value is to be."""
        if was in (made, now):  # the operation has nothing to do with it, or it is taken back already
            return now
        if now == made:
            return was
        three = (was, made, now)
        if all(isinstance(item, Spec) and not isinstance(item, _WHOLE) for item in three):
            return self.struct(part, path, *three)
        if all(isinstance(item, dict) for item in three):
            return dict(self.named(part, path, *three))
        if all(isinstance(item, tuple) for item in three):
            return self.items(part, path, *three)
        return self.clash(part, path, *three)

    def items(
        self, part: str, path: str, was: tuple[Any, ...], made: tuple[Any, ...], now: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """Merge what stands in a row and means none: by its key, or as a set where it has none."""
        key = KNOWN_BY.get(_type((was + made + now)[0]), "")
        if key:
            by_key = ({getattr(item, key): item for item in items} for items in (was, made, now))
            return tuple(item for _, item in self.named(part, path, *by_key))
        put = [item for item in made if item not in was]
        taken = [item for item in was if item not in made]
        replaced_again = put and any(item not in now for item in put)
        if replaced_again and any(item not in now for item in taken):
            return tuple(self.clash(part, path, was, made, now))
        kept = [item for item in now if item not in put]
        return (*kept, *(item for item in taken if item not in kept))

    def named(
        self,
        part: str,
        path: str,
        was: Mapping[Hashable, Any],
        made: Mapping[Hashable, Any],
        now: Mapping[Hashable, Any],
    ) -> Iterator[tuple[Hashable, Any]]:
        """Merge what is known by a key."""
        for key in dict.fromkeys((*now, *was, *made)):
            three = [items.get(key, _ABSENT) for items in (was, made, now)]
            noun = next((NOUNS[_type(item)] for item in three if _type(item) in NOUNS), "")
            where, inside = (f"{noun} {key}", "") if noun else (part, f"{path}[{key}]")
            found = self.value(where, inside, *three)
            if not isinstance(found, _Absent):
                yield key, found

    def clash(self, part: str, path: str, was: Any, made: Any, now: Any) -> Any:
        values = [None if isinstance(item, _Absent) else item for item in (was, made, now)]
        self.clashes.append(Clash(part=part, field=path, was=values[0], made=values[1], now=values[2]))
        return now


def _type(value: object) -> type[Any]:
    return type(value)
