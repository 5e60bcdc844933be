"""Addresses of stores, and what of them may be shown: a password never is."""

from urllib.parse import parse_qsl, quote, urlencode

from ..errors import InvalidInput

_SHOWN = ("host", "hostaddr", "port", "dbname", "user", "service", "sslmode", "options")
"""Parts of a query that help to know a store again. What else may stand there may be a secret."""
_SCHEMES = ("postgresql", "postgres")


def is_postgres(url: str) -> bool:
    """Tell whether an address names a PostgreSQL server.

    >>> is_postgres("postgresql://db/k"), is_postgres("postgres:///k"), is_postgres("sqlite:///k")
    (True, True, False)
    """
    return url.startswith(tuple(f"{scheme}://" for scheme in _SCHEMES))


def shown(url: str) -> str:
    """Return an address without what may be secret in it, whether it can be read or not.

    >>> shown("postgresql://ada:secret@db:5433/k?sslmode=require&sslpassword=secret")
    'postgresql://ada@db:5433/k?sslmode=require'
    >>> shown("postgresql://ada:s/e@c@db/k"), shown("postgresql://db?password=a@b")
    ('postgresql://ada@db/k', 'postgresql://…')
    """
    scheme, found, rest = url.partition("://")
    if not found or scheme in {"sqlite", "file"}:
        return url
    head, _, query = rest.partition("?")
    if "@" in query:  # a password with a question mark, or one in the query: nobody can tell where it ends
        return f"{scheme}://…"
    credentials, at, place = head.rpartition("@")
    known = [(name, value) for name, value in parse_qsl(query) if name in _SHOWN]
    words = urlencode(known, quote_via=quote, safe="/:,=")
    return f"{scheme}://{credentials.partition(':')[0]}{at}{place}{'?' if known else ''}{words}"


def no_store(url: str) -> InvalidInput:
    """Return what to tell of an address that is none."""
    return InvalidInput(
        "--store",
        f"{shown(url)!r} is not a store",
        advice="for example sqlite:///PATH, or postgresql://USER@HOST/DATABASE for a team",
    )
