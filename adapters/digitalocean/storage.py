"""Volumes and their attachments.

Sources: the pages "Block Storage" and "Block Storage Actions" of DigitalOcean's API reference.
"""

from collections.abc import Iterator

from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Kind,
    Observed,
    Request,
    Volume,
    VolumeAttachment,
)
from ...engine.errors import Rejected, ResourceMissing
from . import wire
from .answers import CLOUD
from .family import MANAGED, Family, has_tag_of, is_name_of, needed, slug
from .transport import Transport, number, segment


class Volumes(Family[wire.Volume, Volume]):
    """Block storage."""

    kind = Kind.VOLUME
    path = "volumes"
    key = "volumes"
    item = wire.Volume
    desired = Volume

    def create(self, request: Request) -> Accepted:
        """Make a volume, unformatted. Its name is unique in its region."""
        volume = self.resource(request)
        body = {
            "name": request.name,
            "description": MANAGED,
            "region": volume.region,
            "size_gigabytes": volume.size_gib,
            "tags": [request.tag()],
        }
        return Accepted(id=self.transport.send("POST", self.path, body, wire.VolumeAnswer).volume.id)

    def get(self, resource_id: str) -> wire.Volume:
        """Return one."""
        return self.transport.fetch(f"volumes/{segment(resource_id, self.kind)}", wire.VolumeAnswer).volume

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Make it larger; DigitalOcean makes none smaller."""
        if changed != {"size_gib"}:
            return super().update(request, resource_id, changed)
        volume = self.resource(request)
        body = {"type": "resize", "size_gigabytes": volume.size_gib, "region": volume.region}
        path = f"volumes/{segment(resource_id, self.kind)}/actions"
        action = self.transport.send("POST", path, body, wire.ActionAnswer).action
        return Accepted(id=resource_id, token=str(action.id))

    def seen(self, item: wire.Volume) -> Observed:
        """Show where it is and its size."""
        size = {} if item.size_gigabytes is None else {"size_gib": item.size_gigabytes}
        return Observed(
            kind=self.kind, id=item.id, name=item.name, properties={**slug(item.region), **size}
        )

    def find(self, request: Request) -> list[Observed]:
        """Return those of the name."""
        query = {"name": request.name}
        found = self.transport.listed(self.path, self.key, self.item, self.identity, query)
        return [self.seen(item) for item in found if item.name == request.name]

    def items_of(self, cluster: ClusterRef) -> list[wire.Volume]:
        """Return those with the cluster's tag or one of its names."""
        return [
            item
            for item in self.all()
            if has_tag_of(cluster, item.tags) or is_name_of(cluster, self.kind, item.name)
        ]

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster."""
        return [self.seen(item) for item in self.items_of(cluster)]


class VolumeAttachments(Family[wire.Volume, VolumeAttachment]):
    """A volume plugged into a droplet: no thing of its own at DigitalOcean, so its id is both ids."""

    kind = Kind.VOLUME_ATTACHMENT
    path = "volumes"
    key = "volumes"
    item = wire.Volume
    desired = VolumeAttachment

    def __init__(self, transport: Transport, volumes: Volumes) -> None:
        super().__init__(transport)
        self.volumes = volumes

    def create(self, request: Request) -> Accepted:
        """Plug the volume in. Raises `Conflict` while it is in another droplet."""
        volume, server = self._ends(request)
        action = self._act(volume, "attach", server)
        return Accepted(id=f"{volume}:{server}", token=str(action.id))

    def get(self, resource_id: str) -> wire.Volume:
        """Return the volume, if it is in that droplet."""
        volume, droplet = pair(resource_id, self.kind)
        item = self.volumes.get(volume)
        if droplet not in (item.droplet_ids or ()):
            raise ResourceMissing(CLOUD, f"volume {item.name} is not attached to droplet {droplet}")
        return msgspec_replace(item, droplet)

    def delete(self, resource_id: str) -> None:
        """Unplug it. The work goes on after the answer: `observe` tells when it is done."""
        item = self.get(resource_id)
        self._act(item.id, "detach", str(pair(resource_id, self.kind)[1]))

    def seen(self, item: wire.Volume) -> Observed:
        """Show the volume and its droplet."""
        return next(attachments(item))

    def find(self, request: Request) -> list[Observed]:
        """Return the one asked for, if it is there."""
        volume, server = self._ends(request)
        observed = self.observe(f"{volume}:{server}")
        return [observed] if observed is not None else []

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of the cluster's volumes."""
        return [seen for item in self.volumes.items_of(cluster) for seen in attachments(item)]

    def _ends(self, request: Request) -> tuple[str, str]:
        wanted = self.resource(request)
        return needed(request, Kind.VOLUME, wanted.volume), needed(request, Kind.SERVER, wanted.server)

    def _act(self, volume: str, what: str, droplet: str) -> wire.Action:
        body = {"type": what, "droplet_id": number(droplet, Kind.SERVER)}
        path = f"volumes/{segment(volume, Kind.VOLUME)}/actions"
        return self.transport.send("POST", path, body, wire.ActionAnswer).action
