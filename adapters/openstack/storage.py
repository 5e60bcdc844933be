"""Volumes and what they are plugged into.

Sources: "Volumes" of Cinder's API reference, "Servers with volume attachments" of Nova's.
"""

from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Kind,
    Observed,
    Request,
    Status,
    Volume,
    VolumeAttachment,
)
from ...engine.errors import Rejected, ResourceMissing
from . import wire
from .answers import CLOUD
from .family import Family, Site, needed
from .marks import belongs, metadata, read_metadata
from .paths import pair, segment
from .transport import COMPUTE, VOLUME

_STATUS = {
    "creating": Status.CREATING,
    "downloading": Status.CREATING,
    "extending": Status.CREATING,
    "deleting": Status.DELETING,
}
_PLUGGED = {"in-use": Status.READY, "detaching": Status.DELETING}


class Volumes(Family[Volume]):
    """Block storage, of the type that the site has chosen for those who choose none."""

    kind = Kind.VOLUME
    desired = Volume

    def create(self, request: Request) -> Accepted:
        """Ask for a volume."""
        volume = self.resource(request)
        self.site.here(volume.region)
        body = {"name": request.name, "size": volume.size_gib, "metadata": metadata(request)}
        made = self.transport.send(VOLUME, "POST", "/volumes", {"volume": body}, wire.VolumeAnswer)
        return Accepted(id=made.volume.id)

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:  # noqa: ARG002
        """Let it grow."""
        size = self.resource(request).size_gib
        now = self.get(resource_id).size
        if size < now:
            raise Rejected(CLOUD, f"{request.key}: a volume of {now} GiB cannot shrink to {size}")
        if size > now:
            path = f"/volumes/{segment(resource_id, self.kind)}/action"
            self.transport.tell(VOLUME, "POST", path, {"os-extend": {"new_size": size}})
        return Accepted(id=resource_id)

    def get(self, resource_id: str) -> wire.VolumeInfo:
        """Return one as Cinder shows it."""
        path = f"/volumes/{segment(resource_id, self.kind)}"
        return self.transport.fetch(VOLUME, path, wire.VolumeAnswer).volume

    def look(self, resource_id: str) -> Observed:
        """Return one."""
        return self.seen(self.get(resource_id))

    def seen(self, item: wire.VolumeInfo) -> Observed:
        """Show where it is and how large."""
        status = Status.FAILED if item.status.startswith("error") else Status.READY
        return Observed(
            kind=self.kind,
            id=item.id,
            name=item.name or "",
            status=_STATUS.get(item.status, status),
            properties={"region": self.site.region, "size_gib": item.size},
        )

    def delete(self, resource_id: str) -> None:
        """Ask for its removal. Cinder refuses while it is plugged in."""
        self.transport.tell(VOLUME, "DELETE", f"/volumes/{segment(resource_id, self.kind)}")

    def find(self, request: Request) -> list[Observed]:
        """Return those of the name."""
        return [self.seen(item) for item in self._all(name=request.name) if item.name == request.name]

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster."""
        return [self.seen(item) for item in self.items_of(cluster)]

    def items_of(self, cluster: ClusterRef) -> list[wire.VolumeInfo]:
        """Return those of a cluster as Cinder shows them."""
        return [
            item
            for item in self._all()
            if belongs(cluster, self.kind, item.name or "", read_metadata(item.metadata))
        ]

    def _all(self, **query: str) -> list[wire.VolumeInfo]:
        return self.transport.listed(VOLUME, "/volumes/detail", "volumes", wire.VolumeInfo, query)


class VolumeAttachments(Family[VolumeAttachment]):
    """Volumes plugged into servers: `volume:server` is an attachment's id."""

    kind = Kind.VOLUME_ATTACHMENT
    desired = VolumeAttachment

    def __init__(self, site: Site, volumes: Volumes) -> None:
        super().__init__(site)
        self._volumes = volumes

    def create(self, request: Request) -> Accepted:
        """Plug a volume in."""
        volume, server = self._ends(request)
        path = f"/servers/{segment(server, Kind.SERVER)}/os-volume_attachments"
        body = {"volumeAttachment": {"volumeId": volume}}
        self.transport.tell(COMPUTE, "POST", path, body)
        return Accepted(id=f"{volume}:{server}")

    def look(self, resource_id: str) -> Observed:
        """Return one."""
        volume, server = pair(resource_id, self.kind)
        for observed in attachments(self._volumes.get(volume)):
            if observed.links["server"] == server:
                return observed
        raise ResourceMissing(CLOUD, f"the volume {volume} is not plugged into {server}")

    def delete(self, resource_id: str) -> None:
        """Pull a volume out."""
        volume, server = pair(resource_id, self.kind)
        self.look(resource_id)
        self.transport.tell(COMPUTE, "DELETE", f"/servers/{server}/os-volume_attachments/{volume}")

    def find(self, request: Request) -> list[Observed]:
        """Look it up."""
        observed = self.observe(":".join(self._ends(request)))
        return [observed] if observed is not None else []

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster's volumes."""
        return [seen for item in self._volumes.items_of(cluster) for seen in attachments(item)]

    def _ends(self, request: Request) -> tuple[str, str]:
        wanted = self.resource(request)
        return needed(request, Kind.VOLUME, wanted.volume), needed(request, Kind.SERVER, wanted.server)


def attachments(item: wire.VolumeInfo) -> list[Observed]:
    """Return what a volume is plugged into."""
    return [
        Observed(
            kind=Kind.VOLUME_ATTACHMENT,
            id=f"{item.id}:{place.server_id}",
            name=item.name or "",
            status=_PLUGGED.get(item.status, Status.CREATING),
            links={"volume": item.id, "server": place.server_id},
        )
        for place in item.attachments
    ]
