"""A small world for tests: an account, a store, a clock that nobody waits for, ways to break things."""

import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import msgspec
import pytest

from kubisnap.adapters.sandbox import Faults, Sandbox, schema
from kubisnap.adapters.testing import ManualClock
from kubisnap.engine.domain import decisions
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.catalogue import Catalogue
from kubisnap.engine.domain.model import (
    ClusterSpec,
    FirewallSpec,
    Forward,
    Image,
    LoadBalancerSpec,
    NetworkSpec,
    Placement,
    PoolSpec,
    Protocol,
    ReservedIpSpec,
    Role,
    Rule,
    Size,
    SshKeySpec,
    SubnetSpec,
    VolumeSpec,
    canonical,
)
from kubisnap.engine.domain.resources import (
    Accepted,
    ClusterRef,
    Desired,
    Key,
    Kind,
    Observed,
    Request,
    SshKey,
    provider_name,
)
from kubisnap.engine.domain.state import ClusterState, fold
from kubisnap.engine.errors import CloudError, Interrupted, OperationFailed
from kubisnap.engine.journal import sqlite
from kubisnap.engine.journal.log import Journal, open_journal
from kubisnap.engine.operations.blueprint import blueprint
from kubisnap.engine.operations.changing import (
    Prepared,
    carry_out,
    prepare_change,
    prepare_create,
    prepare_delete,
)
from kubisnap.engine.operations.context import Context, Pace, Progress, Silence
from kubisnap.engine.operations.execution import Result
from kubisnap.engine.operations.planning import fields_of
from kubisnap.engine.operations.undoing import prepare_redo, prepare_revert, prepare_undo
from kubisnap.engine.ports import Account, Allowance, Cloud

_T = TypeVar("_T")

OUR_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm7A0Nmm7A0Nmm7A0Nmm7A0Nmm7A0Nmm7A0Nmm7A0Nm ours@example"
FOREIGN_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFfFfFfFfFfFfFfFfFfFfFfFfFfFfFfFfFfFfFfFfFfF theirs@example"
)


def spec(
    name: str = "web", *, workers: int = 1, region: str = "sim-us-east", rich: bool = True
) -> ClusterSpec:
    """Return a cluster with at least one resource of every kind; without `rich`, a few kinds only."""
    size = Size(vcpus=1, memory_mib=1024)
    image = Image(os="debian-12")
    pools = (
        PoolSpec(name="control-plane", role=Role.CONTROL_PLANE, count=1, size=size, image=image),
        PoolSpec(name="workers", role=Role.WORKER, count=workers, size=size, image=image),
    )
    ssh = Rule(protocol=Protocol.TCP, ports="22", sources=("192.0.2.0/24",))
    plain = ClusterSpec(
        name=name,
        kubernetes="1.34",
        placement=Placement(cloud="sandbox", region=region),
        network=NetworkSpec(cidr="10.90.0.0/20"),
        firewalls=(FirewallSpec(name="nodes", role=Role.WORKER, allow=(ssh,)),),
        pools=pools,
    )
    if not rich:
        return canonical(plain)
    return canonical(
        msgspec.structs.replace(
            plain,
            network=NetworkSpec(
                cidr="10.90.0.0/20", subnets=(SubnetSpec(name="inner", cidr="10.90.4.0/24"),)
            ),
            ssh_keys=(
                SshKeySpec(name="admin", public_key=OUR_KEY),
                SshKeySpec(name="guest", public_key=FOREIGN_KEY),
            ),
            volumes=(VolumeSpec(name="data", size_gib=10, server="control-plane-0"),),
            load_balancers=(
                LoadBalancerSpec(
                    name="front", role=Role.WORKER, forward=(Forward(port=80, target_port=30080),)
                ),
            ),
            reserved_ips=(ReservedIpSpec(name="entry", server="control-plane-0"),),
        )
    )


def with_count(cluster: ClusterSpec, count: int, pool: str = "workers") -> ClusterSpec:
    """Return the spec with another number of servers in a pool."""
    pools = tuple(
        msgspec.structs.replace(item, count=count) if item.name == pool else item for item in cluster.pools
    )
    return msgspec.structs.replace(cluster, pools=pools)


class ProcessDied(BaseException):
    """The process ended here: nothing that comes after it happens."""


@dataclass
class Trap:
    """What to do at a call. `before` and `after` raise what is to be raised."""

    method: str
    kind: Kind | None
    name: str
    nth: int
    times: int
    before: Callable[[], None] | None
    after: Callable[[], None] | None
    seen: int = 0


def _no_hook(_method: str, _kind: Kind | None, _name: str) -> None:
    """Do nothing."""


@dataclass
class Meddler:
    """A cloud that passes every call on to another, and does what it is told before and after some.

    `calls` lists all calls: (method, kind, name or id). `watch` is called before every one.
    """

    cloud: Cloud
    traps: list[Trap] = field(default_factory=list)
    calls: list[tuple[str, Kind | None, str]] = field(default_factory=list)
    watch: Callable[[str, Kind | None, str], None] = _no_hook
    running: int = 0
    most: int = 0
    lock: Lock = field(default_factory=Lock)

    @property
    def name(self) -> str:
        return self.cloud.name

    def on(
        self,
        method: str,
        kind: Kind | None = None,
        name: str = "",
        *,
        nth: int = 1,
        times: int = 1,
        before: CloudError | BaseException | Callable[[], None] | None = None,
        after: CloudError | BaseException | Callable[[], None] | None = None,
    ) -> None:
        """At the calls `nth` to ``nth + times - 1`` that match, do or raise something."""
        self.traps.append(Trap(method, kind, name, nth, times, _doing(before), _doing(after)))

    def count(self, method: str, name: str = "", kind: Kind | None = None) -> int:
        return sum(
            called == method and name in {"", what} and kind in {None, which}
            for called, which, what in self.calls
        )

    @contextmanager
    def _around(self, method: str, kind: Kind | None, name: str) -> Iterator[None]:
        with self.lock:
            self.calls.append((method, kind, name))
            self.running += 1
            self.most = max(self.most, self.running)
            struck = []
            for rule in self.traps:
                if rule.method in {"", method} and rule.kind in {None, kind} and rule.name in {"", name}:
                    rule.seen += 1
                    if rule.nth <= rule.seen < rule.nth + rule.times:
                        struck.append(rule)
        try:
            self.watch(method, kind, name)
            for rule in struck:
                if rule.before is not None:
                    rule.before()
            yield
            for rule in struck:
                if rule.after is not None:
                    rule.after()
        finally:
            with self.lock:
                self.running -= 1

    def account(self) -> Account:
        with self._around("account", None, ""):
            return self.cloud.account()

    def catalogue(self) -> Catalogue:
        with self._around("catalogue", None, ""):
            return self.cloud.catalogue()

    def allowance(self, region: str) -> Allowance:
        with self._around("allowance", None, region):
            return self.cloud.allowance(region)

    def create(self, request: Request) -> Accepted:
        with self._around("create", request.key.kind, request.name):
            return self.cloud.create(request)

    def ready(self, kind: Kind, accepted: Accepted) -> Observed | None:
        with self._around("ready", kind, accepted.id):
            return self.cloud.ready(kind, accepted)

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        with self._around("update", request.key.kind, request.name):
            return self.cloud.update(request, resource_id, changed)

    def delete(self, kind: Kind, resource_id: str) -> None:
        with self._around("delete", kind, resource_id):
            self.cloud.delete(kind, resource_id)

    def observe(self, kind: Kind, resource_id: str) -> Observed | None:
        with self._around("observe", kind, resource_id):
            return self.cloud.observe(kind, resource_id)

    def find(self, request: Request) -> list[Observed]:
        with self._around("find", request.key.kind, request.name):
            return self.cloud.find(request)

    def observe_all(self, cluster: ClusterRef) -> list[Observed]:
        with self._around("observe_all", None, cluster.id):
            return self.cloud.observe_all(cluster)

    def close(self) -> None:
        self.cloud.close()


def _doing(what: BaseException | Callable[[], None] | None) -> Callable[[], None] | None:
    if not isinstance(what, BaseException):
        return what
    error = what

    def throw() -> None:
        # a new one each time: errors carry marks
        raise replace(error) if isinstance(error, CloudError) else error

    return throw


class World:
    """One account, one store, one operator. Everything waits on the same clock, which only tests move."""

    def __init__(self, folder: Path, *, latency: float = 0.0, parallel: int = 4) -> None:
        self.folder = folder
        self.clock = ManualClock()
        _furnish(folder, "cloud.sqlite", "store.sqlite")
        self.sandbox = Sandbox(folder / "cloud.sqlite", clock=self.clock, latency=latency)
        self.cloud = Meddler(self.sandbox)
        self.url = f"sqlite:///{folder / 'store.sqlite'}"
        self.journal = open_journal(self.url, create=True)
        self.pace = Pace(parallel=parallel)
        self.alive: bool | None = False
        self.progress: Progress = Silence()
        self._seed = 0

    def close(self) -> None:
        self.journal.close()
        self.sandbox.close()

    def reopen(self) -> Journal:
        """Open the store anew, as the next process would."""
        self.journal.close()
        self.journal = open_journal(self.url, create=True)
        return self.journal

    def context(self, **changes: Any) -> Context:
        self._seed += 1
        values: dict[str, Any] = {
            "actor": "tester",
            "holder": ev.Holder(host="here", pid=4242),
            "tool": "kubisnap test",
            "clock": self.clock,
            "random": random.Random(self._seed),
            "reason": "a test",
            "alive": lambda _: self.alive,
            "progress": self.progress,
            "pace": self.pace,
        }
        return Context(**{**values, **changes})

    def add_foreign_key(self) -> str:
        """Put a key into the account that no cluster of ours made; return its id."""
        stranger = ClusterRef(id="f" * 32, name="stranger")
        key = Key(Kind.SSH_KEY, "laptop")
        request = Request(
            cluster=stranger,
            key=key,
            resource=SshKey(public_key=" ".join(FOREIGN_KEY.split()[:2])),
            name="laptop",
            ids={},
        )
        return self.sandbox.create(request).id

    def mend(self) -> None:
        """Let nothing go wrong any more, and let a minute pass."""
        self.cloud = Meddler(self.sandbox)
        self.sandbox.inject(Faults())
        self.clock.sleep(60.0)

    # ── operations ───────────────────────────────────────────────────────────────────────────

    def state(self, name: str = "web") -> ClusterState:
        return self.journal.state(self.journal.cluster_id(name, gone=True))

    def log(self, name: str = "web") -> list[ev.Recorded]:
        return self.journal.read(self.journal.cluster_id(name, gone=True))

    def prepare_create(self, cluster: ClusterSpec | None = None) -> Prepared:
        return prepare_create(
            self.journal, self.cloud, spec() if cluster is None else cluster, self.context()
        )

    def prepare_apply(
        self, cluster: ClusterSpec | None = None, name: str = "web", state: ClusterState | None = None
    ) -> Prepared:
        state = self.state(name) if state is None else state
        return prepare_change(self.cloud, state, self.context(), spec=cluster)

    def undo(self, name: str = "web", *, to: int = 0) -> Result:
        """Take back the newest operation, or all since one."""
        state, context = self.state(name), self.context()
        return self.carry_out_undoing(prepare_undo(self.journal, self.cloud, state, context, to=to), context)

    def redo(self, name: str = "web") -> Result:
        """Do again what was undone last."""
        state, context = self.state(name), self.context()
        return self.carry_out_undoing(prepare_redo(self.journal, self.cloud, state, context), context)

    def revert(self, number: int, name: str = "web") -> Result:
        """Take back one operation."""
        state, context = self.state(name), self.context()
        return self.carry_out_undoing(
            prepare_revert(self.journal, self.cloud, state, context, number), context
        )

    def carry_out_undoing(self, prepared: Prepared, context: Context) -> Result:
        """Carry out what was prepared as an undo, a redo or a revert."""
        assert prepared.undoing is not None
        return self.carry_out(prepared, prepared.undoing.kind, context, prepared.undoing.summary)

    def prepare_delete(self, name: str = "web") -> Prepared:
        return prepare_delete(self.cloud, self.state(name), self.context())

    def carry_out(
        self,
        prepared: Prepared,
        kind: ev.OperationKind,
        context: Context | None = None,
        summary: str = "",
    ) -> Result:
        """Carry out, and see that the state that it kept is the fold of the log that it wrote."""
        try:
            result = carry_out(
                self.journal,
                self.cloud,
                prepared,
                context or self.context(),
                kind=kind,
                summary=summary or kind.value,
            )
        except (OperationFailed, Interrupted):
            assert prepared.state == self.journal.state(prepared.cluster_id)
            raise
        assert prepared.state == self.journal.state(prepared.cluster_id)
        return result

    def create(self, cluster: ClusterSpec | None = None) -> Result:
        return self.carry_out(self.prepare_create(cluster), ev.OperationKind.CREATE)

    def apply(self, cluster: ClusterSpec | None = None, name: str = "web") -> Result:
        return self.carry_out(self.prepare_apply(cluster, name), ev.OperationKind.APPLY)

    def scale(self, count: int, name: str = "web") -> Result:
        state = self.state(name)
        wanted = decisions.scaled(state, {"workers": count})
        prepared = prepare_change(self.cloud, state, self.context(), spec=wanted)
        return self.carry_out(prepared, ev.OperationKind.SCALE)

    def delete(self, name: str = "web") -> Result:
        return self.carry_out(self.prepare_delete(name), ev.OperationKind.DELETE)

    def failing(self, operation: Callable[[], _T]) -> OperationFailed:
        """Run something that must fail, and return how it did."""
        with pytest.raises(OperationFailed) as caught:
            operation()
        return caught.value

    # ── looking ──────────────────────────────────────────────────────────────────────────────

    def dump(self) -> list[dict[str, Any]]:
        return self.sandbox.dump()

    def events(self, *types: type[ev.Event], name: str = "web") -> list[Any]:
        return [item.event for item in self.log(name) if isinstance(item.event, types)]

    def last_outcome(self, name: str = "web") -> ev.OperationFinished:
        finished = self.events(ev.OperationFinished, name=name)[-1]
        assert isinstance(finished, ev.OperationFinished)
        return finished

    def desired(self, name: str = "web") -> list[Desired]:
        return blueprint(self.state(name).spec(), self.sandbox.catalogue())

    def assert_converged(self, name: str = "web") -> None:
        """What is declared is there, once; nothing else of ours is; planning finds nothing to do."""
        state, _ = self.assert_sound(name)
        wanted = {item.key: item.resource for item in blueprint(state.spec(), self.sandbox.catalogue())}
        assert state.bindings.keys() == wanted.keys()
        assert all(binding.ready for binding in state.bindings.values())
        held = {(item["kind"], item["id"]): item for item in self.dump()}
        for key, binding in state.bindings.items():
            shown = held[key.kind.value, binding.resource_id]["properties"]
            asked = msgspec.json.decode(msgspec.json.encode(fields_of(wanted[key])))
            assert shown == {name: value for name, value in asked.items() if name in shown}
        mine = Counter(
            (item["kind"], item["name"]) for item in held.values() if item["cluster"] == state.cluster_id
        )
        named = Counter(
            (key.kind.value, provider_name(state.ref, key))
            for key, binding in state.bindings.items()
            if binding.owned
        )
        assert mine == named
        assert self.prepare_apply(name=name, state=state).empty

    def assert_nothing_left(self, name: str = "web") -> None:
        """Nothing of the cluster is in the account."""
        cluster_id = self.journal.cluster_id(name, gone=True)
        assert [item for item in self.dump() if item["cluster"] == cluster_id] == []

    def assert_sound(self, name: str = "web") -> tuple[ClusterState, list[ev.Recorded]]:
        """The log has no gap, and folds to what the journal says: return both."""
        events, state = self.log(name), self.state(name)
        assert [item.version for item in events] == list(range(1, len(events) + 1))
        assert fold(events) == state
        return state, events


@contextmanager
def unsynced() -> Iterator[None]:
    """Let stores and sandboxes skip fsync, where a test is not about what a power cut leaves."""
    with pytest.MonkeyPatch.context() as patch:
        without_syncs(patch)
        yield


def without_syncs(patch: pytest.MonkeyPatch) -> None:
    """Let stores and sandboxes skip fsync until the patch is undone."""
    create, prepare = sqlite._Pool._create_connection, schema._prepare

    def fast(pool: sqlite._Pool) -> Any:
        connection = create(pool)
        connection.cursor().execute("PRAGMA synchronous=OFF")
        return connection

    def prepared_fast(connection: sqlite3.Connection, path: Path) -> None:
        prepare(connection, path)
        connection.execute("PRAGMA synchronous=OFF")

    patch.setattr(sqlite._Pool, "_create_connection", fast)
    patch.setattr(schema, "_prepare", prepared_fast)


_EMPTY: dict[str, bytes] = {}
"""An account and a store that nothing was put into: to make them anew each time costs many a sync."""


def _furnish(folder: Path, cloud: str, store: str) -> None:
    if not _EMPTY:
        with tempfile.TemporaryDirectory() as name:
            first = Path(name)
            sandbox = Sandbox(first / cloud, clock=ManualClock())
            sandbox.inventory()
            sandbox.close()
            open_journal(f"sqlite:///{first / store}", create=True).close()
            _EMPTY.update({file.name: file.read_bytes() for file in first.iterdir()})
    for file, content in _EMPTY.items():
        if not (folder / file).exists():
            (folder / file).write_bytes(content)
