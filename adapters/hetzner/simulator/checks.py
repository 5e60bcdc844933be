"""Reading fields out of a request's body, refusing with 422 what has the wrong shape."""

import re
from ipaddress import IPv4Network, ip_network

from .wire import JsonObject, invalid

_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,62}[a-zA-Z0-9])?")
HOST = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9.-]{0,61}[a-zA-Z0-9])?")
_KEY = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?")
_VALUE = re.compile(r"([a-zA-Z0-9]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?)?")
_PRIVATE = (IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"))


def text(body: JsonObject, field: str, *, default: str | None = None, longest: int = 255) -> str:
    """A string field; required when there is no default."""
    value = body.get(field)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or len(value) > longest or (default is None and not value):
        raise invalid(field)
    return value


def number(body: JsonObject, field: str, *, low: int = 1, high: int = 2**53 - 1) -> int:
    """A required whole number within limits."""
    value = body.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise invalid(field)
    return value


def flag(body: JsonObject, field: str, *, default: bool) -> bool:
    """A boolean field."""
    value = body.get(field, default)
    if not isinstance(value, bool):
        raise invalid(field)
    return value


def numbers(body: JsonObject, field: str) -> tuple[int, ...]:
    """A list of numbers; empty when not given."""
    value = body.get(field, [])
    if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
        raise invalid(field)
    return tuple(value)


def objects(body: JsonObject, field: str, *, most: int = 100) -> list[JsonObject]:
    """A list of objects; empty when not given."""
    value = body.get(field, [])
    if not isinstance(value, list) or len(value) > most or not all(isinstance(item, dict) for item in value):
        raise invalid(field)
    return value


def inner(body: JsonObject, field: str) -> JsonObject:
    """An object; empty when not given."""
    value = body.get(field, {})
    if not isinstance(value, dict):
        raise invalid(field)
    return value


def name(body: JsonObject) -> str:
    """A name."""
    value = text(body, "name", longest=64)
    if not _NAME.fullmatch(value):
        raise invalid("name")
    return value


def labels(body: JsonObject) -> dict[str, str]:
    """Labels, as they may be."""
    value = inner(body, "labels")
    for key, label in value.items():
        if not _KEY.fullmatch(key) or not isinstance(label, str) or not _VALUE.fullmatch(label):
            raise invalid("labels")
    return dict(value)


def private_range(value: str, field: str = "ip_range") -> IPv4Network:
    """A range of private addresses, without host bits."""
    try:
        network = IPv4Network(value)
    except ValueError:
        raise invalid(field) from None
    if not any(network.subnet_of(private) for private in _PRIVATE):
        raise invalid(field, "must be in a private range (RFC 1918)")
    return network


def cidrs(body: JsonObject, field: str) -> list[str]:
    """Ranges of addresses, IPv4 and IPv6, without host bits, in the one form of each; 100 at most."""
    value = body.get(field, [])
    if not isinstance(value, list) or len(value) > 100 or not all(isinstance(item, str) for item in value):
        raise invalid(field)
    try:
        return [str(ip_network(item)) for item in value]
    except ValueError:
        raise invalid(field) from None
