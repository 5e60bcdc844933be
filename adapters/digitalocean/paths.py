"""Places at DigitalOcean: end points that may be given the token, and ids as parts of a path. Pure."""

from ..transport import places
from .answers import PROVIDER

DEFAULT_END_POINT = "https://api.digitalocean.com/v2/"


def segment(text: str, what: str) -> str:
    """Return an id as a part of a path. Raises `ResourceMissing` for what cannot be an id."""
    return places.segment(PROVIDER, text, what)


def number(text: str, what: str) -> int:
    """Return an id that must be a number. Raises `ResourceMissing` for what cannot be one."""
    return places.number(PROVIDER, text, what)


def checked_end_point(text: str) -> str:
    """Return an end point with its trailing slash (without it, urljoin would drop ``v2``).

    Raises `InvalidInput` unless it is https, or http to this machine: a token must not travel in clear.
    """
    checked = places.checked_end_point(text, "DIGITALOCEAN_END_POINT", DEFAULT_END_POINT)
    return checked if checked.endswith("/") else f"{checked}/"
