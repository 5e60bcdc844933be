"""Every operation on a cluster of every kind of resource, and what must come of it whatever happens."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import (
    ClusterSpec,
    FirewallSpec,
    Forward,
    LoadBalancerSpec,
    Protocol,
    ReservedIpSpec,
    Role,
    Rule,
    Size,
    SubnetSpec,
    VolumeSpec,
    canonical,
)
from kubisnap.engine.domain.resources import ClusterRef, Firewall, Key, Kind, Request
from kubisnap.engine.errors import NotFound, Rejected
from kubisnap.engine.journal.codec import StoredRow
from kubisnap.engine.operations.abandoning import carry_out_rollback, prepare_rollback
from kubisnap.engine.operations.snapshots import prepare_restore, unpack
from tests.crash.camera import Camera, Picture, picture
from tests.unit.engine.operations.test_rollback import bigger
from tests.unit.engine.world import World, spec, unsynced

NO = Rejected("sandbox", "no")
_STRANGER = "f" * 32
_ID = re.compile(r"(?<=-)[0-9a-f]{8}(?=-|$)")

Inventory = Counter[str]
Act = Callable[[World], object]


# ── what is done ─────────────────────────────────────────────────────────────────────────────────


def changed(base: ClusterSpec) -> ClusterSpec:
    """Return a spec that changes, replaces, adds and removes: of each kind at least one of these."""
    rule = Rule(protocol=Protocol.TCP, ports="2222", sources=("192.0.2.0/24",))
    control, workers = base.pools
    return canonical(
        msgspec.structs.replace(
            base,
            network=msgspec.structs.replace(
                base.network, subnets=(SubnetSpec(name="outer", cidr="10.90.4.0/24"),)
            ),
            ssh_keys=base.ssh_keys[:1],
            pools=(
                control,
                msgspec.structs.replace(workers, size=Size(vcpus=2, memory_mib=4096)),
                msgspec.structs.replace(workers, name="extra"),
            ),
            firewalls=(
                msgspec.structs.replace(base.firewalls[0], allow=(rule,)),
                FirewallSpec(name="control", role=Role.CONTROL_PLANE, allow=(rule,)),
            ),
            volumes=(VolumeSpec(name="more", size_gib=5, server="workers-0"),),
            load_balancers=(
                msgspec.structs.replace(
                    base.load_balancers[0], forward=(Forward(port=443, target_port=30443),)
                ),
                LoadBalancerSpec(name="back", role=Role.WORKER, forward=(Forward(port=25, target_port=25),)),
            ),
            reserved_ips=(ReservedIpSpec(name="exit", server="workers-0"),),
        )
    )


def _settle_strangers(world: World) -> None:
    """Put into the account what is not ours: a key that is used, and a firewall that looks like ours."""
    world.add_foreign_key()
    rules = (Rule(protocol=Protocol.TCP, ports="22", sources=("198.51.100.0/24",)),)
    request = Request(
        cluster=ClusterRef(id=_STRANGER, name="web"),
        key=Key(Kind.FIREWALL, "nodes"),
        resource=Firewall(role=Role.WORKER, rules=rules),
        name="web-nodes-ffffffff",
        ids={},
    )
    world.sandbox.create(request)


def _restore(world: World) -> None:
    state = world.state("web")
    rows = [StoredRow._make(row) for row in world.journal.rows(state.cluster_id)]
    archived = unpack("web.ksnap", "sha256:" + "0" * 64, rows)
    prepared = prepare_restore(
        world.journal, world.cloud, archived, world.context(), name="web-eu", region="sim-eu-central"
    )
    world.carry_out(prepared, ev.OperationKind.RESTORE)


def take_back(world: World, name: str = "web", *, abandon: bool = True) -> None:
    """Go back from what is unfinished."""
    kind = ev.OperationKind.ABANDON if abandon else ev.OperationKind.ROLLBACK
    prepared = prepare_rollback(world.cloud, world.state(name), world.context(), abandon=abandon)
    carry_out_rollback(world.journal, world.cloud, prepared, world.context(), kind=kind, summary=kind.value)


def _spoil(world: World) -> None:
    """Let the last step fail, when most is made that is to be taken back."""
    world.cloud.on("create", Kind.RESERVED_IP_ASSIGNMENT, before=NO, times=10**6)


# ── operations ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Operation:
    """What is disturbed: `before` it the account is prepared, then comes `act`.

    `spoil` lets it fail of itself; `of` is the operation that was cut short in its middle, which this
    one takes back.
    """

    name: str
    before: Act
    act: Act
    cluster: str = "web"
    spoil: Act = lambda _: None
    deletes: bool = False
    of: str = ""
    abandons: bool = False

    @property
    def fails(self) -> bool:
        """Whether it fails of itself."""
        return self.spoil is _spoil


def _nothing(_: World) -> None:
    """A new account."""


def _made(workers: int = 1) -> Act:
    return lambda world: world.create(spec(workers=workers))


def _changed(world: World) -> None:
    """A cluster of which every kind of resource was changed."""
    world.create()
    world.apply(changed(spec()))


def _undone(world: World) -> None:
    _changed(world)
    world.undo()


_ALL = (
    Operation("create", _nothing, lambda world: world.create()),
    Operation("apply", _made(), lambda world: world.apply(changed(spec()))),
    Operation("grow", _made(), lambda world: world.apply(bigger(spec()))),
    Operation("scale-up", _made(), lambda world: world.scale(3)),
    Operation("scale-down", _made(3), lambda world: world.scale(1)),
    Operation("undo", _changed, lambda world: world.undo()),
    Operation("redo", _undone, lambda world: world.redo()),
    Operation("restore", _made(), _restore, cluster="web-eu"),
    Operation("delete", _made(), lambda world: world.delete(), deletes=True),
    Operation("create-failing", _nothing, lambda world: world.create(), spoil=_spoil),
    Operation("grow-failing", _made(), lambda world: world.apply(bigger(spec())), spoil=_spoil),
    Operation("abandon-create", _nothing, take_back, abandons=True, of="create"),
    Operation("abandon-apply", _nothing, take_back, abandons=True, of="apply"),
    Operation("abandon-grow", _nothing, take_back, abandons=True, of="grow"),
    Operation("abandon-delete", _nothing, take_back, abandons=True, of="delete"),
    Operation("abandon-failing", _nothing, take_back, abandons=True, of="grow-failing"),
    Operation("roll-back", _nothing, lambda world: take_back(world, abandon=False), of="grow"),
)
OPERATIONS = {operation.name: operation for operation in _ALL}


@dataclass(frozen=True)
class Scene:
    """An operation's stage: the account and the log before it, and what they hold when all is well."""

    operation: Operation
    start: Picture
    before: Inventory
    after: Inventory
    strangers: tuple[str, ...]
    position: int

    def world(self, folder: Path, *, parallel: int = 1, lag: float = 0.0) -> World:
        """Return a world in which the operation may begin, with what lets it fail of itself."""
        return self.start.world(folder, parallel=parallel, lag=lag)


@contextmanager
def _somewhere() -> Iterator[Path]:
    with TemporaryDirectory(prefix="kubisnap-crash-") as folder, unsynced():
        yield Path(folder)


@cache
def scene(name: str) -> Scene:
    """Return an operation's scene, prepared once in this process."""
    operation = OPERATIONS[name]
    with _somewhere() as folder:
        if operation.of:
            return _scene_of_undoing(operation, folder)
        (folder / "first").mkdir()
        world = World(folder / "first", parallel=1)
        _settle_strangers(world)
        strange = strangers(world)
        operation.before(world)
        start, before, position = picture(world, "start"), inventory(world), _position(world, operation)
        operation.act(world)
        after = inventory(world)
        world.close()
    return Scene(operation, start, before, after, strange, position)


def _scene_of_undoing(operation: Operation, folder: Path) -> Scene:
    """Begin in the middle of what is taken back."""
    undone = scene(operation.of)
    pictures = film(operation.of, folder / "undone")
    start = pictures[len(pictures) * 2 // 3]
    world = start.world(folder / "start")
    position, strange = _position(world, operation), strangers(world)
    world.close()
    return Scene(operation, start, undone.before, undone.before, strange, position)


def film(name: str, folder: Path, *, parallel: int = 1, lag: float = 0.0) -> list[Picture]:
    """Return the pictures of an operation that nobody disturbs."""
    stage = scene(name)
    world = stage.world(folder, parallel=parallel, lag=lag)
    stage.operation.spoil(world)
    pictures = Camera(world).film(stage.operation.act)
    world.close()
    return pictures


def _position(world: World, operation: Operation) -> int:
    try:
        return world.state(operation.cluster).position
    except NotFound:
        return 0


# ── what comes after ─────────────────────────────────────────────────────────────────────────────


def go_on(world: World, stage: Scene) -> Inventory:
    """Do what the documentation names for going on; return what the account must hold then."""
    operation = stage.operation
    if _position(world, operation) == stage.position:
        operation.act(world)  # not even the intent was written down
    state = world.state(operation.cluster)
    if operation.of and state.pending() is not None:
        operation.act(world)
    if operation.deletes and not state.gone:
        world.delete()
    if operation.abandons or not (operation.of or operation.deletes):
        _apply(world, operation.cluster)
    return stage.after


def go_back(world: World, stage: Scene) -> Inventory:
    """Abandon, and make anew what was deleted; return what the account must hold then."""
    operation = stage.operation
    if _position(world, operation) == stage.position and not operation.of:
        return stage.before
    abandoned = _kinds(world, operation.cluster).count(ev.OperationKind.ABANDON)
    if world.state(operation.cluster).pending() is not None:
        take_back(world, operation.cluster)
    elif not operation.of and not abandoned:
        ended = world.last_outcome(operation.cluster).outcome
        return stage.after if ended is ev.Outcome.SUCCEEDED else stage.before
    if operation.abandons or not operation.of:
        _apply(world, operation.cluster)
    return stage.before


def _kinds(world: World, name: str) -> list[ev.OperationKind]:
    return [event.kind for event in world.events(ev.OperationStarted, name=name)]


def _apply(world: World, name: str) -> None:
    state = world.state(name)
    if not state.gone and not (prepared := world.prepare_apply(name=name, state=state)).empty:
        world.carry_out(prepared, ev.OperationKind.APPLY)


# ── what must be so ──────────────────────────────────────────────────────────────────────────────


def inventory(world: World) -> Inventory:
    """Return everything in the account, in names instead of ids and addresses, as often as it is there."""
    held = world.dump()
    labels = {item["id"]: f"{item['kind']}:{_ID.sub('ID', item['name'])}" for item in held}

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: plain(inner)
                for name, inner in value.items()
                if name not in {"id", "attributes", "cluster"} or value.get("cluster") == _STRANGER
            }
        if isinstance(value, list):
            return sorted((plain(inner) for inner in value), key=json.dumps)
        if isinstance(value, str):
            return labels.get(value, _ID.sub("ID", value))
        return value

    return Counter(json.dumps(plain(item), sort_keys=True) for item in held)


def strangers(world: World) -> tuple[str, ...]:
    """Return everything that no cluster of ours made, in full."""
    return tuple(json.dumps(item, sort_keys=True) for item in world.dump() if item["cluster"] == _STRANGER)


def assert_all_is_well(world: World, stage: Scene, wanted: Inventory) -> None:
    """The account holds what it must, nothing is there twice, and the log tells a whole story."""
    found = inventory(world)
    assert (sorted(wanted - found), sorted(found - wanted)) == ([], []), "(missing, too much)"
    assert strangers(world) == stage.strangers
    for claim in world.journal.claims():
        name = claim.name
        state, log = world.assert_sound(name)
        assert state.open is None
        assert state.pending() is None
        ran = [item for item in log if isinstance(item.event, ev.OperationStarted)]
        ended = [item for item in log if isinstance(item.event, ev.OperationFinished)]
        numbers = list(range(1, state.operations + 1))
        assert [item.operation for item in ran] == [item.operation for item in ended] == numbers
        assert state.gone == claim.released
        if state.gone:
            world.assert_nothing_left(name)
            assert not state.bindings
        elif _converged(ran[-1], ended[-1]):
            world.assert_converged(name)


def _converged(ran: ev.Recorded, ended: ev.Recorded) -> bool:
    """Whether what is declared is to be there: a rollback leaves the wish as it is."""
    assert isinstance(ran.event, ev.OperationStarted)
    assert isinstance(ended.event, ev.OperationFinished)
    return ended.event.outcome is ev.Outcome.SUCCEEDED and ran.event.kind is not ev.OperationKind.ROLLBACK
