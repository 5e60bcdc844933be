"""Volumes and their attachments: EBS.

A volume and its server must be in one availability zone; a cluster has one. Source: "Amazon EBS User Guide".
"""

import string
from collections.abc import Iterator, Sequence

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
from ...engine.errors import Conflict, QuotaExceeded, ResourceMissing
from . import wire
from .family import Family, Listed, needed, tag_specifications
from .names import CLOUD, Place, digest, joined, marks, pair, place
from .networks import Subnets
from .servers import Servers
from .talk import Talk

DEVICES = tuple(f"/dev/sd{letter}" for letter in string.ascii_lowercase[5:16])
"""What AWS recommends for data volumes: /dev/sdf to /dev/sdp."""

_STATUS = {"creating": Status.CREATING, "deleting": Status.DELETING, "error": Status.FAILED}
_JOINING = {"attaching": Status.CREATING, "detaching": Status.DELETING, "busy": Status.DELETING}


class Volumes(Listed[wire.Volume, Volume]):
    """Encrypted general purpose volumes (gp3)."""

    kind = Kind.VOLUME
    desired = Volume
    id_prefix = "vol-"
    operation, key, id_filter = "ec2.describe_volumes", "Volumes", "volume-id"
    item = wire.Volume

    def __init__(self, talk: Talk) -> None:
        super().__init__(talk)
        self._subnets = Subnets(talk)

    def region(self, request: Request) -> str:
        """Return the region asked for."""
        return self.resource(request).region

    def create(self, request: Request) -> Accepted:
        """Make a volume, unformatted, in the zone that the cluster uses."""
        volume = self.resource(request)
        self.refuse_second(request)
        made = self.talk.call(
            volume.region,
            "ec2.create_volume",
            wire.VolumeAnswer,
            AvailabilityZone=self._subnets.zone(volume.region, request.cluster.id),
            Size=volume.size_gib,
            VolumeType="gp3",
            Encrypted=True,
            TagSpecifications=tag_specifications(marks(request), "volume"),
        )
        return Accepted(id=str(Place(volume.region, made.volume_id)))

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Make it larger; AWS makes none smaller. The token is the size that it will have."""
        if changed != {"size_gib"}:
            return super().update(request, resource_id, changed)
        at = place(resource_id, self.kind)
        size = self.resource(request).size_gib
        if self.get(at).size != size:
            self.talk.call(at.region, "ec2.modify_volume", wire.Nothing, VolumeId=at.id, Size=size)
        return Accepted(id=resource_id, token=str(size))

    def ready(self, accepted: Accepted) -> Observed | None:
        """Return it once it is there, and as large as it was asked to be."""
        observed = super().ready(accepted)
        if observed is None or not accepted.token:
            return observed
        return observed if str(observed.properties.get("size_gib")) == accepted.token else None

    def delete(self, resource_id: str) -> None:
        """Remove it. Raises `Conflict` while it is attached."""
        at = place(resource_id, self.kind)
        item = self.get(at)
        if item.attachments:
            raise Conflict(CLOUD, f"the volume {at} is attached to {item.attachments[0].instance_id}")
        if item.state != "deleting":
            self.talk.call(at.region, "ec2.delete_volume", wire.Nothing, VolumeId=at.id)

    def seen(self, region: str, item: wire.Volume) -> Observed:
        """Show where it is and its size."""
        return Observed(
            kind=self.kind,
            id=str(Place(region, item.volume_id)),
            name=item.name,
            status=_STATUS.get(item.state, Status.READY),
            properties={"region": region, "size_gib": item.size},
            attributes={"zone": item.availability_zone} if item.availability_zone else {},
        )

    def of(self, region: str, cluster: ClusterRef, ids: Sequence[str]) -> list[Observed]:
        """Return those of a cluster, and what servers they are plugged into."""
        found = self.items_of(region, cluster, ids)
        return [
            observed for item in found for observed in (self.seen(region, item), *attachments(region, item))
        ]

    def id_of(self, item: wire.Volume) -> str:
        """Return AWS's id."""
        return item.volume_id

    @staticmethod
    def is_gone(item: wire.Volume) -> bool:
        """Whether it is only still listed."""
        return item.state == "deleted"


class VolumeAttachments(Family[VolumeAttachment]):
    """A volume plugged into a server: no thing of its own at AWS, so its id is both ids."""

    kind = Kind.VOLUME_ATTACHMENT
    desired = VolumeAttachment

    def __init__(self, talk: Talk, volumes: Volumes, servers: Servers) -> None:
        super().__init__(talk)
        self._volumes = volumes
        self._servers = servers

    def create(self, request: Request) -> Accepted:
        """Plug the volume in. Raises `Conflict` while it is in a server, whichever."""
        volume, server = self._ends(request)
        item = self._volumes.get(volume)
        if item.attachments:
            raise Conflict(CLOUD, f"the volume {volume} is in {item.attachments[0].instance_id} already")
        self.talk.call(
            volume.region,
            "ec2.attach_volume",
            wire.Nothing,
            VolumeId=volume.id,
            InstanceId=server.id,
            Device=free_device(self._servers.get(server), volume.id),
        )
        return Accepted(id=joined(volume, server.id))

    def look(self, resource_id: str) -> Observed:
        """Return it, if the volume is in that server."""
        volume, _ = pair(resource_id, Kind.VOLUME, Kind.SERVER)
        for observed in attachments(volume.region, self._volumes.get(volume)):
            if observed.id == resource_id:
                return observed
        raise ResourceMissing(CLOUD, f"volume {volume} is not attached to that server")

    def delete(self, resource_id: str) -> None:
        """Unplug it. The work goes on after the answer: `observe` tells when it is done."""
        volume, server = pair(resource_id, Kind.VOLUME, Kind.SERVER)
        if self.look(resource_id).status is not Status.DELETING:
            self.talk.call(
                volume.region,
                "ec2.detach_volume",
                wire.Nothing,
                VolumeId=volume.id,
                InstanceId=server.id,
            )

    def find(self, request: Request) -> list[Observed]:
        """Return the one asked for, if it is there."""
        volume, server = self._ends(request)
        observed = self.observe(joined(volume, server.id))
        return [observed] if observed is not None else []

    def of(self, region: str, cluster: ClusterRef, ids: Sequence[str]) -> list[Observed]:  # noqa: ARG002
        """Return none: they are told with their volumes."""
        return []

    def _ends(self, request: Request) -> tuple[Place, Place]:
        wanted = self.resource(request)
        return needed(request, Kind.VOLUME, wanted.volume), needed(request, Kind.SERVER, wanted.server)


def attachments(region: str, item: wire.Volume) -> Iterator[Observed]:
    """Yield a volume's attachments: none or one, but for kinds of volumes that this adapter does not make."""
    at = Place(region, item.volume_id)
    for found in item.attachments or ():
        if found.instance_id and found.state != "detached":
            yield Observed(
                kind=Kind.VOLUME_ATTACHMENT,
                id=joined(at, found.instance_id),
                name=item.name,
                status=_JOINING.get(found.state, Status.READY),
                links={"volume": str(at), "server": str(Place(region, found.instance_id))},
            )


def free_device(server: wire.Instance, volume: str) -> str:
    """Return a device name that is free: the volume's own by its id, else the next one.

    Raises `QuotaExceeded` if all are taken.
    """
    taken = {device.device_name for device in server.block_device_mappings or ()}
    first = int(digest(volume, length=8), 16) % len(DEVICES)
    for device in (*DEVICES[first:], *DEVICES[:first]):
        if device not in taken:
            return device
    raise QuotaExceeded(CLOUD, f"the server {server.instance_id} holds {len(DEVICES)} volumes already")
