"""Load balancers.

Source: the section "Load Balancers" of Hetzner's API reference.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ...engine.domain.model import Forward, ForwardProtocol
from ...engine.domain.resources import Accepted, Kind, LoadBalancer, Observed, Request, Status
from ...engine.errors import CloudError
from . import wire
from .family import Listed, needed, present, region
from .marking import labels, selector, target

TYPE = "lb11"
"""The smallest: 5 services, 25 targets."""


class LoadBalancers(Listed[wire.LoadBalancer, LoadBalancer]):
    """Load balancers, in front of the servers that carry a role's label, by their private addresses."""

    kind = Kind.LOAD_BALANCER
    path = "load_balancers"
    key = "load_balancers"
    item = wire.LoadBalancer
    desired = LoadBalancer

    def create(self, request: Request) -> Accepted:
        """Ask for a load balancer, with its network, its ports and its servers: one request."""
        made, token = self.transport.make(self.path, self._body(request), wire.LoadBalancerAnswer)
        return Accepted(id=str(made.load_balancer.id), token=token)

    def get(self, resource_id: str) -> wire.LoadBalancer:
        """Return one."""
        return self.transport.fetch(self.at(resource_id), wire.LoadBalancerAnswer).load_balancer

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Change the ports one after the other, as Hetzner wants it; what is as wanted is left alone.

        Broken off in the middle it goes on where it stood when it is asked again.
        """
        if changed != {"forward"}:
            return super().update(request, resource_id, changed)
        current = self.get(resource_id).services or ()
        tokens: list[str] = []
        for action, body in _differences(current, self.resource(request).forward):
            try:
                tokens.append(self.transport.act(f"{self.at(resource_id)}/actions/{action}", body))
            except CloudError as error:
                error.ambiguous = error.ambiguous or bool(tokens)
                raise
        return Accepted(id=resource_id, token=",".join(filter(None, tokens)))

    def seen(self, item: wire.LoadBalancer) -> Observed:
        """Show where it is, for whom, and what it forwards. It is there when it has its address."""
        role, also = target(item.name, item.targets or ())
        inside = (item.private_net or [wire.PrivateNet()])[0]
        address = wire.address_of(item.public_net)
        services = sorted(item.services or (), key=lambda service: service.listen_port)
        return Observed(
            kind=self.kind,
            id=str(item.id),
            name=item.name,
            status=Status.READY if address else Status.CREATING,
            properties={
                **region(item.location),
                "role": role,
                "forward": tuple(_forward(service) for service in services),
            },
            links=present(network=str(inside.network) if inside.network is not None else None),
            attributes=present(ip=address, also_for=also),
        )

    def _body(self, request: Request) -> dict[str, Any]:
        balancer = self.resource(request)
        whom = {"selector": selector(request.cluster, balancer.role)}
        inside = bool(balancer.network)
        body: dict[str, Any] = {
            "name": request.name,
            "load_balancer_type": TYPE,
            "location": balancer.region,
            "algorithm": {"type": "round_robin"},
            "public_interface": True,
            "services": [_service(forward) for forward in balancer.forward],
            "targets": [{"type": "label_selector", "label_selector": whom, "use_private_ip": inside}],
            "labels": labels(request, balancer.role),
        }
        if inside:
            body["network"] = needed(request, Kind.NETWORK, balancer.network)
        return body


def _differences(
    current: Iterable[wire.Service], wanted: Iterable[Forward]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the actions that make the ports as they are wanted, and what each is sent."""
    have = {service.listen_port: service for service in current}
    want = {forward.port: forward for forward in wanted}
    for port in sorted(have.keys() - want.keys()):
        yield "delete_service", {"listen_port": port}
    for port, forward in sorted(want.items()):
        if port not in have:
            yield "add_service", _service(forward)
        elif (have[port].protocol, have[port].destination_port) != (forward.protocol, forward.target_port):
            yield "update_service", _service(forward)


def _service(forward: Forward) -> dict[str, Any]:
    """Return a port, with a check that the servers accept connections on theirs."""
    built: dict[str, Any] = {
        "protocol": forward.protocol.value,
        "listen_port": forward.port,
        "destination_port": forward.target_port,
        "proxyprotocol": False,
        "health_check": {
            "protocol": "tcp",
            "port": forward.target_port,
            "interval": 10,
            "timeout": 5,
            "retries": 3,
        },
    }
    if forward.protocol is ForwardProtocol.HTTP:
        built["http"] = {"sticky_sessions": False}
    return built


def _forward(service: wire.Service) -> dict[str, Any]:
    """Return a port as a neutral one; a protocol that has no neutral word keeps its own."""
    if service.protocol in set(ForwardProtocol):
        forward = Forward(
            port=service.listen_port,
            target_port=service.destination_port,
            protocol=ForwardProtocol(service.protocol),
        )
        built: dict[str, Any] = msgspec.to_builtins(forward)
        return built
    return {
        "port": service.listen_port,
        "target_port": service.destination_port,
        "protocol": service.protocol,
    }
