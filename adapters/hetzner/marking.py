"""Labels: what everything that is made here carries, and the selectors that find it again. Pure.

Hetzner keeps labels with all that has a name, and lists by them: no object is needed first, and no list
of all that the project holds. Source: the section "Labels" of Hetzner's API reference.
"""

import re
from collections.abc import Iterable

from ...engine.domain.model import Role
from ...engine.domain.resources import ClusterRef, Request
from . import wire

CLUSTER, CLUSTER_NAME, NAME, ROLE = (
    "kubisnap-cluster",
    "kubisnap-cluster-name",
    "kubisnap-name",
    "kubisnap-role",
)
_OF_ROLE = re.compile(rf"{CLUSTER}=([0-9a-f]{{32}}),{ROLE}=({'|'.join(Role)})")


def labels(request: Request, role: Role | None = None) -> dict[str, str]:
    """Return the labels of what a request makes."""
    found = {CLUSTER: request.cluster.id, CLUSTER_NAME: request.cluster.name, NAME: request.key.name}
    return found | ({ROLE: role.value} if role is not None else {})


def selector(cluster: ClusterRef, role: Role | None = None) -> str:
    """Return what selects all of a cluster, or its servers of a role.

    >>> selector(ClusterRef(id="7f3a9c21" * 4, name="web"), Role.WORKER)
    'kubisnap-cluster=7f3a9c217f3a9c217f3a9c217f3a9c21,kubisnap-role=worker'
    """
    return f"{CLUSTER}={cluster.id}" + (f",{ROLE}={role.value}" if role is not None else "")


def target(name: str, targets: Iterable[wire.Target]) -> tuple[str, str]:
    """Return the role whose servers something of a name is for, and for what else it is.

    Somebody's additions are not held against it; a role that is not there, or two, are.
    """
    roles, others = set(), set()
    for item in targets:
        text = item.label_selector.selector if item.label_selector else ""
        match = _OF_ROLE.fullmatch(text.replace("==", "=").replace(" ", ""))
        if match and name.endswith(f"-{match[1][:8]}"):
            roles.add(match[2])
        elif text:
            others.add(f"label:{text}")
        else:
            others.add(f"server:{item.server.id}" if item.server else item.type)
    return ",".join(sorted(roles)), ",".join(sorted(others))
