"""What an event is about, and the words in it: what an audit log is searched by. Pure."""

import re
from collections.abc import Iterable
from functools import singledispatch
from itertools import chain, islice
from typing import Final

from . import events as ev
from .values import add_values

CLUSTER: Final = "cluster"
"""The subject of what concerns the cluster as a whole."""

MOST_WORDS: Final = 2_000
"""Of an event with more of them the first count: PostgreSQL holds no more than a MiB of words."""
LONGEST_WORD: Final = 80
"""Of a longer one (a key, a token of some cloud) its beginning counts."""

_PLAIN: Final = re.compile(r"[a-z0-9](?:[a-z0-9./_-]{0,78}[a-z0-9])?", re.ASCII)
"""A text that is one word, as long as a word may be."""
_SHORT: Final = 120
_REMEMBERED: Final = 1 << 15
"""So many texts that are not longer than `_SHORT`, with their words, are some megabytes."""
_LETTERS: Final = re.compile(r"[^\W\d_]{3,}")
_SPACES: Final = dict.fromkeys((*range(32), 127, ord('"'), ord("'")), " ")
"""What stands between words beside spaces: controls and quotes."""
_EDGES: Final = "`.,;:!?()[]{}<>“”‘’…"


def subject(event: ev.Event) -> str:
    """Return what an event is about, ``firewall/web``; empty where it is about an operation or a step.

    The subject of a step's outcome is that of its start.
    """
    key = getattr(event, "key", None)
    return str(key) if key is not None else _subject(event)


@singledispatch
def _subject(event: ev.Event) -> str:
    del event
    return ""


@_subject.register
def _(event: ev.NetworkDeclared) -> str:
    return f"network/{event.network.name}"


@_subject.register
def _(event: ev.SshKeyDeclared) -> str:
    return f"ssh-key/{event.ssh_key.name}"


@_subject.register
def _(event: ev.FirewallDeclared) -> str:
    return f"firewall/{event.firewall.name}"


@_subject.register
def _(event: ev.ServerPoolDeclared) -> str:
    return f"pool/{event.pool.name}"


@_subject.register
def _(event: ev.ServerPoolScaled) -> str:
    return f"pool/{event.pool}"


@_subject.register
def _(event: ev.LoadBalancerDeclared) -> str:
    return f"load-balancer/{event.load_balancer.name}"


@_subject.register
def _(event: ev.VolumeDeclared) -> str:
    return f"volume/{event.volume.name}"


@_subject.register
def _(event: ev.ReservedIpDeclared) -> str:
    return f"reserved-ip/{event.reserved_ip.name}"


@_subject.register
def _(event: ev.PartWithdrawn) -> str:
    return f"{event.part}/{event.name}"


@_subject.register(ev.ClusterDeclared)
@_subject.register(ev.KubernetesVersionDeclared)
@_subject.register(ev.ClusterRetired)
@_subject.register(ev.RetirementWithdrawn)
@_subject.register(ev.DriftPolicyDeclared)
def _(event: ev.Event) -> str:
    del event
    return CLUSTER


def words(recorded: ev.Recorded) -> set[str]:
    """Return the words of an event, in lower case: its kind's, and those of all its texts and numbers.

    A word is what stands between spaces, without the punctuation around it; runs of three letters and
    more in it are words, too: ``workers-0`` is found by that, and by ``workers``. The operator's why is
    among those of the event that starts the operation.
    """
    return set(line_of_words(recorded).split(" "))


def line_of_words(recorded: ev.Recorded) -> str:
    """Return the words of an event with spaces between them; some are there more than once."""
    event = recorded.event
    values: list[str | int] = [ev.tag_of(event)]
    add_values(event, values)
    if isinstance(event, ev.OperationStarted):
        values.append(recorded.reason)
    found = " ".join(filter(None, map(_words_in.__getitem__, values)))
    return found if len(found) < 2 * MOST_WORDS else " ".join(_first(found.split(" ")))


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


def _in_order(text: str) -> Iterable[str]:
    return _first(chain.from_iterable(map(_of_one, split(text))))


def _first(found: Iterable[str]) -> Iterable[str]:
    """Return each word once, and no more of them than are counted."""
    return islice(dict.fromkeys(found), MOST_WORDS)


def _of_one(text: str) -> tuple[str, ...]:
    whole = text.casefold().strip(_EDGES)
    if whole.isalpha() or not whole:
        return (whole[:LONGEST_WORD],) if whole else ()
    return (whole[:LONGEST_WORD], *(piece[:LONGEST_WORD] for piece in _LETTERS.findall(whole)))


class _Words(dict[str | int, str]):
    """The words in short texts and in numbers, with spaces between them: most values come again and again."""

    def __missing__(self, value: str | int) -> str:
        if not isinstance(value, str):
            found = str(value)
        elif _PLAIN.fullmatch(value):  # ids and addresses, most of what is new
            found = value if value.isalpha() else " ".join((value, *_LETTERS.findall(value)))
        else:
            found = " ".join(_in_order(value))
        if len(found) <= _SHORT:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[value] = found
        return found


_words_in: Final = _Words()
