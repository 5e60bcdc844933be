"""The last steps: verify, cut-over, retire."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec

from ...domain import events as ev
from ...domain.catalogue import Feature
from ...domain.cluster import ClusterState
from ...domain.comparing import compare
from ...domain.model import ClusterSpec, Protocol, neutral
from ...domain.resources import Key, Kind
from ...errors import NotVerified, Refused, SourceMovedOn
from ..changing import Prepared, carry_out, prepare_change, prepare_delete
from ..translation import renumbered
from .journeys import Journey, Taken
from .plans import CAPTURE, CUT_OVER, RETIRE

_HANDS = 16
_SSH = 22
_WORLD = frozenset({"0.0.0.0/0"})


class Verified:
    """The new cluster against the intent that was captured, against its cloud, and as others reach it."""

    name = "verify"
    title = "compare it with what was captured"

    def take(self, journey: Journey) -> ev.MigrationStepTaken:
        """Raise `NotVerified` where anything is not as it should be."""
        captured = journey.results[CAPTURE]
        source = journey.journal.state(journey.plan.source.cluster_id, until=captured.position)
        target = journey.target
        seen = prepare_change(journey.cloud, target, journey.context)
        problems = [*_intent_differs(source.spec(), target.spec()), *_missing(seen)]
        answered, silent, unasked = _reached(journey, target, seen)
        problems += silent
        if problems:
            plan = journey.plan
            raise NotVerified(plan.source.name, plan.target.name, tuple(problems))
        resources = f"{len(target.bindings)} resources are there and usable"
        told = ("what is declared is what was captured", resources, *answered, *unasked)
        event = journey.event(self.name, Taken(told))
        journey.note(target, event)
        return event


def _intent_differs(captured: ClusterSpec, made: ClusterSpec) -> Iterator[str]:
    """Say what is declared differently, but for the address range, which moves as a whole."""
    expected = renumbered(captured, made.network.cidr)
    for difference in compare(neutral(expected), neutral(made)):
        what = " ".join(part for part in (difference.part, difference.field) if part)
        yield f"{what} is {difference.after}, {difference.before} was captured"


def _missing(seen: Prepared) -> Iterator[str]:
    """Say what is not at the cloud as it is declared."""
    for step in seen.plan.steps:
        yield f"{step.key}: {'; '.join(step.reasons)}"
    for key, _ in seen.lost:
        yield f"{key} is not at the cloud any more"
    for drift in seen.drift:
        if drift.stays:
            yield f"{drift.key} was changed by somebody else"


def _reached(
    journey: Journey, target: ClusterState, seen: Prepared
) -> tuple[list[str], list[str], list[str]]:
    """Try each server that lets everybody in by SSH: what answers, what does not, what was not tried."""
    addresses = dict(_addresses(target))
    walls = Kind.FIREWALL in seen.catalogue.kinds
    tried = {key: address for key, address in addresses.items() if not walls or _lets_in(target, key)}
    if seen.catalogue.simulated:
        return [], [], ["whether servers answer was not tried: they are simulated"]
    if journey.reach is None:
        return [], [], ["whether servers answer was not tried, as it was asked"]
    if Feature.PUBLIC_ADDRESSES not in seen.catalogue.features:
        tried = {}
    servers = [key for key in target.bindings if key.kind is Kind.SERVER]
    unasked = sorted(str(key) for key in servers if key not in tried)
    with ThreadPoolExecutor(_HANDS, thread_name_prefix="reach") as pool:
        ports = [_port(target, key) for key in tried]
        problems = dict(zip(tried, pool.map(journey.reach, tried.values(), ports), strict=True))
    silent = [f"{key} does not answer at {tried[key]}: {why}" for key, why in problems.items() if why]
    answered = [f"servers that answer to SSH: {len(problems) - len(silent)}"] if problems else []
    left = [f"not open to everybody, so not tried: {', '.join(unasked)}"] if unasked else []
    return answered, silent, left


def _addresses(state: ClusterState) -> Iterator[tuple[Key, str]]:
    for key, binding in sorted(state.bindings.items()):
        if key.kind is Kind.SERVER and "public_ip" in binding.attributes:
            yield key, binding.attributes["public_ip"]


def _port(state: ClusterState, server: Key) -> int:
    """Return where a server listens for SSH: a machine that was there before may do so elsewhere."""
    return int(state.bindings[server].attributes.get("ssh_port") or _SSH)


def _lets_in(state: ClusterState, server: Key) -> bool:
    """Whether the firewalls of a server's role let everybody in by SSH, or there are none."""
    role = next((pool.role for pool in state.pools.values() if server.name in pool.servers()), None)
    firewalls = [firewall for firewall in state.firewalls.values() if firewall.role is role]
    return not firewalls or any(
        rule.protocol is Protocol.TCP and _has_port(rule.ports) and _WORLD & set(rule.sources)
        for firewall in firewalls
        for rule in firewall.allow
    )


def _has_port(ports: str) -> bool:
    if ports == "all":
        return True
    first, _, last = ports.partition("-")
    return int(first) <= _SSH <= int(last or first)


class Move(NamedTuple):
    """An address that people use: of what, where it was, where it is now (empty: none)."""

    what: str
    before: str
    after: str


class CutOver:
    """The addresses that point to the old cluster, and what they become. Pointing them is the operator's."""

    name = CUT_OVER
    title = "say which addresses become which"

    def take(self, journey: Journey) -> ev.MigrationStepTaken:
        """Raise `SourceMovedOn` where the source is not any more what was captured."""
        _refuse_old_capture(journey)
        moves = moves_of(journey.source, journey.target)
        told = tuple(f"{move.what}: {move.before or 'none'} → {move.after or 'none'}" for move in moves)
        reserved = any(Kind(move.what.partition(" ")[0]) is Kind.RESERVED_IP for move in moves)
        stay = ("a reserved address belongs to its cloud and account, and does not move along",)
        event = journey.event(self.name, Taken((*told, *(stay if reserved else ()))))
        journey.note(journey.target, event)
        return event


def _refuse_old_capture(journey: Journey) -> None:
    """Raise `SourceMovedOn` if what is declared at the source is not what was captured."""
    journal, plan = journey.journal, journey.plan
    now = journal.state(plan.source.cluster_id)
    position = journey.results[CAPTURE].position
    if journal.state(plan.source.cluster_id, until=position).spec() == now.spec():
        return
    came = [
        f"#{item.operation} {item.event.kind} {item.event.summary}".rstrip()
        for item in journal.read(plan.source.cluster_id, after=position)
        if isinstance(item.event, ev.OperationStarted) and item.event.kind is not ev.OperationKind.MIGRATE
    ]
    raise SourceMovedOn(plan.source.name, plan.target.name, tuple(came))


def moves_of(source: ClusterState, target: ClusterState) -> list[Move]:
    """Return every address that is reached from outside, load balancers first."""
    found = []
    for kind, names in (
        (Kind.LOAD_BALANCER, ("ip", "hostname")),
        (Kind.RESERVED_IP, ("ip",)),
        (Kind.SERVER, ("public_ip", "private_ip")),
    ):
        keys = {key for state in (source, target) for key in state.bindings if key.kind is kind}
        for key in sorted(keys):
            before, after = (_address(state, key, names) for state in (source, target))
            found.append(Move(f"{kind} {key.name}", before, after))
    return found


def _address(state: ClusterState, key: Key, names: tuple[str, ...]) -> str:
    binding = state.bindings.get(key)
    return "" if binding is None else next(filter(None, map(binding.attributes.get, names)), "")


class Retired:
    """The source is taken away, because somebody typed its name."""

    name = RETIRE
    title = "take the source away"

    def take(self, journey: Journey) -> ev.MigrationStepTaken:
        """Delete the source. Raises what deleting raises; the same command goes on with what is left."""
        if journey.retirement is None:
            raise Refused("nobody said how to reach the source's cloud")
        cloud, context = journey.retirement
        prepared = prepare_delete(cloud, journey.source, context)
        events: list[ev.MigrationStepTaken] = []

        def done() -> list[ev.AnyEvent]:
            told = (f"{journey.plan.source.name} is deleted; its history stays",)
            events.append(journey.event(self.name, Taken(told)))
            return list(events)

        prepared = msgspec.structs.replace(prepared, position=journey.source.position)
        carry_out(
            journey.journal,
            cloud,
            prepared,
            context,
            kind=ev.OperationKind.DELETE,
            summary=f"migrated to {journey.plan.target}",
            closing=done,
        )
        journey.note(journey.target, *events)
        return events[0]
