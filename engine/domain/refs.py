"""References: how a moment of a cluster's history is named. One grammar, read and printed here. Pure.

A moment is named by a place in the log (``@-``, ``#42``, ``e17``, ``snap:ab12``), by a time, or as
``live``, which is what the cloud shows. `parse_ref` reads one, `parse_qualified` one behind the name of
a cluster. Both raise `InvalidInput`, and nothing else, for every text that is not a reference.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NoReturn

import msgspec

from ..errors import InvalidInput
from .wall_times import Impossible, ago_in, time_in

FORMS: Final = (
    "@ now, @- or @-3 operations back, #42 an operation, e17 an event, snap:ab12, snap:latest, live\n"
    "2h, 1h30m, 3d, 2w, 6mo, 1y, yesterday, '2 days ago'\n"
    "2026-08-01, 2026-08-01T14:30, 2026-08-01T14:30Z, ...+02:00, 2026-08-01T09:30[Europe/Berlin]"
)
QUALIFIED_FORMS: Final = "CLUSTER, CLUSTER#42, CLUSTER@-3, CLUSTER@2h, CLUSTER@2026-08-01, CLUSTER@live"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BACK = re.compile(r"@-(\d{0,9})", re.ASCII)
_OPERATION = re.compile(r"#(\d{1,9})", re.ASCII)
_EVENT = re.compile(r"e(\d{1,13})", re.ASCII)
_SNAPSHOT = re.compile(r"snap:(latest|[0-9a-f]{4,64})")
_CLUSTER = re.compile(r"([a-z][a-z0-9-]*(?:@[0-9a-f]{8}(?![^@#]))?)(?:(#.*)|@(.*))?", re.DOTALL)
_ABOUT: Final = "write 2h for two hours ago, #2 for operation 2, e2 for event 2"


class Now(msgspec.Struct, frozen=True):
    """The newest state that the log knows."""

    def __str__(self) -> str:
        return "@"


class Back(msgspec.Struct, frozen=True):
    """So many operations before the newest one: what `count` of them did is not there yet."""

    count: int

    def __str__(self) -> str:
        return f"@-{self.count}"


class ByOperation(msgspec.Struct, frozen=True):
    """After the last event of an operation."""

    number: int

    def __str__(self) -> str:
        return f"#{self.number}"


class ByEvent(msgspec.Struct, frozen=True):
    """After the event at a position of the cluster's log, which counts from 1."""

    position: int

    def __str__(self) -> str:
        return f"e{self.position}"


class BySnapshot(msgspec.Struct, frozen=True):
    """As it was captured: hex digits that the snapshot's digest begins with, or ``latest``."""

    digest: str

    def __str__(self) -> str:
        return f"snap:{self.digest}"


class ByTime(msgspec.Struct, frozen=True):
    """A moment in time, in microseconds since 1970 UTC."""

    time: int

    def __str__(self) -> str:
        moment = _EPOCH + timedelta(microseconds=self.time)
        return moment.replace(tzinfo=None).isoformat() + "Z"


class Live(msgspec.Struct, frozen=True):
    """What the cloud shows now, which no log says."""

    def __str__(self) -> str:
        return "live"


Ref = Now | Back | ByOperation | ByEvent | BySnapshot | ByTime | Live
LoggedRef = Now | Back | ByOperation | ByEvent | BySnapshot | ByTime
"""A reference to something that the log knows."""


class Qualified(msgspec.Struct, frozen=True):
    """A moment of one cluster. `cluster` is a name, or ``web@1a2b3c4d`` for an earlier one of it."""

    cluster: str
    ref: Ref = Now()

    def __str__(self) -> str:
        if isinstance(self.ref, Now):
            return self.cluster
        text = str(self.ref)
        return f"{self.cluster}{text}" if text.startswith(("#", "@")) else f"{self.cluster}@{text}"


def parse_ref(text: str, *, now: int, zone: tzinfo, field: str = "REF") -> Ref:
    """Return what a text refers to. Raises `InvalidInput` where it names nothing.

    `now` is in microseconds since 1970 UTC and is what durations count back from; `zone` is where a
    time without one is meant. `field` is what the error calls the text.
    """
    return _simple(text, field) or ByTime(_instant(text, now, zone, field))


def parse_logged_ref(text: str, *, now: int, zone: tzinfo, field: str = "--as-of") -> LoggedRef:
    """Return what a text refers to in a log: anything but ``live``. Raises `InvalidInput`."""
    ref = parse_ref(text, now=now, zone=zone, field=field)
    if isinstance(ref, Live):
        raise InvalidInput(
            field,
            "live is what the cloud shows, not a moment of the log",
            advice="kubisnap diff CLUSTER live",
        )
    return ref


def parse_qualified(text: str, *, now: int, zone: tzinfo, field: str = "REF") -> Qualified:
    """Return a cluster and a moment of it: ``web``, ``web#42``, ``web@-3``, ``web@2h``, ``web@live``.

    Eight hex digits after the ``@`` are an earlier cluster of that name, never a moment; a moment of
    that one stands after them: ``web@1a2b3c4d#2``. Raises `InvalidInput`.
    """
    match = _CLUSTER.fullmatch(text)
    if match is None:
        raise InvalidInput(field, f"{text!r} names no cluster", advice=QUALIFIED_FORMS)
    cluster, operation, rest = match.groups()
    if operation is not None:
        return Qualified(cluster, parse_ref(operation, now=now, zone=zone, field=field))
    if rest is None:
        return Qualified(cluster)
    if not rest or rest.startswith(("@", "#", "snap:")):
        raise InvalidInput(field, f"{text!r} names no moment of {cluster}", advice=QUALIFIED_FORMS)
    moment = f"@{rest}" if rest.startswith("-") else rest
    return Qualified(cluster, parse_ref(moment, now=now, zone=zone, field=field))


def _simple(text: str, field: str) -> Ref | None:
    """Return a reference that is no time, or None."""
    words: dict[str, Ref] = {"@": Now(), "now": Now(), "live": Live()}
    if text in words:
        return words[text]
    if match := _SNAPSHOT.fullmatch(text):
        return BySnapshot(match[1])
    counted: tuple[tuple[re.Pattern[str], Callable[[int], Ref]], ...] = (
        (_BACK, Back),
        (_OPERATION, ByOperation),
        (_EVENT, ByEvent),
    )
    for pattern, make in counted:
        if match := pattern.fullmatch(text):
            return make(_from_one(match[1] or "1", text, field))
    return None


def _from_one(digits: str, text: str, field: str) -> int:
    number = int(digits)
    if number == 0:
        raise InvalidInput(field, f"{text!r}: operations and events are counted from 1", advice=FORMS)
    return number


def _instant(text: str, now: int, zone: tzinfo, field: str) -> int:
    """Return the time that a text means. Raises `InvalidInput`."""
    present = _EPOCH + timedelta(microseconds=now)
    try:
        found = ago_in(text, present, zone)
        if found is None:
            found = time_in(text, zone)
    except Impossible as error:
        raise InvalidInput(field, f"{text!r}: {error.problem}", advice=error.advice or FORMS) from error
    if found is None:
        _refuse(text, field)
    if found > present:
        raise InvalidInput(field, f"{text!r} is in the future", advice="@ is the newest state")
    return (found - _EPOCH) // timedelta(microseconds=1)


def _refuse(text: str, field: str) -> NoReturn:
    if text.isdecimal():
        raise InvalidInput(field, f"{text!r} is a bare number", advice=_ABOUT)
    raise InvalidInput(field, f"{text!r} is no moment", advice=FORMS)
