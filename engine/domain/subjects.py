"""What an event is about, and the words in it: what an audit log is searched by. Pure."""

from collections.abc import Callable, Mapping
from operator import attrgetter
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


_PARTS: Final[Mapping[type[ev.Event], tuple[str, Callable[[ev.Event], str]]]] = {
    ev.NetworkDeclared: ("network", attrgetter("network.name")),
    ev.SshKeyDeclared: ("ssh-key", attrgetter("ssh_key.name")),
    ev.FirewallDeclared: ("firewall", attrgetter("firewall.name")),
    ev.ServerPoolDeclared: ("pool", attrgetter("pool.name")),
    ev.ServerPoolScaled: ("pool", attrgetter("pool")),
    ev.LoadBalancerDeclared: ("load-balancer", attrgetter("load_balancer.name")),
    ev.VolumeDeclared: ("volume", attrgetter("volume.name")),
    ev.ReservedIpDeclared: ("reserved-ip", attrgetter("reserved_ip.name")),
}
"""What declares a part: the kind of the part, and where its name is. Other intents are the cluster's."""


def subject(event: ev.Event) -> str:
    """Return what an event is about, ``firewall/web``; empty where it is about an operation or a step.

    The subject of a step's outcome is that of its start.
    """
    key = getattr(event, "key", None)
    if key is not None:
        return str(key)
    part = _PARTS.get(type(event))
    if part is not None:
        kind, name = part
        return f"{kind}/{name(event)}"
    if isinstance(event, ev.PartWithdrawn):
        return f"{event.part}/{event.name}"
    return CLUSTER if isinstance(event, ev.Intent) else ""


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
