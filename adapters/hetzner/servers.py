"""Servers.

Source: the section "Servers" of Hetzner's API reference.
"""

from typing import Any

from ...engine.domain.resources import Accepted, Kind, Observed, Request, Server, Status
from . import wire
from .family import Listed, needed, present, region
from .marking import labels

_STATUS = {"initializing": Status.CREATING, "starting": Status.CREATING, "deleting": Status.DELETING}


class Servers(Listed[wire.Server, Server]):
    """Servers. Their labels put them under firewalls and behind load balancers."""

    kind = Kind.SERVER
    path = "servers"
    key = "servers"
    item = wire.Server
    desired = Server

    def create(self, request: Request) -> Accepted:
        """Ask for one server, with all that it has."""
        made, token = self.transport.make(self.path, self._body(request), wire.ServerAnswer)
        return Accepted(id=str(made.server.id), token=token)

    def get(self, resource_id: str) -> wire.Server:
        """Return one."""
        return self.transport.fetch(self.at(resource_id), wire.ServerAnswer).server

    def ready(self, accepted: Accepted) -> Observed | None:
        """Return it once it runs and its public address is known."""
        observed = super().ready(accepted)
        if observed is None or "power" in observed.attributes:
            return None
        return observed if "public_ip" in observed.attributes else None

    def seen(self, item: wire.Server) -> Observed:
        """Show what it was made from, its network and its addresses.

        The image is shown while Hetzner has it. One that does not run is there and whole, and says so
        under its attributes.
        """
        place = item.location or (item.datacenter.location if item.datacenter else None)
        inside = (item.private_net or [wire.PrivateNet()])[0]
        status = _STATUS.get(item.status, Status.READY)
        power = item.status if status is Status.READY and item.status != "running" else None
        return Observed(
            kind=self.kind,
            id=str(item.id),
            name=item.name,
            status=status,
            properties={
                **region(place),
                **present(size=wire.name_of(item.server_type), image=wire.name_of(item.image)),
            },
            links=present(network=str(inside.network) if inside.network is not None else None),
            attributes=present(public_ip=wire.address_of(item.public_net), private_ip=inside.ip, power=power),
        )

    def _body(self, request: Request) -> dict[str, Any]:
        server = self.resource(request)
        body: dict[str, Any] = {
            "name": request.name,
            "location": server.region,
            "server_type": server.size,
            "image": server.image,
            "ssh_keys": [needed(request, Kind.SSH_KEY, name) for name in server.ssh_keys],
            "public_net": {"enable_ipv4": True, "enable_ipv6": False},
            "start_after_create": True,
            "labels": labels(request, server.role),
        }
        if server.network:
            body["networks"] = [needed(request, Kind.NETWORK, server.network)]
        if server.user_data:
            body["user_data"] = server.user_data
        return body
