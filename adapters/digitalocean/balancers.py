"""Load balancers.

Source: the page "Load Balancers" of DigitalOcean's API reference.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ...engine.domain.model import Forward, ForwardProtocol
from ...engine.domain.resources import Accepted, Kind, LoadBalancer, Observed, Request, Status
from . import wire
from .family import Listed, needed, present, region
from .rules import target

_STATUS = {"new": Status.CREATING, "active": Status.READY, "errored": Status.FAILED}

# What a PUT resets unless it is sent again, and what this adapter has no opinion about.
_KEPT = (
    "algorithm",
    "disable_lets_encrypt_dns_records",
    "enable_backend_keepalive",
    "enable_proxy_protocol",
    "firewall",
    "http_idle_timeout_seconds",
    "network",
    "network_stack",
    "project_id",
    "redirect_http_to_https",
    "size_unit",
    "sticky_sessions",
    "tls_cipher_policy",
    "type",
)


class Raw(msgspec.Struct):
    """A load balancer with all its fields, to be sent back."""

    load_balancer: dict[str, Any]


class LoadBalancers(Listed[wire.LoadBalancer, LoadBalancer]):
    """Load balancers, in front of the servers that carry a role's tag."""

    kind = Kind.LOAD_BALANCER
    path = "load_balancers"
    key = "load_balancers"
    item = wire.LoadBalancer
    desired = LoadBalancer

    def create(self, request: Request) -> Accepted:
        """Ask for a load balancer; it takes minutes to get its address."""
        answer = self.transport.send("POST", self.path, self._body(request, {}), wire.LoadBalancerAnswer)
        return Accepted(id=answer.load_balancer.id)

    def get(self, resource_id: str) -> wire.LoadBalancer:
        """Return one."""
        path = f"{self.path}/{self.place(resource_id)}"
        return self.transport.fetch(path, wire.LoadBalancerAnswer).load_balancer

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:  # noqa: ARG002
        """Put the whole load balancer, with the settings that it has and the engine does not know."""
        path = f"{self.path}/{self.place(resource_id)}"
        current = self.transport.fetch(path, Raw).load_balancer
        answer = self.transport.send("PUT", path, self._body(request, current), wire.LoadBalancerAnswer)
        return Accepted(id=answer.load_balancer.id)

    def seen(self, item: wire.LoadBalancer) -> Observed:
        """Show where it is, for whom, and what it forwards."""
        # With a tag, the droplets named are those that carry it.
        role, also = target(item.name, [item.tag or ""], () if item.tag else item.droplet_ids or ())
        rules = sorted(item.forwarding_rules or (), key=lambda rule: rule.entry_port)
        return Observed(
            kind=self.kind,
            id=item.id,
            name=item.name,
            status=_STATUS.get(item.status or "", Status.CREATING),
            properties={
                **region(item.region),
                "role": role,
                "forward": tuple(_forward(rule) for rule in rules),
            },
            links=present(network=item.vpc_uuid),
            attributes=present(ip=item.ip, also_for=also),
        )

    def _body(self, request: Request, current: Mapping[str, Any]) -> dict[str, Any]:
        balancer = self.resource(request)
        kept = {name: current[name] for name in _KEPT if current.get(name) is not None}
        body = {
            **kept,
            "name": request.name,
            "region": balancer.region,
            "tag": request.tag(balancer.role),
            "forwarding_rules": [_rule(forward) for forward in balancer.forward],
            "health_check": _health_check(balancer, current.get("health_check")),
        }
        if balancer.network:
            body["vpc_uuid"] = needed(request, Kind.NETWORK, balancer.network)
        return body


def _rule(forward: Forward) -> dict[str, Any]:
    return {
        "entry_protocol": forward.protocol.value,
        "entry_port": forward.port,
        "target_protocol": forward.protocol.value,
        "target_port": forward.target_port,
    }


def _health_check(balancer: LoadBalancer, current: object) -> dict[str, Any]:
    """Return a check that the first port accepts connections.

    DigitalOcean's own default asks for http on port 80, which few clusters answer. A check that is
    there stays while it looks at a port that is still forwarded to.
    """
    ports = [forward.target_port for forward in balancer.forward]
    if isinstance(current, dict) and current.get("port") in ports:
        return {name: value for name, value in current.items() if value is not None}
    return {
        "protocol": "tcp",
        "port": ports[0] if ports else 80,
        "check_interval_seconds": 10,
        "response_timeout_seconds": 5,
        "unhealthy_threshold": 3,
        "healthy_threshold": 3,
    }


def _forward(rule: wire.ForwardingRule) -> dict[str, Any]:
    """Return a forwarding rule as a neutral one; one that has no neutral form shows both protocols."""
    if rule.entry_protocol == rule.target_protocol and rule.entry_protocol in set(ForwardProtocol):
        protocol = ForwardProtocol(rule.entry_protocol)
        forward = Forward(port=rule.entry_port, target_port=rule.target_port, protocol=protocol)
        built: dict[str, Any] = msgspec.to_builtins(forward)
        return built
    protocols = f"{rule.entry_protocol}-to-{rule.target_protocol}"
    return {"port": rule.entry_port, "target_port": rule.target_port, "protocol": protocols}
