"""Operations in any order on a cloud that misbehaves: what succeeded is true, what failed left no trace.

The machine creates, scales, applies and deletes one cluster while calls fail at random (seeded),
answers get lost, lists lag behind, people change things by hand and processes end.
"""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from kubisnap.adapters.sandbox import Faults
from kubisnap.engine.domain.events import Outcome
from kubisnap.engine.domain.model import ClusterSpec, Protocol, Rule
from kubisnap.engine.domain.resources import Firewall, Key, Kind, Request, Resource, provider_name
from kubisnap.engine.domain.state import ClusterState
from kubisnap.engine.domain.undoing import Undoing
from kubisnap.engine.errors import CloudError, Denied, Irreversible, NothingToUndo, OperationFailed
from kubisnap.engine.journal.log import Journal
from kubisnap.engine.operations.context import Context
from kubisnap.engine.operations.undoing import choose_redo, choose_undo, prepare_undoing
from tests.unit.engine.operations.test_crashes import Death
from tests.unit.engine.world import ProcessDied, World, spec, unsynced, with_count

_SEEDS = st.integers(0, 2**16)
_REFUSED = st.none() | st.tuples(
    st.sampled_from(["create", "update", "delete", "find", "ready"]), st.integers(1, 6)
)
"""From its n-th call on, a method is denied."""
_OFTEN = st.sampled_from([0.0, 0.02, 0.1])
_SELDOM = st.sampled_from([0.0, 0.01, 0.03])  # what ends an operation at once: else none would get far


def changed(cluster: ClusterSpec, *, ports: str, grow: int, address: bool) -> ClusterSpec:
    """Return the spec with other firewall rules, a larger volume, with or without a reserved address."""
    open_ports = Rule(protocol=Protocol.TCP, ports=ports, sources=("192.0.2.0/24",))
    return msgspec.structs.replace(
        cluster,
        firewalls=(msgspec.structs.replace(cluster.firewalls[0], allow=(open_ports,)),),
        volumes=(msgspec.structs.replace(cluster.volumes[0], size_gib=cluster.volumes[0].size_gib + grow),),
        reserved_ips=spec().reserved_ips if address else (),
    )


class Operations(RuleBasedStateMachine):
    """One cluster, one account, one store."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(unsynced())
        self.world = World(Path(self.stack.enter_context(tempfile.TemporaryDirectory())))
        self.stack.callback(self.world.close)
        self.world.add_foreign_key()
        self.foreign = self.world.dump()
        self.faults = Faults()

    @initialize(
        parallel=st.integers(1, 5),
        unavailable=_OFTEN,
        answer_lost=_OFTEN,
        rate_limited=_OFTEN,
        quota=_SELDOM,
        failing=_SELDOM,
        list_lag=st.sampled_from([0.0, 0.0, 3.0]),
        seed=_SEEDS,
    )
    def begin(self, *, parallel: int, seed: int, **chances: float) -> None:
        self.world.pace = replace(self.world.pace, parallel=parallel)
        self.world.sandbox._seed = seed
        self.faults = msgspec.convert(chances, Faults)

    # ── what people do ───────────────────────────────────────────────────────────────────────

    @property
    def there(self) -> bool:
        claim = self.world.journal.claim_of("web")
        return claim is not None and not claim.released

    @property
    def usable(self) -> bool:
        return self.there and not self.world.state().retired

    @precondition(lambda self: not self.there)
    @rule(workers=st.integers(0, 3), seed=_SEEDS, refused=_REFUSED)
    def create(self, workers: int, seed: int, refused: tuple[str, int] | None) -> None:
        self.attempt(lambda: self.world.create(spec(workers=workers)), seed, refused)

    @precondition(lambda self: self.usable)
    @rule(workers=st.integers(0, 4), seed=_SEEDS, refused=_REFUSED)
    def scale(self, workers: int, seed: int, refused: tuple[str, int] | None) -> None:
        wanted = with_count(self.world.state().spec(), workers)
        if not self.planned_nothing(wanted):
            self.attempt(lambda: self.world.scale(workers), seed, refused)

    @precondition(lambda self: self.usable)
    @rule(
        ports=st.sampled_from(["22", "2222", "1-9"]),
        grow=st.sampled_from([0, 0, 5]),
        address=st.booleans(),
        workers=st.integers(0, 3),
        seed=_SEEDS,
        refused=_REFUSED,
    )
    def apply(
        self,
        *,
        ports: str,
        grow: int,
        address: bool,
        workers: int,
        seed: int,
        refused: tuple[str, int] | None,
    ) -> None:
        wanted = changed(self.world.state().spec(), ports=ports, grow=grow, address=address)
        wanted = with_count(wanted, workers)
        if not self.planned_nothing(wanted):
            self.attempt(lambda: self.world.apply(wanted), seed, refused)

    @precondition(lambda self: self.usable and self.world.state().pending() is None)
    @rule(seed=_SEEDS, refused=_REFUSED, choose=st.sampled_from([choose_undo, choose_redo]))
    def go_back_or_forward(
        self,
        seed: int,
        refused: tuple[str, int] | None,
        choose: Callable[[Journal, ClusterState, Context], Undoing],
    ) -> None:
        world, state, context = self.world, self.world.state(), self.world.context()
        try:
            undoing = choose(world.journal, state, context)
            prepared = prepare_undoing(world.cloud, state, context, undoing)
        except (NothingToUndo, Irreversible):
            return
        self.attempt(lambda: world.carry_out_undoing(prepared, context), seed, refused)
        assert world.state().spec() == undoing.spec

    @precondition(lambda self: self.there)
    @rule(seed=_SEEDS, refused=_REFUSED)
    def delete(self, seed: int, refused: tuple[str, int] | None) -> None:
        self.attempt(self.world.delete, seed, refused, deleting=True)

    @precondition(lambda self: self.usable)
    @rule(seed=_SEEDS, nth=st.integers(1, 40), what=st.sampled_from(["write", "call"]), after=st.booleans())
    def die(self, *, seed: int, nth: int, what: str, after: bool) -> None:
        """A process ends somewhere in the middle of an apply."""
        wanted = changed(with_count(self.world.state().spec(), 2), ports="22", grow=1, address=True)
        Death(self.world, what, "after" if after else "before", nth)
        try:
            self.attempt(lambda: self.world.apply(wanted), seed, dying=True)
        except ProcessDied:
            pass
        finally:
            self.world.reopen()
            self.world.mend()

    # ── what happens to an account ───────────────────────────────────────────────────────────

    @rule()
    def wipe(self) -> None:
        self.world.sandbox.wipe()
        self.foreign = []

    @precondition(lambda self: self.usable)
    @rule(
        kind=st.sampled_from([Kind.SERVER, Kind.VOLUME_ATTACHMENT, Kind.FIREWALL, Kind.TAG]),
        at=st.integers(0, 9),
    )
    def remove_by_hand(self, kind: Kind, at: int) -> None:
        held = [item for item in self.ours() if item["kind"] == kind.value]
        if held:
            self.world.sandbox.delete(kind, held[at % len(held)]["id"])

    @precondition(lambda self: self.usable)
    @rule(ports=st.sampled_from(["1", "65535", "all"]))
    def open_the_firewall_by_hand(self, ports: str) -> None:
        key = Key(Kind.FIREWALL, "nodes")
        rules = (Rule(protocol=Protocol.TCP, ports=ports, sources=("0.0.0.0/0",)),)
        for item in self.ours():
            if (item["kind"], item["status"]) != ("firewall", "ready"):  # the cloud changes no other
                continue
            role = spec().firewalls[0].role
            self.world.sandbox.update(
                self.request(key, Firewall(role=role, rules=rules)), item["id"], frozenset({"rules"})
            )

    @precondition(lambda self: self.usable)
    @rule(at=st.integers(0, 9))
    def make_a_second_one_by_hand(self, at: int) -> None:
        """Two servers of one name, as after an answer that was lost for good."""
        servers = [item for item in self.world.desired() if item.key.kind is Kind.SERVER]
        item = servers[at % len(servers)]
        request = self.request(item.key, item.resource)
        if all(need in request.ids for need in item.needs):
            with suppress(CloudError):  # what it needs is not there
                self.world.sandbox.create(request)

    @rule(seconds=st.sampled_from([1.0, 1000.0]))
    def wait(self, seconds: float) -> None:
        self.world.clock.sleep(seconds)

    # ── what must hold ───────────────────────────────────────────────────────────────────────

    @invariant()
    def the_log_is_sound(self) -> None:
        if self.world.journal.claim_of("web") is not None:
            self.world.assert_sound()

    @invariant()
    def what_is_not_ours_is_not_touched(self) -> None:
        assert [item for item in self.world.dump() if item["cluster"] == "f" * 32] == self.foreign

    def teardown(self) -> None:
        """Whatever happened: on a good day, apply reaches what is declared, and delete leaves nothing."""
        try:
            self.world.mend()
            if self.usable:
                if not self.planned_nothing(None):
                    self.world.apply()
                self.world.assert_converged()
            if self.there:
                self.world.delete()
            assert self.world.dump() == self.foreign
        finally:
            self.stack.close()

    # ── helpers ──────────────────────────────────────────────────────────────────────────────

    def attempt(
        self,
        operation: Callable[[], Any],
        seed: int,
        refused: tuple[str, int] | None = None,
        *,
        deleting: bool = False,
        dying: bool = False,
    ) -> None:
        """Run an operation on a bad day; check what it says about how it went."""
        world, before = self.world, self.world.dump()
        world.sandbox._seed = seed
        world.sandbox.inject(self.faults)
        if refused is not None:
            method, nth = refused
            world.cloud.on(method, nth=nth, times=10**6, before=Denied("sandbox", "no", 403))
        try:
            operation()
        except OperationFailed as failed:
            assert world.last_outcome().outcome in {Outcome.ROLLED_BACK, Outcome.PARTIAL}
            if not failed.partial and not dying:
                assert world.dump() == before
        except CloudError:
            assert world.dump() == before, "nothing is changed while preparing"
        else:
            world.mend()
            assert world.last_outcome().outcome is Outcome.SUCCEEDED
            if deleting:
                world.assert_nothing_left()
                assert not self.there
            else:
                world.assert_converged()
        finally:
            world.mend()

    def planned_nothing(self, wanted: ClusterSpec | None) -> bool:
        return self.world.prepare_apply(wanted).empty

    def ours(self) -> list[dict[str, Any]]:
        return [item for item in self.world.dump() if item["cluster"] == self.world.state().cluster_id]

    def request(self, key: Key, resource: Resource) -> Request:
        state = self.world.state()
        ids = {known: binding.resource_id for known, binding in state.bindings.items()}
        return Request(
            cluster=state.ref, key=key, resource=resource, name=provider_name(state.ref, key), ids=ids
        )


TestOperations = Operations.TestCase
TestOperations.settings = settings(
    max_examples=max(10, settings().max_examples // 4), stateful_step_count=12, deadline=None
)
