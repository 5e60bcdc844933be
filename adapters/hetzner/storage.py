"""Volumes and their attachments.

Source: the section "Volumes" of Hetzner's API reference.
"""

from collections.abc import Iterator

from ...engine.domain.resources import Accepted, Kind, Observed, Request, Status, Volume, VolumeAttachment
from ...engine.errors import Conflict, ResourceMissing
from . import wire
from .answers import CLOUD
from .family import Family, Listed, needed, pair, region
from .marking import labels
from .transport import Transport


class Volumes(Listed[wire.Volume, Volume]):
    """Block storage."""

    kind = Kind.VOLUME
    path = "volumes"
    key = "volumes"
    item = wire.Volume
    desired = Volume

    def create(self, request: Request) -> Accepted:
        """Make a volume, unformatted."""
        volume = self.resource(request)
        body = {
            "name": request.name,
            "location": volume.region,
            "size": volume.size_gib,
            "labels": labels(request),
        }
        made, token = self.transport.make(self.path, body, wire.VolumeAnswer)
        return Accepted(id=str(made.volume.id), token=token)

    def get(self, resource_id: str) -> wire.Volume:
        """Return one."""
        return self.transport.fetch(self.at(resource_id), wire.VolumeAnswer).volume

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Make it larger; Hetzner makes none smaller."""
        if changed != {"size_gib"}:
            return super().update(request, resource_id, changed)
        path = f"{self.at(resource_id)}/actions/resize"
        token = self.transport.act(path, {"size": self.resource(request).size_gib})
        return Accepted(id=resource_id, token=token)

    def delete(self, resource_id: str) -> None:
        """Remove one that is not plugged in. The reference names no error of its own for one that is."""
        volume = self.get(resource_id)
        if volume.server is not None:
            raise Conflict(CLOUD, f"the volume {volume.name} is attached to server {volume.server}")
        super().delete(resource_id)

    def seen(self, item: wire.Volume) -> Observed:
        """Show where it is and its size."""
        size = {} if item.size is None else {"size_gib": int(item.size)}
        return Observed(
            kind=self.kind,
            id=str(item.id),
            name=item.name,
            status=Status.CREATING if item.status == "creating" else Status.READY,
            properties={**region(item.location), **size},
        )


class VolumeAttachments(Family[VolumeAttachment]):
    """A volume plugged into a server: no thing of its own at Hetzner, so its id is both ids."""

    kind = Kind.VOLUME_ATTACHMENT
    desired = VolumeAttachment

    def __init__(self, transport: Transport, volumes: Volumes) -> None:
        super().__init__(transport)
        self.volumes = volumes

    def create(self, request: Request) -> Accepted:
        """Plug the volume in. Raises `Conflict` while it is in another server."""
        volume, server = self._ends(request)
        path = f"volumes/{volume}/actions/attach"
        token = self.transport.act(path, {"server": server, "automount": False})
        return Accepted(id=f"{volume}:{server}", token=token)

    def look(self, resource_id: str) -> Observed:
        """Return it, if the volume is in that server."""
        volume, _ = pair(resource_id, self.kind)
        found = (seen for seen in attachments(self.volumes.get(str(volume))) if seen.id == resource_id)
        if (observed := next(found, None)) is None:
            raise ResourceMissing(CLOUD, f"volume {volume} is not attached to that server")
        return observed

    def delete(self, resource_id: str) -> None:
        """Unplug it. The work goes on after the answer: `observe` tells when it is done."""
        self.look(resource_id)  # detaching names no server, so another's attachment would go
        self.transport.act(f"volumes/{pair(resource_id, self.kind)[0]}/actions/detach", {})

    def find(self, request: Request) -> list[Observed]:
        """Return the one asked for, if it is there."""
        observed = self.observe(":".join(map(str, self._ends(request))))
        return [observed] if observed is not None else []

    def _ends(self, request: Request) -> tuple[int, int]:
        wanted = self.resource(request)
        return needed(request, Kind.VOLUME, wanted.volume), needed(request, Kind.SERVER, wanted.server)


def attachments(item: wire.Volume) -> Iterator[Observed]:
    """Yield a volume's attachment, if it has one."""
    if item.server is not None:
        yield Observed(
            kind=Kind.VOLUME_ATTACHMENT,
            id=f"{item.id}:{item.server}",
            name=item.name,
            links={"volume": str(item.id), "server": str(item.server)},
        )
