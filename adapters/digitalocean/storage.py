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
from ...engine.errors import ResourceMissing
from . import wire
from .answers import CLOUD
from .family import MANAGED, Family, Listed, needed, pair, region
from .paths import number
from .transport import Transport


class Volumes(Listed[wire.Volume, Volume]):
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
        return self.transport.fetch(f"volumes/{self.place(resource_id)}", wire.VolumeAnswer).volume

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Make it larger; DigitalOcean makes none smaller."""
        if changed != {"size_gib"}:
            return super().update(request, resource_id, changed)
        volume = self.resource(request)
        body = {"type": "resize", "size_gigabytes": volume.size_gib, "region": volume.region}
        path = f"volumes/{self.place(resource_id)}/actions"
        action = self.transport.send("POST", path, body, wire.ActionAnswer).action
        return Accepted(id=resource_id, token=str(action.id))

    def seen(self, item: wire.Volume) -> Observed:
        """Show where it is and its size."""
        size = {} if item.size_gigabytes is None else {"size_gib": item.size_gigabytes}
        return Observed(
            kind=self.kind, id=item.id, name=item.name, properties={**region(item.region), **size}
        )

    def find(self, request: Request) -> list[Observed]:
        """Return those of the name."""
        query = {"name": request.name}
        found = self.transport.listed(self.path, self.key, self.item, self.identity, query)
        return [self.seen(item) for item in found if item.name == request.name]

    @staticmethod
    def tags(item: wire.Volume) -> list[str]:
        """Return its tags."""
        return item.tags or []


class VolumeAttachments(Family[VolumeAttachment]):
    """A volume plugged into a droplet: no thing of its own at DigitalOcean, so its id is both ids."""

    kind = Kind.VOLUME_ATTACHMENT
    desired = VolumeAttachment

    def __init__(self, transport: Transport, volumes: Volumes) -> None:
        super().__init__(transport)
        self.volumes = volumes

    def create(self, request: Request) -> Accepted:
        """Plug the volume in. Raises `Conflict` while it is in another droplet."""
        volume, droplet = self._ends(request)
        action = self._act(volume, "attach", number(droplet, Kind.SERVER))
        return Accepted(id=f"{volume}:{droplet}", token=str(action.id))

    def look(self, resource_id: str) -> Observed:
        """Return it, if the volume is in that droplet."""
        volume, _ = pair(resource_id, self.kind)
        found = (seen for seen in attachments(self.volumes.get(volume)) if seen.id == resource_id)
        if (observed := next(found, None)) is None:
            raise ResourceMissing(CLOUD, f"volume {volume} is not attached to that droplet")
        return observed

    def delete(self, resource_id: str) -> None:
        """Unplug it. The work goes on after the answer: `observe` tells when it is done."""
        self.look(resource_id)  # detaching what is not attached would be answered with a 422
        volume, droplet = pair(resource_id, self.kind)
        self._act(volume, "detach", droplet)

    def find(self, request: Request) -> list[Observed]:
        """Return the one asked for, if it is there."""
        observed = self.observe(":".join(self._ends(request)))
        return [observed] if observed is not None else []

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of the cluster's volumes."""
        return [seen for item in self.volumes.items_of(cluster) for seen in attachments(item)]

    def _ends(self, request: Request) -> tuple[str, str]:
        wanted = self.resource(request)
        return needed(request, Kind.VOLUME, wanted.volume), needed(request, Kind.SERVER, wanted.server)

    def _act(self, volume: str, what: str, droplet: int) -> wire.Action:
        path = f"volumes/{self.volumes.place(volume)}/actions"
        body = {"type": what, "droplet_id": droplet}
        return self.transport.send("POST", path, body, wire.ActionAnswer).action


def attachments(item: wire.Volume) -> Iterator[Observed]:
    """Yield a volume's attachments: none or one, as DigitalOcean has it today."""
    for droplet in item.droplet_ids or ():
        yield Observed(
            kind=Kind.VOLUME_ATTACHMENT,
            id=f"{item.id}:{droplet}",
            name=item.name,
            links={"volume": item.id, "server": str(droplet)},
        )
