"""What an event is about, and the words in it: what an audit log is searched by. Pure."""

from functools import singledispatch
from typing import Final

from . import events as ev
from .wording import LONGEST_WORD, MOST_WORDS, first_words, line, split, word, words_of

__all__ = [
    "CLUSTER",
    "LONGEST_WORD",
    "MOST_WORDS",
    "line_of_words",
    "split",
    "subject",
    "word",
    "words",
    "words_of",
]

CLUSTER: Final = "cluster"
"""The subject of what concerns the cluster as a whole."""


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
    more in it are words, too, if it is not longer than 32: ``workers-0`` is found by that, and by
    ``workers``. The operator's why is among those of the event that starts the operation; numbers of
    steps are not among them.
    """
    return set(line_of_words(recorded).split())


def line_of_words(recorded: ev.Recorded) -> str:
    """Return the words of an event, each with a space before it; some are there more than once."""
    event = recorded.event
    found = line(ev.tag_of(event)) + line(event)
    if isinstance(event, ev.OperationStarted):
        found += line(recorded.reason)
    return found if len(found) <= 2 * MOST_WORDS else " ".join(("", *first_words(found.split(" ")[1:])))
