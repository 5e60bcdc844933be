"""How the API shows a droplet, and how one is found."""

from .catalog import IMAGES, SIZES, image_view, region_view, size_view
from .models import Droplet
from .routing import Call
from .vpcs import gateway
from .wire import JsonObject, not_found
from .world import Account


def wanted(call: Call) -> Droplet:
    """The droplet the path names, or 404. It is found from the first moment, whatever lists say."""
    droplet = call.account.droplets.get(call.number("droplet"))
    if droplet is None:
        raise not_found()
    return droplet


def listed(call: Call) -> list[Droplet]:
    """The droplets a list shows: fresh ones come into it late, as with the real API."""
    newest = call.world.now() - call.world.timing.list_lag_seconds
    return [droplet for droplet in call.account.droplets.values() if droplet.created <= newest]


def view(account: Account, droplet: Droplet) -> JsonObject:
    """A droplet as the API shows it. Keys and user data are not among what it shows."""
    size = SIZES[droplet.size]
    return {
        "id": droplet.id,
        "name": droplet.name,
        "memory": size.memory,
        "vcpus": size.vcpus,
        "disk": droplet.disk,
        "disk_info": [{"type": "local", "size": {"amount": droplet.disk, "unit": "gib"}}],
        "locked": droplet.busy,
        "status": droplet.status,
        "kernel": None,
        "created_at": droplet.created_at,
        "features": list(droplet.features),
        "backup_ids": [],
        "next_backup_window": None,
        "snapshot_ids": [],
        "image": image_view(IMAGES[droplet.image]),
        "volume_ids": [volume.id for volume in account.volumes.values() if volume.droplet_id == droplet.id],
        "size": size_view(size),
        "size_slug": droplet.size,
        "networks": _networks(account, droplet),
        "region": region_view(droplet.region),
        "tags": list(droplet.tags),
        "vpc_uuid": droplet.vpc_uuid,
    }


def _networks(account: Account, droplet: Droplet) -> JsonObject:
    v4: list[JsonObject] = []
    v6: list[JsonObject] = []
    if droplet.has_private_ip:
        inner, mask = gateway(account.vpcs[droplet.vpc_uuid])
        v4.append({"ip_address": droplet.private_ip, "netmask": mask, "gateway": inner, "type": "private"})
    if droplet.has_public_ip and droplet.public_ip:
        outer = f"{droplet.public_ip.rpartition('.')[0]}.1"
        v4.insert(
            0,
            {"ip_address": droplet.public_ip, "netmask": "255.255.255.0", "gateway": outer, "type": "public"},
        )
    if droplet.has_public_ip and droplet.public_ipv6:
        v6.append(
            {"ip_address": droplet.public_ipv6, "netmask": 64, "gateway": "2001:db8::1", "type": "public"}
        )
    return {"v4": v4, "v6": v6}
