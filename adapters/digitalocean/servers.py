"""Droplets.

Source: the page "Droplets" of DigitalOcean's API reference.
"""

from typing import Any

from ...engine.domain.resources import Accepted, Kind, Observed, Request, Server, Status
from . import wire
from .family import Listed, needed, present, region
from .paths import number


class Droplets(Listed[wire.Droplet, Server]):
    """Servers. Their tags put them under firewalls and behind load balancers."""

    kind = Kind.SERVER
    path = "droplets"
    key = "droplets"
    item = wire.Droplet
    desired = Server

    def create(self, request: Request) -> Accepted:
        """Ask for one droplet. The token is the create action's id, where the answer names it."""
        answer = self.transport.send("POST", self.path, self._body(request), wire.DropletAnswer)
        return Accepted(id=str(answer.droplet.id), token=first_action(answer.links))

    def get(self, resource_id: str) -> wire.Droplet:
        """Return one."""
        return self.transport.fetch(f"droplets/{self.place(resource_id)}", wire.DropletAnswer).droplet

    def place(self, resource_id: str) -> str:
        """Return a droplet's number."""
        return str(number(resource_id, self.kind))

    def ready(self, accepted: Accepted) -> Observed | None:
        """Return it once it runs and its public address is known: a droplet is `active` a little before."""
        if accepted.token:
            if not self._done(accepted.token):
                return None
            observed: Observed | None = self.look(accepted.id)  # made, so if it is not there it is gone
        else:
            observed = self.observe(accepted.id)
        if observed is None or observed.status is not Status.READY or "power" in observed.attributes:
            return None
        return observed if "public_ip" in observed.attributes else None

    def seen(self, item: wire.Droplet) -> Observed:
        """Show what it was made from, its network and its addresses.

        The image is shown while its slug is known: DigitalOcean takes the slug from an image when a
        newer build of the same release comes out, and the droplet is no other for that. One that is
        switched off is there and whole, and says so under its attributes.
        """
        image = item.image.slug if item.image else None
        power = item.status if item.status not in {"new", "active"} else None
        return Observed(
            kind=self.kind,
            id=str(item.id),
            name=item.name,
            status=Status.CREATING if item.status == "new" else Status.READY,
            properties={**region(item.region), **present(size=item.size_slug, image=image)},
            links=present(network=item.vpc_uuid),
            attributes=present(public_ip=item.ip("public"), private_ip=item.ip("private"), power=power),
        )

    def find(self, request: Request) -> list[Observed]:
        """Return those of the name. DigitalOcean compares names without case, this does not."""
        found = self._listed({"name": request.name}) + self._listed({"name": request.name, "type": "gpus"})
        distinct = {item.id: item for item in found if item.name == request.name}
        return [self.seen(item) for item in distinct.values()]

    def all(self) -> list[wire.Droplet]:
        """Return all of the account; GPU droplets are only listed when asked for."""
        found = self._listed({}) + self._listed({"type": "gpus"})
        return list({item.id: item for item in found}.values())

    @staticmethod
    def tags(item: wire.Droplet) -> list[str]:
        """Return its tags."""
        return item.tags or []

    def _listed(self, query: dict[str, str]) -> list[wire.Droplet]:
        return self.transport.listed(self.path, self.key, self.item, self.identity, query)

    def _body(self, request: Request) -> dict[str, Any]:
        server = self.resource(request)
        keys = [number(needed(request, Kind.SSH_KEY, name), "ssh-key") for name in server.ssh_keys]
        body: dict[str, Any] = {
            "name": request.name,
            "region": server.region,
            "size": server.size,
            # A private image has no slug; its number must be sent as a number.
            "image": int(server.image) if server.image.isascii() and server.image.isdigit() else server.image,
            "ssh_keys": keys,
            "tags": [request.tag(), request.tag(server.role)],
            "backups": False,
            "ipv6": False,
            "monitoring": False,
        }
        if server.network:
            body["vpc_uuid"] = needed(request, Kind.NETWORK, server.network)
        if server.user_data:
            body["user_data"] = server.user_data
        return body


def first_action(links: wire.Links | None) -> str:
    """Return the id of the action that an answer refers to, or an empty string."""
    actions = (links and links.actions) or []
    return str(actions[0].id) if actions else ""
