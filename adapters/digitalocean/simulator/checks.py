"""Reading fields out of a request's body, refusing with 422 what has the wrong shape.

`null` counts as not given, as the real API is believed to treat it: its clients send it everywhere.
"""

import re

from .wire import JsonObject, unprocessable

TAG_PATTERN = re.compile(r"[a-zA-Z0-9_\-:]{1,255}")


def text(body: JsonObject, field: str, *, default: str | None = None, longest: int = 255) -> str:
    """A string field; required when there is no default."""
    value = body.get(field)
    if value is None:
        if default is None:
            raise unprocessable(f"{field} is required")
        return default
    if not isinstance(value, str) or len(value) > longest:
        raise unprocessable(f"{field} must be a string of at most {longest} characters")
    return value


def number(body: JsonObject, field: str, *, low: int, high: int, default: int | None = None) -> int:
    """A whole number within limits; required when there is no default."""
    value = body.get(field)
    if value is None:
        if default is None:
            raise unprocessable(f"{field} is required")
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise unprocessable(f"{field} must be a whole number between {low} and {high}")
    return value


def flag(body: JsonObject, field: str, *, default: bool = False) -> bool:
    """A boolean field."""
    value = body.get(field)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise unprocessable(f"{field} must be true or false")
    return value


def texts(body: JsonObject, field: str) -> tuple[str, ...]:
    """A list of strings; empty when not given. Repeats are dropped."""
    value = body.get(field)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise unprocessable(f"{field} must be a list of strings")
    return tuple(dict.fromkeys(value))


def numbers(body: JsonObject, field: str) -> tuple[int, ...]:
    """A list of whole numbers; empty when not given. Repeats are dropped."""
    value = body.get(field)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(i, int) and not isinstance(i, bool) for i in value):
        raise unprocessable(f"{field} must be a list of whole numbers")
    return tuple(dict.fromkeys(value))


def objects(body: JsonObject, field: str) -> tuple[JsonObject, ...]:
    """A list of JSON objects; empty when not given."""
    value = body.get(field)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise unprocessable(f"{field} must be a list of objects")
    return tuple(value)


def mapping(body: JsonObject, field: str) -> JsonObject:
    """A JSON object; empty when not given."""
    value = body.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise unprocessable(f"{field} must be an object")
    return value
