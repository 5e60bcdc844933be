"""Servers.

One request makes a server; Nova makes its port in the subnet's network and puts the groups on it. What it
was made from stands in its metadata: a site may replace an image under the same name, and a server that
starts from a volume has none. Source: "Servers" of Nova's API reference.
"""

import base64
from typing import Any

from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Key,
    Kind,
    Observed,
    Request,
    Server,
    Status,
    provider_name,
)
from ...engine.errors import ResourceMissing
from . import wire
from .answers import CLOUD, clean
from .family import Family, Site, needed, present
from .marks import belongs, metadata, read_metadata
from .offers import ROOT_GIB, Offers
from .paths import segment
from .transport import COMPUTE

_MAKING = {"BUILD", "REBUILD"}
_GONE = {"DELETED", "SOFT_DELETED"}


class Servers(Family[Server]):
    """Servers."""

    kind = Kind.SERVER
    desired = Server

    def __init__(self, site: Site, offers: Offers) -> None:
        super().__init__(site)
        self._offers = offers

    def create(self, request: Request) -> Accepted:
        """Ask for one server."""
        server = self.resource(request)
        self.site.here(server.region)
        flavor, image = self._offers.flavor(server.size), self._offers.image(server.image)
        subnet = segment(needed(request, Kind.SUBNET, server.subnet), Kind.SUBNET)
        said = metadata(request, pool=server.pool, image=server.image, built=image, subnet=subnet)
        body: dict[str, Any] = {
            "name": request.name,
            "flavorRef": flavor.id,
            "networks": [{"uuid": subnet}],
            "security_groups": [{"name": group} for group in _groups(request)],
            "metadata": {name: value[:255] for name, value in said.items()},
            "tags": [request.tag(), request.tag(server.role)],
        }
        if flavor.disk:
            body["imageRef"] = image
        else:
            body["block_device_mapping_v2"] = [_root(image)]
        if server.ssh_keys:
            body["key_name"] = needed(request, Kind.SSH_KEY, server.ssh_keys[0])
        data = base64.b64encode(server.user_data.encode()).decode()
        if data:
            body["user_data"] = data
        made = self.transport.send(COMPUTE, "POST", "/servers", {"server": body}, wire.ServerMade, data)
        return Accepted(id=made.server.id)

    def look(self, resource_id: str) -> Observed:
        """Return one. An administrator is shown what is deleted for a moment longer: it is gone."""
        path = f"/servers/{segment(resource_id, self.kind)}"
        item = self.transport.fetch(COMPUTE, path, wire.ServerAnswer).server
        if item.status in _GONE:
            raise ResourceMissing(CLOUD, f"the server {item.id} is deleted", 404)
        return self.seen(item)

    def ready(self, accepted: Accepted) -> Observed | None:
        """Return it once it runs and its address is known. Raises `Rejected` with Nova's fault."""
        observed = super().ready(accepted)
        return observed if observed is not None and "private_ip" in observed.attributes else None

    def seen(self, item: wire.ServerInfo) -> Observed:
        """Show what it was made from, its subnet and its addresses.

        One that is switched off is there and whole, and says so under its attributes.
        """
        said = read_metadata(item.metadata)
        flavor = item.flavor.original_name if item.flavor else None
        power = item.status.lower() if item.status not in _MAKING | {"ACTIVE", "ERROR"} else None
        fault = clean(item.fault.message or "") if item.fault else None
        return Observed(
            kind=self.kind,
            id=item.id,
            name=item.name,
            status=_status(item),
            properties=dict(present(region=self.site.region, size=flavor, image=_image(item, said))),
            links=present(subnet=said.get("subnet")),
            attributes=present(
                public_ip=_address(item, "floating"),
                private_ip=_address(item, "fixed"),
                power=power,
                fault=fault,
            ),
        )

    def delete(self, resource_id: str) -> None:
        """Ask for a server's removal; Nova takes its port along and detaches its volumes."""
        self.look(resource_id)  # an administrator may delete what is another project's, or deleted
        self.transport.tell(COMPUTE, "DELETE", f"/servers/{segment(resource_id, self.kind)}")

    def find(self, request: Request) -> list[Observed]:
        """Return those of the name: Nova's filter is a pattern, so they are compared once more."""
        found = self._all(name=f"^{request.name}$")
        return [self.seen(item) for item in found if item.name == request.name]

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster: by tag, and by name where somebody took the tag away."""
        tag = provider_name(cluster, Key(Kind.TAG, "cluster"))
        found = {item.id: item for item in self._all(tags=tag) + self._all(name=cluster.short)}
        return [
            self.seen(item)
            for item in found.values()
            if belongs(cluster, self.kind, item.name, read_metadata(item.metadata))
        ]

    def _all(self, **query: str) -> list[wire.ServerInfo]:
        found = self.transport.listed(COMPUTE, "/servers/detail", "servers", wire.ServerInfo, query)
        return [item for item in found if item.status not in _GONE]


def _groups(request: Request) -> list[str]:
    """Return the groups that a server is in: the cluster's, its role's, and its firewalls."""
    server = request.resource
    role = server.role.value if isinstance(server, Server) else ""
    named = [needed(request, Kind.TAG, "cluster"), needed(request, Kind.TAG, role)]
    return [*named, *(found for key, found in sorted(request.ids.items()) if key.kind is Kind.FIREWALL)]


def _root(image: str) -> dict[str, Any]:
    """Return the volume that a server starts from where its flavor has no disk; it goes with the server."""
    return {
        "boot_index": 0,
        "uuid": image,
        "source_type": "image",
        "destination_type": "volume",
        "volume_size": ROOT_GIB,
        "delete_on_termination": True,
    }


def _status(item: wire.ServerInfo) -> Status:
    if item.task == "deleting":
        return Status.DELETING
    if item.status == "ERROR":
        return Status.FAILED
    return Status.CREATING if item.status in _MAKING else Status.READY


def _image(item: wire.ServerInfo, said: dict[str, str]) -> str | None:
    """Return what it was asked for to be made from, unless somebody has rebuilt it from something else."""
    now = item.image.id if isinstance(item.image, wire.Reference) else None
    if now is None or now == said.get("built"):
        return said.get("image")
    return now


def _address(item: wire.ServerInfo, kind: str) -> str | None:
    found = [
        address.addr
        for addresses in item.addresses.values()
        for address in addresses
        if address.type == kind and address.version == 4
    ]
    return min(found) if found else None
