"""Servers: EC2 instances.

Each has an encrypted root volume that goes with it, a public address, and a metadata service that wants a
token (IMDSv2). Source: "Amazon EC2 API Reference", RunInstances; "Ensuring idempotency in Amazon EC2 API
requests".
"""

from typing import Any

import msgspec

from ...engine.domain.resources import Accepted, Kind, Observed, Request, Server, Status
from ...engine.errors import Conflict, Rejected
from . import wire
from .catalogue import size_offer
from .family import Filters, Listed, ec2_filters, needed, present, tag_specifications
from .firewalls import firewalls_in
from .images import newest
from .names import CLOUD, IMAGE, KIND, PART, POOL, ROLE, Place, digest, marks, place
from .systems import DPKG

_STATUS = {"pending": Status.CREATING, "shutting-down": Status.DELETING}
_STALE_TOKENS = 3
"""How often a token may turn out to be that of a server that is gone."""


class Servers(Listed[wire.Instance, Server]):
    """Instances, in the groups of their cluster and role and in the firewalls of their role."""

    kind = Kind.SERVER
    desired = Server
    id_prefix = "i-"
    operation, key, id_filter = "ec2.describe_instances", "Reservations", "instance-id"
    item = wire.Instance

    def region(self, request: Request) -> str:
        """Return the region asked for."""
        return self.resource(request).region

    def create(self, request: Request) -> Accepted:
        """Start one instance. Raises `Conflict` if there is one of the name.

        The token is deterministic: asked twice, AWS starts one. It is made of the name, of what is asked
        for and of the servers of that name that are gone, so that a replacement gets a token of its own;
        AWS keeps tokens for longer than servers.
        """
        parameters = self._parameters(request)
        region = self.region(request)
        there = [
            item for item in self.every_named(request) if item.marked.get(KIND, "") in {"", self.kind.value}
        ]
        if any(not item.is_gone for item in there):
            raise Conflict(CLOUD, f"there is a server {request.name} already")
        gone = {item.instance_id for item in there}
        for _ in range(_STALE_TOKENS):
            token = digest(
                request.cluster.id,
                request.name,
                *sorted(gone),
                msgspec.json.encode(parameters, order="deterministic").decode(),
                length=64,
            )
            answer = self.talk.call(
                region, "ec2.run_instances", wire.Instances, ClientToken=token, **parameters
            )
            for item in answer.instances[:1]:
                if not item.is_gone:
                    return Accepted(id=str(Place(region, item.instance_id)))
                gone.add(item.instance_id)
        raise Conflict(CLOUD, f"AWS goes on answering with a server {request.name} that is gone")

    def _parameters(self, request: Request) -> dict[str, Any]:
        server = self.resource(request)
        size = size_offer(server.size)
        network = needed(request, Kind.NETWORK, server.network)
        if network.region != server.region:
            raise Rejected(CLOUD, f"there is no network of {request.key} in {server.region[:60]!r}")
        if not server.image.endswith(f"-{DPKG[size.architecture]}"):
            raise Rejected(CLOUD, f"the image {server.image[:120]!r} does not run on a {server.size}")
        image = newest(self.talk, server.region, server.image)
        tags = marks(request, role=server.role.value, pool=server.pool, image=server.image)
        part = tags | {"Name": f"{request.name}.disk", KIND: f"{PART}{self.kind.value}"}
        groups = [needed(request, Kind.TAG, name).id for name in ("cluster", server.role.value)]
        parameters: dict[str, Any] = {
            "MinCount": 1,
            "MaxCount": 1,
            "ImageId": image.image_id,
            "InstanceType": server.size,
            "NetworkInterfaces": [
                {
                    "DeviceIndex": 0,
                    "SubnetId": needed(request, Kind.SUBNET, server.subnet).id,
                    "AssociatePublicIpAddress": True,
                    "DeleteOnTermination": True,
                    "Groups": [*groups, *firewalls_in(request)],
                }
            ],
            "BlockDeviceMappings": [
                {
                    "DeviceName": image.root_device_name,
                    "Ebs": {
                        "VolumeType": "gp3",
                        "VolumeSize": max(size.disk_gib, server.disk_gib),
                        "Encrypted": True,
                        "DeleteOnTermination": True,
                    },
                }
            ],
            "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
            "TagSpecifications": [
                *tag_specifications(tags, "instance"),
                *tag_specifications(part, "volume"),
            ],
        }
        if server.ssh_keys:
            parameters["KeyName"] = needed(request, Kind.SSH_KEY, server.ssh_keys[0]).id
        if server.user_data:
            parameters["UserData"] = server.user_data
        return parameters

    def ready(self, accepted: Accepted) -> Observed | None:
        """Return it once it runs and its public address is known. Raises `Rejected` where AWS gave up."""
        at = place(accepted.id, self.kind)
        found = [
            item
            for item in self._instances(at.region, {self.id_filter: [at.id]})
            if item.instance_id == at.id
        ]
        if found and found[0].is_gone:
            reason = found[0].state_reason or wire.Reason()
            why = reason.message or reason.code or "no reason given"
            raise Rejected(CLOUD, f"AWS gave up on the server {found[0].name}: {why[:300]}")
        if not found or found[0].state.name != "running" or not found[0].public_ip_address:
            return None
        return self.seen(at.region, found[0])

    def delete(self, resource_id: str) -> None:
        """Terminate it; its root volume and address go with it."""
        at = place(resource_id, self.kind)
        if not self.get(at).is_gone:
            self.talk.call(at.region, "ec2.terminate_instances", wire.Nothing, InstanceIds=[at.id])

    def filtered(self, region: str, filters: Filters) -> list[wire.Instance]:
        """Return what fits, but for what is terminated: AWS shows that for an hour."""
        return [item for item in self._instances(region, filters) if item.state.name != "terminated"]

    def _instances(self, region: str, filters: Filters) -> list[wire.Instance]:
        found = self.talk.long_listed(
            region, self.operation, self.key, wire.Reservation, Filters=ec2_filters(filters)
        )
        return [item for reservation in found for item in reservation.instances or ()]

    def every_named(self, request: Request) -> list[wire.Instance]:
        """Return those of a name, terminated ones, too."""
        found = self._instances(self.region(request), self.by_name(request))
        return [item for item in found if item.name == request.name]

    def seen(self, region: str, item: wire.Instance) -> Observed:
        """Show what it was made from, where it stands and its addresses.

        The image is shown as it was asked for: a tag says so, and AWS's id of it says nothing. One that is
        switched off is there and whole, and says so under its attributes.
        """
        state = item.state.name
        links = {
            name: str(Place(region, found))
            for name, found in (("network", item.vpc_id), ("subnet", item.subnet_id))
            if found
        }
        tags = item.marked
        return Observed(
            kind=self.kind,
            id=str(Place(region, item.instance_id)),
            name=item.name,
            status=_STATUS.get(state, Status.READY),
            properties={
                "region": region,
                **present(
                    size=item.instance_type, image=tags.get(IMAGE), role=tags.get(ROLE), pool=tags.get(POOL)
                ),
            },
            links=links,
            attributes=present(
                public_ip=item.public_ip_address,
                private_ip=item.private_ip_address,
                power=None if state in {"running", *_STATUS} else state,
            ),
        )

    def id_of(self, item: wire.Instance) -> str:
        """Return AWS's id."""
        return item.instance_id
