"""What all kinds of resources have in common: how one is asked for, seen, found and marked.

A family is one kind. `Family` is what the adapter asks of each; `Listed` fits a kind that EC2 lists and tags.
Knows the talk; knows no kind.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, Generic, TypeVar

from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Key,
    Kind,
    Observed,
    Request,
    Status,
)
from ...engine.errors import CloudError, Conflict, Rejected, ResourceMissing
from . import wire
from .names import CLOUD, KIND, UNFINISHED, Place, belongs, pairs, place
from .talk import Talk

W = TypeVar("W", bound=wire.Tagged)  # what EC2 lists
R = TypeVar("R")  # what the engine desires

FILTER_VALUES = 200
"""How many values a filter of EC2's takes."""
Filters = Mapping[str, Sequence[str]]


class Family(ABC, Generic[R]):
    """Everything that can be done with resources of one kind; the methods are those of the port `Cloud`."""

    kind: ClassVar[Kind]
    desired: type[R]
    id_prefix: ClassVar[str] = ""
    """What AWS's ids of it begin with, for what has its tags in EC2's list of tags."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk

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
    def of(self, region: str, cluster: ClusterRef, ids: Sequence[str]) -> list[Observed]:
        """Return those of a cluster in a region. `ids` are AWS's of what has its tags there."""

    def has(self, found: str) -> bool:
        """Whether an id of AWS's is of something of this kind, or of what it is read off."""
        return bool(self.id_prefix) and found.startswith(self.id_prefix)

    def observe(self, resource_id: str) -> Observed | None:
        """Return one by id, or None."""
        try:
            return self.look(resource_id)
        except ResourceMissing:
            return None

    def ready(self, accepted: Accepted) -> Observed | None:
        """Return one once it is usable.

        What AWS accepted may be missing from its answers for a while, and a mark that was taken away may show
        for a while: both are "not yet". The engine asks until its deadline.
        """
        observed = self.observe(accepted.id)
        if observed is None or "unfinished" in observed.attributes:
            return None
        if observed.status is Status.FAILED:
            raise Rejected(CLOUD, f"AWS gave up on the {self.kind} {observed.name}")
        return observed if observed.status is Status.READY else None

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Refuse: most kinds can only be replaced."""
        what = ", ".join(sorted(changed))
        raise Rejected(CLOUD, f"{request.key} ({resource_id}): {what} cannot be changed in place")

    def resource(self, request: Request) -> R:
        """Return the request's resource, which must be of this kind."""
        if not isinstance(request.resource, self.desired):
            raise Rejected(CLOUD, f"{request.key} is no {self.kind}")
        return request.resource


class Listed(Family[R], Generic[W, R]):
    """A kind with a list in EC2. `operation` and `key` name it, `id_filter` is the filter for ids."""

    operation: ClassVar[str]
    key: ClassVar[str]
    id_filter: ClassVar[str]
    tagged_filter: ClassVar[str] = ""
    """The filter for the ids under which EC2 lists tags, where it is another one."""
    item: type[W]

    @abstractmethod
    def region(self, request: Request) -> str:
        """Return where a request's resource is to be."""

    @abstractmethod
    def id_of(self, item: W) -> str:
        """Return AWS's id."""

    @abstractmethod
    def seen(self, region: str, item: W) -> Observed:
        """Return one as the engine sees it."""

    def filtered(self, region: str, filters: Filters) -> list[W]:
        """Return what fits all filters. An id that is not there is no error in a filter."""
        return self.talk.listed(region, self.operation, self.key, self.item, Filters=ec2_filters(filters))

    def get(self, at: Place) -> W:
        """Return one. Raises `ResourceMissing`."""
        for item in self.filtered(at.region, {self.id_filter: [at.id]}):
            if self.id_of(item) == at.id and not self.is_gone(item):
                return item
        raise ResourceMissing(CLOUD, f"there is no {self.kind} {at}")

    def look(self, resource_id: str) -> Observed:
        """Return one by id."""
        at = place(resource_id, self.kind)
        return self.seen(at.region, self.get(at))

    def named(self, request: Request) -> list[W]:
        """Return those of the request's name. AWS lets several have it."""
        found = self.filtered(self.region(request), self.by_name(request))
        mine = {self.kind.value, ""}
        return [
            item
            for item in found
            if self.name_of(item) == request.name
            and item.marked.get(KIND, "") in mine
            and not self.is_gone(item)
        ]

    def find(self, request: Request) -> list[Observed]:
        """Return those of the request's name."""
        region = self.region(request)
        return [self.seen(region, item) for item in self.named(request)]

    def of(self, region: str, cluster: ClusterRef, ids: Sequence[str]) -> list[Observed]:
        """Return those of a cluster, by tag and by name."""
        return [self.seen(region, item) for item in self.items_of(region, cluster, ids)]

    def items_of(self, region: str, cluster: ClusterRef, ids: Sequence[str]) -> list[W]:
        """Return those of a cluster as AWS shows them."""
        return [
            item
            for item in self.some(region, ids)
            if not self.is_gone(item) and belongs(cluster, self.kind, self.name_of(item), item.marked)
        ]

    def some(self, region: str, ids: Sequence[str]) -> list[W]:
        """Return those of the ids that are there."""
        return [
            item
            for at in range(0, len(ids), FILTER_VALUES)
            for item in self.filtered(
                region, {self.tagged_filter or self.id_filter: ids[at : at + FILTER_VALUES]}
            )
        ]

    def refuse_second(self, request: Request) -> None:
        """Raise `Conflict` if there is one of the request's name: AWS would make a second."""
        if self.named(request):
            raise Conflict(CLOUD, f"there is a {self.kind} {request.name} already")

    def finished(self, at: Place) -> None:
        """Take the mark of the unfinished away."""
        self.talk.call(
            at.region, "ec2.delete_tags", wire.Nothing, Resources=[at.id], Tags=[{"Key": UNFINISHED}]
        )

    def unfinished(self, at: Place) -> None:
        """Mark something as not whole, before it is taken apart."""
        self.talk.call(
            at.region, "ec2.create_tags", wire.Nothing, Resources=[at.id], Tags=pairs({UNFINISHED: "yes"})
        )

    def by_name(self, request: Request) -> Filters:
        """Return the filters for a request's name."""
        return {"tag:Name": [request.name]}

    @staticmethod
    def name_of(item: W) -> str:
        """Return the name."""
        return item.name

    @staticmethod
    def is_gone(item: W) -> bool:  # noqa: ARG004
        """Whether it is only still listed."""
        return False


def ec2_filters(filters: Filters) -> list[dict[str, object]]:
    """Return filters as EC2 takes them."""
    return [{"Name": name, "Values": list(values)} for name, values in filters.items()]


def tag_specifications(tags: Mapping[str, str], *resource_types: str) -> list[dict[str, object]]:
    """Return tags as they are given to what is being made."""
    return [{"ResourceType": kind, "Tags": pairs(tags)} for kind in resource_types]


def needed(request: Request, kind: Kind, name: str) -> Place:
    """Return what a request builds on. Raises `Rejected` if nobody said its id."""
    key = Key(kind, name)
    if key not in request.ids:
        raise Rejected(CLOUD, f"{request.key} needs {key}, whose id is not known")
    return place(request.ids[key], kind)


def present(**values: str | None) -> dict[str, str]:
    """Return those values that are there."""
    return {name: value for name, value in values.items() if value}


def status(tags: Mapping[str, str], otherwise: Status = Status.READY) -> Status:
    """Return FAILED for what is not whole, else what it is otherwise."""
    return Status.FAILED if UNFINISHED in tags else otherwise


def unfinished_mark(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the mark of the unfinished as an attribute, for people and for `ready`."""
    return (
        {"unfinished": "several requests make it, and not all had their effect"} if UNFINISHED in tags else {}
    )


@contextmanager
def later_request() -> Iterator[None]:
    """Mark what is raised as ambiguous: an earlier request of the same call has had its effect."""
    try:
        yield
    except CloudError as error:
        error.ambiguous = True
        raise
