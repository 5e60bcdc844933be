"""What an event is about, and the words in it: what an audit log is searched by. Pure."""

import re
from functools import lru_cache, singledispatch
from itertools import chain
from typing import Any, Final

import msgspec

from . import events as ev

CLUSTER: Final = "cluster"
"""The subject of what concerns the cluster as a whole."""

_fields = msgspec.structs.astuple

MOST_WORDS: Final = 2_000
"""Of an event with more of them the first count: PostgreSQL holds no more than a MiB of words."""
LONGEST_WORD: Final = 80
"""Of a longer one (a key, a token of some cloud) its beginning counts."""

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
    event = recorded.event
    texts = [ev.tag_of(event)]
    _gather(event, texts)
    if isinstance(event, ev.OperationStarted):
        texts.append(recorded.reason)
    return words_of(" ".join(texts))


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
    found = dict.fromkeys(chain.from_iterable(map(_of_one, split(text))))
    return set(found) if len(found) <= MOST_WORDS else set(list(found)[:MOST_WORDS])


@lru_cache(maxsize=1 << 15)
def _of_one(text: str) -> tuple[str, ...]:
    whole = text.casefold().strip(_EDGES)
    if whole.isalpha() or not whole:
        return (whole[:LONGEST_WORD],) if whole else ()
    return (whole[:LONGEST_WORD], *(piece[:LONGEST_WORD] for piece in _LETTERS.findall(whole)))


def _gather(value: Any, texts: list[str]) -> None:
    """Add every text and number in a value; names of fields are not among them, keys of maps are."""
    kind = type(value)
    if kind is str or isinstance(value, str):
        texts.append(value)
    elif kind is tuple or isinstance(value, tuple):
        for item in value:
            _gather(item, texts)
    elif isinstance(value, msgspec.Struct):
        for item in _fields(value):
            if item:
                _gather(item, texts)
    elif kind is dict:
        for pair in value.items():
            _gather(pair, texts)
    elif kind is int or kind is float:
        texts.append(str(value))
