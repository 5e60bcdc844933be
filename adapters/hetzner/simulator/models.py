"""The records that a project holds. Knows what is remembered of each, not how it is shown or checked."""

from dataclasses import dataclass, field

from .wire import JsonObject


@dataclass
class Action:
    """Something that takes time."""

    id: int
    command: str
    started: str
    resources: tuple[tuple[str, int], ...]
    status: str = "running"
    finished: str | None = None
    error: JsonObject | None = None


@dataclass
class Record:
    """What all that has a name has."""

    id: int
    name: str
    labels: dict[str, str]
    created: str


@dataclass
class SshKey(Record):
    """A public key."""

    public_key: str
    fingerprint: str


@dataclass
class Network(Record):
    """A private network; its subnets are of type cloud, all in one zone."""

    ip_range: str
    subnets: list[JsonObject] = field(default_factory=list)


@dataclass
class Firewall(Record):
    """Rules, and whom they are for: selectors and numbers of servers. `letting_go` are still under it."""

    rules: list[JsonObject] = field(default_factory=list)
    selectors: list[str] = field(default_factory=list)
    servers: list[int] = field(default_factory=list)
    letting_go: set[int] = field(default_factory=set)


@dataclass
class Server(Record):
    """A virtual machine."""

    location: str
    server_type: str
    image: int
    ip: str
    ip_id: int
    ssh_keys: tuple[int, ...]
    user_data: str
    status: str = "initializing"
    locked: bool = True
    inside: dict[int, str] = field(default_factory=dict)  # its address, by the network's number


@dataclass
class Volume(Record):
    """Block storage."""

    location: str
    size: int
    format: str | None
    status: str = "creating"
    server: int | None = None
    busy: bool = False


@dataclass
class LoadBalancer(Record):
    """A load balancer."""

    location: str
    type: str
    algorithm: str
    ip: str
    services: list[JsonObject]
    targets: list[JsonObject]
    inside: dict[int, str] = field(default_factory=dict)


@dataclass
class FloatingIp(Record):
    """A public address that can be moved."""

    location: str
    ip: str
    description: str | None
    server: int | None = None
