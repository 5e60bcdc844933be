"""What all kinds of resources have in common: a path, a list, and how one is seen.

A family is one kind. Its defaults fit a kind that has an id, a name and a list; kinds that are
otherwise override them. Knows the transport; knows no kind.
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
from .answers import CLOUD
from .transport import Transport, number, segment
from .wire import ActionAnswer

W = TypeVar("W")  # what the list holds
R = TypeVar("R")  # the desired resource

MANAGED = "Made by kubisnap. Changes by hand are seen as drift."


class Family(ABC, Generic[W, R]):
    """Everything that can be done with resources of one kind.

    `path` is the kind's path below the end point, `key` the name of the list in a list's answer.
    """

    kind: ClassVar[Kind]
    path: ClassVar[str]
    key: ClassVar[str]
    item: type[W]
    desired: type[R]

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    @abstractmethod
    def create(self, request: Request) -> Accepted:
        """Ask for one."""

    @abstractmethod
    def get(self, resource_id: str) -> W:
        """Return one. Raises `ResourceMissing`."""

    @abstractmethod
    def seen(self, item: W) -> Observed:
        """Return one as the engine sees it."""

    def observe(self, resource_id: str) -> Observed | None:
        """Return one by id, or None."""
        try:
            return self.seen(self.get(resource_id))
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

    def delete(self, resource_id: str) -> None:
        """Ask for its removal."""
        self.transport.delete(f"{self.path}/{segment(resource_id, self.kind)}")

    def find(self, request: Request) -> list[Observed]:
        """Return those of the request's name. The list has no filter at DigitalOcean."""
        return [observed for observed in map(self.seen, self.all()) if observed.name == request.name]

    def all(self) -> list[W]:
        """Return all of the account."""
        return self.transport.listed(self.path, self.key, self.item, self.identity)

    @staticmethod
    def identity(item: Any) -> object:
        """Return what tells items of the list apart."""
        return item.id

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster, by name."""
        return [
            observed for observed in map(self.seen, self.all()) if is_name_of(cluster, self.kind, observed.name)
        ]

    def resource(self, request: Request) -> R:
        """Return the request's resource, which must be of this kind."""
        if not isinstance(request.resource, self.desired):
            raise Rejected(CLOUD, f"{request.key} is no {self.kind}")
        return request.resource

    def _done(self, token: str) -> bool:
        """Whether an action has come to its end. Raises `Rejected` if it failed."""
        try:
            action = self.transport.fetch(f"actions/{number(token, 'action')}", ActionAnswer).action
        except ResourceMissing:
            return True  # what it was about speaks for itself
        if action.status == "errored":
            what = f"{action.type or 'action'} {action.id}"
            raise Rejected(CLOUD, f"DigitalOcean gave up on the {self.kind}: {what} failed")
        return action.status == "completed"


def needed(request: Request, kind: Kind, name: str) -> str:
    """Return the provider's id of what a request builds on. Raises `Rejected` if nobody said it."""
    key = Key(kind, name)
    if key not in request.ids:
        raise Rejected(CLOUD, f"{request.key} needs {key}, whose id is not known")
    return request.ids[key]


def is_name_of(cluster: ClusterRef, kind: Kind, name: str) -> bool:
    """Whether a name at the provider is one that kubisnap gives in this cluster."""
    return logical_name(cluster, kind, name) is not None


def has_tag_of(cluster: ClusterRef, tags: list[str] | None) -> bool:
    """Whether one of these is the cluster's tag."""
    return provider_name(cluster, Key(Kind.TAG, "cluster")) in (tags or [])


def slug(place: object) -> dict[str, str]:
    """Return a region as a property, or nothing if DigitalOcean does not tell it."""
    found = getattr(place, "slug", None)
    return {"region": found} if found else {}


def present(**values: str | None) -> dict[str, str]:
    """Return those values that are there."""
    return {name: value for name, value in values.items() if value}
