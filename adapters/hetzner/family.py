"""What all kinds of resources have in common: a path, a list, and how one is seen.

A family is one kind. `Family` is what the adapter asks of each; `Listed` fits a kind that has an
id, a name, labels and a list at Hetzner. Knows the transport; knows no kind.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from ...engine.domain.resources import Accepted, ClusterRef, Key, Kind, Observed, Request, Status
from ...engine.errors import Rejected, ResourceMissing
from ..transport import places
from . import wire
from .answers import CLOUD, PROVIDER
from .marking import selector
from .transport import Transport

W = TypeVar("W")  # what Hetzner lists
R = TypeVar("R")  # what the engine desires


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

    def observe(self, resource_id: str) -> Observed | None:
        """Return one by id, or None."""
        try:
            return self.look(resource_id)
        except ResourceMissing:
            return None

    def ready(self, accepted: Accepted) -> Observed | None:
        """Return one once all that was begun for it is over and it is usable."""
        if accepted.token and not self._done(accepted.token):
            return None
        observed = self.observe(accepted.id)
        if observed is None and accepted.token:  # all is done, and it is not there
            raise ResourceMissing(CLOUD, f"the {self.kind} {accepted.id} is gone")
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
        """Whether actions have come to their end. Raises `Rejected` if one of them failed."""
        ids = [str(number(part, "action")) for part in token.split(",")]
        for action in self.transport.fetch("actions", wire.ActionList, {"id": ids}).actions:
            if action.status == "error":
                why = (action.error and (action.error.message or action.error.code)) or "no explanation"
                what = f"{action.command or 'action'} {action.id}"
                raise Rejected(CLOUD, f"Hetzner gave up on the {self.kind}: {what} failed: {why}")
            if action.status != "success":
                return False
        return True  # one that is not told any more is over: what it was about speaks for itself


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
        self.transport.delete(self.at(resource_id))

    def find(self, request: Request) -> list[Observed]:
        """Return the one of the request's name: names are unique in a project."""
        return [self.seen(item) for item in self.all(name=request.name)]

    def items_of(self, cluster: ClusterRef) -> list[W]:
        """Return those that carry a cluster's label.

        One that lost it is not among them, and found by its name when another is to be made.
        """
        return self.all(label_selector=selector(cluster))

    def all(self, **query: str) -> list[W]:
        """Return all that a query selects."""
        return self.transport.listed(self.path, self.key, self.item, lambda item: item.id, query)  # type: ignore[attr-defined]

    def at(self, resource_id: str) -> str:
        """Return the path of one. Raises `ResourceMissing` for what cannot be an id."""
        return f"{self.path}/{number(resource_id, self.kind)}"


def number(text: str, what: str) -> int:
    """Return an id, which is a number at Hetzner. Raises `ResourceMissing` for what cannot be one."""
    return places.number(PROVIDER, text, what)


def needed(request: Request, kind: Kind, name: str) -> int:
    """Return Hetzner's id of what a request builds on. Raises `Rejected` if nobody said it."""
    key = Key(kind, name)
    if key not in request.ids:
        raise Rejected(CLOUD, f"{request.key} needs {key}, whose id is not known")
    return number(request.ids[key], kind)


def pair(resource_id: str, kind: Kind) -> tuple[int, int]:
    """Return the two ids that an attachment's id is made of, the second a server's."""
    held, _, server = resource_id.partition(":")
    return number(held, kind), number(server, kind)


def region(place: wire.Named | None) -> dict[str, str]:
    """Return a location as a property, or nothing if Hetzner does not tell it."""
    return present(region=wire.name_of(place))


def present(**values: str | None) -> dict[str, str]:
    """Return those values that are there."""
    return {name: value for name, value in values.items() if value}
