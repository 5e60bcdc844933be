"""Signs, colours, tables, times: the small change of all screens."""

from collections.abc import Sequence
from datetime import UTC, datetime

from ...engine.domain.times import ago, timestamp

_CODES = {"green": "32", "yellow": "33", "red": "31", "dim": "2", "bold": "1", "cyan": "36"}
_MINUTE, _HOUR = 60, 3600


def paint(text: str, color: str, *, on: bool) -> str:
    """Return the text in a colour; meaning never hangs on the colour alone."""
    return f"\x1b[{_CODES[color]}m{text}\x1b[0m" if on and text else text


def printable(text: str) -> str:
    """Return text from outside with control characters shown instead of sent to the terminal."""
    return "".join(
        char if char.isprintable() or char == " " else char.encode("unicode_escape").decode() for char in text
    )


def counted(count: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "server"), counted(0, "server")
    ('1 server', '0 servers')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str] = ()) -> str:
    """Return left-aligned columns, two spaces apart, nothing after the last."""
    lines = [list(header), *map(list, rows)] if header else [list(row) for row in rows]
    if not lines:
        return ""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def moment(microseconds: int, now: int, *, utc: bool) -> str:
    """Return a time for people: ``14 min ago``; with `utc`, and for what is to come, RFC 3339."""
    seconds = (now - microseconds) // 1_000_000
    if utc or seconds < 0:
        return timestamp(microseconds)
    return ago(seconds)


def rfc3339(microseconds: int) -> str:
    """Return a time in UTC with microseconds, as JSON carries it."""
    whole = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{microseconds % 1_000_000:06d}Z"


def duration(seconds: float) -> str:
    """Return a duration for people.

    >>> duration(0.42), duration(38.2), duration(75)
    ('0.4s', '38s', '1m15s')
    """
    if round(seconds, 1) < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02d}s"
    return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02d}m"


def size(count: int) -> str:
    """Return a number of bytes for people.

    >>> size(812), size(4_100_000)
    ('812 B', '4.1 MB')
    """
    value, unit = float(count), "B"
    for bigger in ("kB", "MB", "GB", "TB"):
        if round(value, 1) < 1000:
            break
        value, unit = value / 1000, bigger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
