"""What tests of single kinds share: ids, answers made up for one test, and what was asked."""

from typing import Any

import msgspec

from kubisnap.engine.domain.resources import Key, Kind, Request
from tests.unit.adapters.openstack.life import CLUSTER, RESOURCES, request_for
from tests.unit.adapters.openstack.replay import PROJECT, Replay

OURS = f"project_id={PROJECT}"
NETWORK, BALANCER, COMPUTE = "/network/v2.0", "/balancer/v2/lbaas", "/compute/v2.1"
IDS = {key: f"id-{key.kind.value}-{key.name}".replace(".", "-") for key, _ in RESOURCES}
SUBNET, FIREWALL = Key(Kind.SUBNET, "nodes"), Key(Kind.FIREWALL, "nodes")
SERVER, LB = Key(Kind.SERVER, "workers-0"), Key(Kind.LOAD_BALANCER, "web")
MARKS = f"Made by kubisnap: cluster={CLUSTER.id} of=web"


def once(answer: object = None, status: int = 200) -> list[dict[str, Any]]:
    return [{"status": status, "answer": answer}]


def asked(server: Replay) -> list[str]:
    """Return what was asked to change something."""
    return [key for key in server.asked if not key.startswith("GET") and not key.endswith("/auth/tokens")]


def wanted(key: Key, **changes: Any) -> Request:
    resource = msgspec.structs.replace(dict(RESOURCES)[key], **changes)
    return request_for(key, resource, IDS)
