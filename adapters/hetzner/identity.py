"""Whose account a token opens. Hetzner's API does not tell: no answer names the project of a token.

What is certain is that a token opens one project for ever, so a digest of it is a project's name that never
stands for two; but the next token of the same project has another. What is certain, too, is that no two
things at Hetzner have the same number. So a project that shall be known through all its tokens is given a
mark, once, by hand: a firewall without rules, on nothing, which costs nothing and does nothing; its number
is the project's name. A wrong answer is worse than none here (a cluster's journal is bound to its account,
and what another project does not have would count as gone), so nothing is believed that was only said: not
even in `HCLOUD_SAME_PROJECT`, which holds for the one project that it names and no other.
"""

import hashlib
import re

from ...engine.errors import InvalidInput
from ...engine.ports import Account
from . import wire
from .transport import Transport

MARK = "kubisnap-project"
"""The name of the firewall that marks a project."""

_SAME = re.compile(r"((?:project|token)-[0-9a-f]+)=((?:project|token)-[0-9a-f]+)")


def same_project(text: str) -> tuple[str, str]:
    """Return what a project was known as and what it is known as now, from ``OLD=NEW``; both empty for none.

    Raises `InvalidInput` for anything else.
    """
    if not text:
        return "", ""
    match = _SAME.fullmatch(text)
    if match is None:
        advice = "OLD=NEW, two accounts as kubisnap shows them, for example token-0123abcd=project-4711"
        raise InvalidInput("HCLOUD_SAME_PROJECT", "not two accounts", advice=advice)
    return match[1], match[2]


def account(transport: Transport, token: str, same: tuple[str, str]) -> Account:
    """Return the project of a token. Raises `Denied` for one that opens none."""
    marks = transport.listed("firewalls", "firewalls", wire.Firewall, lambda item: item.id, {"name": MARK})
    mark = next((item for item in marks if item.name == MARK), None)
    if mark is not None:
        found = Account(id=f"project-{mark.id}", title="a marked project")
    else:
        found = Account(
            id=f"token-{digest(token)}",
            title="an unmarked project, known by this token only",
        )
    old, new = same
    return Account(id=old, title=f"{found.title}, now {new}") if new and found.id == new else found


def digest(token: str) -> str:
    """Return what a token is known by: it leads to no token, and to no other service's digest of it."""
    return hashlib.sha256(f"kubisnap hetzner project {token}".encode()).hexdigest()[:16]
