"""What all kinds of resources have in common, and what they all know of the cloud they are in.

A family is one kind; its methods are those of the port `Cloud`. `Site` is the project and region. Knows the
transport; knows no kind.
"""

from abc import ABC, abstractmethod
from functools import cached_property
from threading import RLock
from typing import ClassVar, Generic, Self, TypeVar

from ...engine.domain.resources import Accepted, ClusterRef, Key, Kind, Observed, Request, Status
from ...engine.errors import CloudError, Rejected, ResourceMissing
from .answers import CLOUD
from .settings import EXTERNAL, Settings
from .transport import NETWORK, Login, Transport
from .wire import NetworkInfo

R = TypeVar("R")  # what the engine desires


class Site:
    """A project in a region of a cloud. What is asked once is kept: it does not change while it is in use."""

    def __init__(self, transport: Transport, settings: Settings) -> None:
        self.transport = transport
        self.settings = settings
        self._lock = RLock()

    @property
    def login(self) -> Login:
        """What the credentials open. Raises `Denied`."""
        return self.transport.login()

    @property
    def region(self) -> str:
        """The region. Raises `Rejected` where there are several and nobody chose."""
        regions = self.login.regions
        chosen = self.transport.region
        if chosen in regions:
            return chosen
        named = ", ".join(regions) or "none"
        if chosen:
            raise Rejected(CLOUD, f"there is no region {chosen!r}; regions: {named}")
        if len(regions) != 1:
            raise Rejected(CLOUD, f"several regions, and OS_REGION_NAME names none of them: {named}")
        return regions[0]

    def here(self, region: str) -> None:
        """Raise `Rejected` for another region than this one."""
        if region != self.region:
            raise Rejected(CLOUD, f"there is no region {region!r} here, only {self.region!r}")

    @property
    def external(self) -> NetworkInfo | None:
        """The network that leads outside, or None. Raises `Rejected` where nobody chose of several."""
        with self._lock:
            return self._external

    @cached_property
    def _external(self) -> NetworkInfo | None:
        found = self.transport.listed(
            NETWORK, "/networks", "networks", NetworkInfo, {"router:external": "true"}
        )
        wanted = self.settings.external
        if wanted:
            found = [item for item in found if wanted in {item.name, item.id}]
            if not found:
                raise Rejected(CLOUD, f"{EXTERNAL}: there is no external network {wanted!r}")
        elif len(found) > 1:
            found = [item for item in found if item.is_default] or found
        if len(found) > 1:
            names = ", ".join(sorted(item.name or item.id for item in found))
            raise Rejected(CLOUD, f"several external networks, and {EXTERNAL} names none of them: {names}")
        return found[0] if found else None

    def of_project(self, **query: str) -> dict[str, str]:
        """Return a query for lists of Neutron and Octavia, who show an administrator all projects."""
        return {"project_id": self.login.project, **query}


class Family(ABC, Generic[R]):
    """Everything that can be done with resources of one kind."""

    kind: ClassVar[Kind]
    desired: type[R]

    def __init__(self, site: Site) -> None:
        self.site = site
        self.transport = site.transport

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
        """Return one once it is usable."""
        observed = self.observe(accepted.id)
        if observed is not None and observed.status is Status.FAILED:
            raise Rejected(CLOUD, self.why(observed))
        return observed if observed is not None and observed.status is Status.READY else None

    def why(self, observed: Observed) -> str:
        """Say why something failed."""
        told = observed.attributes.get("fault", "")
        return f"the cloud gave up on the {self.kind} {observed.name}{': ' if told else ''}{told}"

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Refuse: most kinds can only be replaced."""
        what = ", ".join(sorted(changed))
        raise Rejected(CLOUD, f"{request.key} ({resource_id}): {what} cannot be changed in place")

    def resource(self, request: Request) -> R:
        """Return the request's resource, which must be of this kind."""
        if not isinstance(request.resource, self.desired):
            raise Rejected(CLOUD, f"{request.key} is no {self.kind}")
        return request.resource


class Steps:
    """A resource that takes several requests: from the second on, an error says that something is there."""

    def __init__(self) -> None:
        self.begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self.begun and isinstance(error, CloudError):
            error.ambiguous = True

    def done(self) -> None:
        """Say that something has been changed."""
        self.begun = True


def needed(request: Request, kind: Kind, name: str) -> str:
    """Return the provider's id of what a request builds on. Raises `Rejected` if nobody said it."""
    key = Key(kind, name)
    if key not in request.ids:
        raise Rejected(CLOUD, f"{request.key} needs {key}, whose id is not known")
    return request.ids[key]


def present(**values: str | None) -> dict[str, str]:
    """Return those values that are there."""
    return {name: value for name, value in values.items() if value}
