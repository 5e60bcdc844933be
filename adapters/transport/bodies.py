"""Bodies of requests and answers: JSON out, types in. Knows no cloud, as `connections` does not."""

from collections.abc import Mapping
from threading import Lock
from typing import Any, TypeVar

import msgspec

from ...engine.errors import Rejected
from .failures import Provider, unexpected

T = TypeVar("T")

_learning = Lock()
_learned: set[object] = set()


def encoded(provider: Provider, body: Mapping[str, Any]) -> bytes:
    """Return a request's body. Raises `Rejected` for text that cannot be sent."""
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:
        raise Rejected(provider.name, "the request holds text that is not Unicode") from error


def learn(into: object) -> None:
    """Let msgspec learn a type in one thread: two that meet at its first use crash the process (0.22)."""
    if into not in _learned:
        with _learning:
            msgspec.json.Decoder(into)
            _learned.add(into)


def converted(provider: Provider, data: object, into: type[T], *, write: bool) -> T:
    """Return an answer as a type. Raises what `unexpected` makes of one that does not fit."""
    learn(into)
    try:
        return msgspec.convert(data, into)
    except msgspec.ValidationError as error:
        raise unexpected(provider, str(error), write=write, shape=True) from error
