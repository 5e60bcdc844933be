"""The simulated cloud itself: the engine's `Cloud` port over a SQLite file.

Knows: what happens at each call, and when. What is refused is in `rules`, what a resource becomes
in `making`, what goes wrong on request in `faults`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ...engine.domain.catalogue import Catalogue
from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Firewall,
    Kind,
    LoadBalancer,
    Observed,
    Request,
    SshKey,
    Status,
    Volume,
    kind_of,
)
from ...engine.errors import Conflict, Denied, Rejected, ResourceMissing
from ...engine.ports import Account, Allowance, Clock, Room, before_sending
from . import rules
from .catalogue import CATALOGUE, CLOUD
from .faults import Fault, Faults, Injector
from .making import row_of, told
from .rows import Row
from .store import Session, Store
from .timing import DEFAULT_SCALE, Timing

_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")

UPDATABLE: dict[Kind, frozenset[str]] = {
    Kind.FIREWALL: frozenset({"rules"}),
    Kind.LOAD_BALANCER: frozenset({"forward"}),
    Kind.VOLUME: frozenset({"size_gib"}),
}
"""What can be changed in place; volumes grow only."""

_BLOCKERS: dict[Kind, frozenset[Kind]] = {
    Kind.NETWORK: frozenset({Kind.SERVER, Kind.SUBNET, Kind.LOAD_BALANCER}),
    Kind.SUBNET: frozenset({Kind.SERVER}),
    Kind.VOLUME: frozenset({Kind.VOLUME_ATTACHMENT}),
}
_CASCADES: dict[Kind, frozenset[Kind]] = {
    Kind.SERVER: frozenset({Kind.VOLUME_ATTACHMENT, Kind.RESERVED_IP_ASSIGNMENT}),
    Kind.RESERVED_IP: frozenset({Kind.RESERVED_IP_ASSIGNMENT}),
}


class Sandbox:
    """One account of a simulated cloud; nothing in it is real.

    Several may be open on one file, in one process or many. `latency` scales what a real cloud
    takes to make things (1: as slow, 0: at once), told by comparing with `clock`, never by waiting;
    `call_seconds` is slept at each call. All chance comes from `seed`.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        account: str = "default",
        clock: Clock,
        seed: int = 0,
        latency: float = DEFAULT_SCALE,
        call_seconds: float = 0.0,
        faults: Faults | None = None,
    ) -> None:
        self._account = account
        self._clock = clock
        self._seed = seed
        self._call_seconds = call_seconds
        self._timing = Timing(seed, latency)
        self._injector = Injector(faults or Faults(), seed)
        self._store = Store(Path(path))

    @property
    def name(self) -> str:
        """The cloud's name, ``sandbox``."""
        return CLOUD

    def account(self) -> Account:
        """Return the account; a new name is a new, empty account. Raises `Denied` for what is no name."""
        with self._call("account", None, self._account), self._reading():  # a file that fails is no account
            title = f"sandbox account {self._account} (simulated)"
            return Account(id=f"sandbox-{self._account}", title=title)

    def catalogue(self) -> Catalogue:
        """Return what the simulated cloud pretends to offer."""
        with self._call("catalogue", None, ""):
            return CATALOGUE

    def allowance(self, region: str) -> Allowance:
        """Return the account's quotas; there are no permissions here, and networks may overlap."""
        with self._call("allowance", None, region), self._reading() as session:
            rooms = {
                kind.value: Room(limit=quota, used=session.count(kind))
                for kind in Kind
                if (quota := session.quota(kind)) is not None
            }
            return Allowance(rooms=rooms)

    def create(self, request: Request) -> Accepted:
        """Make a resource, ready after a while. See `rules` for what is refused."""
        kind = kind_of(request.resource)
        with self._call("create", kind, request.name) as fault, self._writing() as session:
            links = rules.check(request, session)
            row, addresses = row_of(request, links, session, self._seed)
            ready_at = session.now + self._timing.seconds("create", kind, row.id)
            row = msgspec.structs.replace(
                row,
                ready_at=ready_at,
                busy_until=ready_at,
                listed_at=session.now + self._injector.faults.list_lag,
                failure="no host had room for it (simulated fault)" if fault is Fault.FAILING else "",
            )
            session.insert(row)
            for scope, address in addresses.items():
                session.take_address(scope, address, row)
            return Accepted(id=row.id)

    def ready(self, kind: Kind, accepted: Accepted) -> Observed | None:
        """Return the resource once it is usable, None while it is being made or changed."""
        with self._call("ready", kind, accepted.id), self._reading() as session:
            row = _existing(session, kind, accepted.id)
            status = row.status(session.now)
            if status is Status.FAILED:
                raise Rejected(CLOUD, f"{kind} {row.name} could not be made: {row.failure}")
            if status is Status.DELETING:
                raise ResourceMissing(CLOUD, f"{kind} {row.name} is being deleted", 404)
            busy = status is Status.CREATING or session.now < row.busy_until
            return None if busy else row.observed(session.now)

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Change firewall rules, a load balancer's ports, or grow a volume."""
        kind = kind_of(request.resource)
        with self._call("update", kind, request.name), self._writing() as session:
            row = _existing(session, kind, resource_id)
            if fixed := changed - UPDATABLE.get(kind, frozenset()):
                raise Rejected(
                    CLOUD, f"{', '.join(sorted(fixed))} of a {kind} cannot be changed in place", 422
                )
            if row.status(session.now) is not Status.READY:
                raise Rejected(CLOUD, f"{row.name} is {row.status(session.now)}", 422)
            _check_update(request, row)
            news = {name: value for name, value in told(request.resource).items() if name in changed}
            body = msgspec.structs.replace(row.body, properties={**row.body.properties, **news})
            busy_until = session.now + self._timing.seconds("update", kind, row.id)
            session.change(msgspec.structs.replace(row, body=body, busy_until=busy_until))
            return Accepted(id=row.id)

    def delete(self, kind: Kind, resource_id: str) -> None:
        """Remove a resource; a server takes a while to go. Raises `Conflict` while others depend on it."""
        with self._call("delete", kind, resource_id), self._writing() as session:
            row = _existing(session, kind, resource_id)
            dependants = session.pointing_to(kind, resource_id)
            for dependant in dependants:
                if dependant.kind in _BLOCKERS.get(kind, ()):
                    raise Conflict(CLOUD, f"{row.name} is in use by {dependant.kind} {dependant.name}", 409)
            for dependant in dependants:
                if dependant.kind in _CASCADES.get(kind, ()):
                    session.remove(dependant)
            seconds = self._timing.seconds("delete", kind, row.id)
            if seconds == 0:
                session.remove(row)
            elif row.gone_at is None:  # asked twice: it is leaving already
                session.change(msgspec.structs.replace(row, gone_at=session.now + seconds))

    def observe(self, kind: Kind, resource_id: str) -> Observed | None:
        """Return one resource by id, or None once it is gone."""
        with self._call("observe", kind, resource_id), self._reading() as session:
            row = session.get(kind, resource_id)
            return None if row is None else row.observed(session.now)

    def find(self, request: Request) -> list[Observed]:
        """Return what has the request's name, or the same key material."""
        kind = kind_of(request.resource)
        with self._call("find", kind, request.name), self._reading() as session:
            rows = {row.id: row for row in session.named(kind, request.name)}
            if isinstance(request.resource, SshKey):
                holder = session.holder(kind, rules.key_material(request.resource.public_key))
                rows |= {holder.id: holder} if holder else {}
            return _listed(rows.values(), session)

    def observe_all(self, cluster: ClusterRef) -> list[Observed]:
        """Return everything of the cluster, by kind, name and id."""
        with self._call("observe_all", None, cluster.id), self._reading() as session:
            return _listed(session.of_cluster(cluster.id), session)

    def close(self) -> None:
        """Close the file; a second time is fine."""
        self._store.close()

    # What follows is not part of the port: ways behind the simulated cloud's back, for tests and demos.

    def inject(self, faults: Faults) -> None:
        """Let other things go wrong from now on; scripted counts begin anew."""
        self._injector = Injector(faults, self._seed)

    def inventory(self, account: str = "") -> dict[str, int]:
        """Return how many of each kind an account holds (by default, this one)."""
        with self._reading(account) as session:
            return dict(Counter(row.kind.value for row in session.everything()))

    def wipe(self, account: str = "") -> None:
        """Lose everything in an account at once, as when a cloud or its contract ends."""
        with self._writing(account) as session:
            session.clear()

    def dump(self, account: str = "") -> list[dict[str, Any]]:
        """Return exactly what an account holds as JSON-able values, what the cloud never tells included."""
        with self._reading(account) as session:
            return [
                {
                    "cluster": row.cluster,
                    "failure": row.failure,
                    **msgspec.json.decode(msgspec.json.encode(row.observed(session.now))),
                    "hidden": row.body.hidden,
                }
                for row in session.everything()
            ]

    def set_quota(self, account: str, kind: Kind, number: int) -> None:
        """Set how many of a kind an account may have."""
        with self._writing(account) as session:
            session.set_quota(kind, number)

    @contextmanager
    def _call(self, method: str, kind: Kind | None, name: str) -> Iterator[Fault | None]:
        if not _ACCOUNT.fullmatch(self._account):
            raise Denied(
                CLOUD,
                f"{self._account!r} is not a name for an account",
                401,
                advice="set KUBISNAP_SANDBOX_ACCOUNT to a name of letters, digits, dots and dashes",
            )
        if self._call_seconds:
            self._clock.sleep(self._call_seconds)
        injector = self._injector
        fault = injector.draw(method, kind, name)
        injector.before(fault)
        yield fault
        injector.after(fault)

    @contextmanager
    def _reading(self, account: str = "") -> Iterator[Session]:
        with self._store.session(account or self._account, self._clock.now(), write=False) as session:
            yield session

    @contextmanager
    def _writing(self, account: str = "") -> Iterator[Session]:
        before_sending()
        with self._store.session(account or self._account, self._clock.now(), write=True) as session:
            yield session


def _existing(session: Session, kind: Kind, resource_id: str) -> Row:
    row = session.get(kind, resource_id)
    if row is None:
        raise ResourceMissing(CLOUD, f"no {kind} {resource_id}", 404)
    return row


def _listed(rows: Iterable[Row], session: Session) -> list[Observed]:
    return [row.observed(session.now) for row in rows if row.listed_at <= session.now]


def _check_update(request: Request, row: Row) -> None:
    match request.resource:
        case Firewall(rules=wanted):
            rules.check_rules(wanted)
        case LoadBalancer(forward=forward):
            rules.check_forward(forward)
        case Volume(size_gib=size):
            rules.check_volume_size(size)
            if size < (now := row.body.properties["size_gib"]):
                raise Rejected(CLOUD, f"{row.name} has {now} GiB and cannot shrink to {size}", 422)
        case _:
            pass
