"""What all kinds of resources have in common: a path, a list, and how one is seen.

A family is one kind. `Family` is what the adapter asks of each; `Listed` fits a kind that has an
id, a name and a list at DigitalOcean. Knows the transport; knows no kind.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Key,
    Kind,
    Observed,
    Request,
    Status,
    logical_name,
    provider_name,
)
from ...engine.errors import Rejected, ResourceMissing
from . import wire
from .answers import CLOUD
from .paths import number, segment
from .transport import Transport

W = TypeVar("W")  # what DigitalOcean lists
R = TypeVar("R")  # what the engine desires

MANAGED = "Made by kubisnap. Changes by hand are seen as drift."


class Family(ABC, Generic[R]):
    """Everything that can be done with resources of one kind; the methods are those of the port `Cloud`."""

    kind: ClassVar[Kind]
    desired: type[R]

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    @abstractmethod
    def create(self, request: Request) -> Accepted:
        """Ask for one."""

    @abstractmethod
    def look(self, resource_id: str) -> Observed:
        """Return one by id. Raises `ResourceMissing`."""

    @abstractmethod
    def delete(self, resource_id: str) -> None:
        """Ask for its removal."""

    @abstractmethod
    def find(self, request: Request) -> list[Observed]:
        """Return what is there under the request's name."""

    @abstractmethod
    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster."""

    def observe(self, resource_id: str) -> Observed | None:
        """Return one by id, or None."""
        try:
            return self.look(resource_id)
        except ResourceMissing:
            return None

    def ready(self, accepted: Accepted) -> Observed | None:
        """Return one once it is usable. Asked for by id: lists lag behind."""
        if accepted.token and not self._done(accepted.token):
            return None
        observed = self.observe(accepted.id)
        if observed is not None and observed.status is Status.FAILED:
            raise Rejected(CLOUD, f"DigitalOcean gave up on the {self.kind} {observed.name}")
        return observed if observed is not None and observed.status is Status.READY else None

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Refuse: most kinds can only be replaced."""
        what = ", ".join(sorted(changed))
        raise Rejected(CLOUD, f"{request.key} ({resource_id}): {what} cannot be changed in place")

    def resource(self, request: Request) -> R:
        """Return the request's resource, which must be of this kind."""
        if not isinstance(request.resource, self.desired):
            raise Rejected(CLOUD, f"{request.key} is no {self.kind}")
        return request.resource

    def _done(self, token: str) -> bool:
        """Whether an action has come to its end. Raises `Rejected` if it failed."""
        try:
            action = self.transport.fetch(f"actions/{number(token, 'action')}", wire.ActionAnswer).action
        except ResourceMissing:
            return True  # what it was about speaks for itself
        if action.status == "errored":
            what = f"{action.type or 'action'} {action.id}"
            raise Rejected(CLOUD, f"DigitalOcean gave up on the {self.kind}: {what} failed")
        return action.status == "completed"


class Listed(Family[R], Generic[W, R]):
    """A kind with a list. `path` is below the end point, `key` names the list in its answer."""

    path: ClassVar[str]
    key: ClassVar[str]
    item: type[W]

    @abstractmethod
    def get(self, resource_id: str) -> W:
        """Return one. Raises `ResourceMissing`."""

    @abstractmethod
    def seen(self, item: W) -> Observed:
        """Return one as the engine sees it."""

    def look(self, resource_id: str) -> Observed:
        """Return one by id."""
        return self.seen(self.get(resource_id))

    def delete(self, resource_id: str) -> None:
        """Ask for its removal."""
        self.transport.delete(f"{self.path}/{self.place(resource_id)}")

    def find(self, request: Request) -> list[Observed]:
        """Return those of the request's name, out of all: most lists have no filter at DigitalOcean."""
        return [observed for observed in map(self.seen, self.all()) if observed.name == request.name]

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster, by tag and by name."""
        return [self.seen(item) for item in self.items_of(cluster)]

    def items_of(self, cluster: ClusterRef) -> list[W]:
        """Return those of a cluster as DigitalOcean shows them."""
        tag = provider_name(cluster, Key(Kind.TAG, "cluster"))
        return [
            item
            for item in self.all()
            if logical_name(cluster, self.kind, self.seen(item).name) is not None or tag in self.tags(item)
        ]

    def all(self) -> list[W]:
        """Return all of the account."""
        return self.transport.listed(self.path, self.key, self.item, self.identity)

    def place(self, resource_id: str) -> str:
        """Return an id as it stands in a path. Raises `ResourceMissing` for what cannot be an id."""
        return segment(resource_id, self.kind)

    @staticmethod
    def identity(item: Any) -> object:
        """Return what tells items of the list apart."""
        return item.id

    @staticmethod
    def tags(item: Any) -> list[str]:  # noqa: ARG004
        """Return an item's tags, for the kinds that have them."""
        return []


def needed(request: Request, kind: Kind, name: str) -> str:
    """Return the provider's id of what a request builds on. Raises `Rejected` if nobody said it."""
    key = Key(kind, name)
    if key not in request.ids:
        raise Rejected(CLOUD, f"{request.key} needs {key}, whose id is not known")
    return request.ids[key]


def pair(resource_id: str, kind: Kind) -> tuple[str, int]:
    """Return the two ids that an attachment's id is made of, the second a droplet's."""
    held, _, droplet = resource_id.rpartition(":")
    return segment(held, kind), number(droplet, kind)


def region(place: wire.Named | None) -> dict[str, str]:
    """Return a region as a property, or nothing if DigitalOcean does not tell it."""
    return {"region": place.slug} if place is not None and place.slug else {}


def present(**values: str | None) -> dict[str, str]:
    """Return those values that are there."""
    return {name: value for name, value in values.items() if value}
