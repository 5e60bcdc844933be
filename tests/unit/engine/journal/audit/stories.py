"""A small store with two clusters, and what is done to it by force."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import FirewallSpec, Placement, Protocol, Role, Rule
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.journal.codec import Codec
from kubisnap.engine.journal.log import Envelope, Journal, open_journal

WEB, SHOP = "a" * 32, "b" * 32
SERVER = Key(Kind.SERVER, "workers-0")
HOLDER = ev.Holder(host="desk.example", pid=4242)
RULE = Rule(protocol=Protocol.TCP, ports="443", sources=("10.0.0.0/16",))


def started(kind: ev.OperationKind, summary: str = "") -> ev.OperationStarted:
    return ev.OperationStarted(kind=kind, summary=summary, holder=HOLDER, tool="kubisnap 1")


def create(cluster: str, name: str) -> list[ev.AnyEvent]:
    placement = Placement(cloud="sandbox", region="sim-us-east")
    return [
        started(ev.OperationKind.CREATE, name),
        ev.ClusterDeclared(cluster_id=cluster, name=name, kubernetes="1.34", placement=placement),
        ev.FirewallDeclared(firewall=FirewallSpec(name="web", role=Role.WORKER, allow=(RULE,))),
        ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED, done=1),
    ]


APPLY: Sequence[ev.AnyEvent] = (
    started(ev.OperationKind.APPLY, "v2"),
    ev.KubernetesVersionDeclared(before="1.34", version="1.35"),
    ev.StepStarted(step=1, action="create", key=SERVER),
    ev.StepRetried(step=1, attempt=1, error="Unavailable", message="busy", wait_ms=500),
    ev.StepFailed(step=1, error="QuotaExceeded", message="no more servers", status=422),
    ev.ResourceLost(key=SERVER, resource_id="i-77"),
    ev.LeaseRenewed(),
    ev.OperationFinished(outcome=ev.Outcome.FAILED, error="no more servers"),
)


def furnish(journal: Journal) -> None:
    """Write twelve events for each cluster, taking turns."""
    for number, (cluster, name) in enumerate(((WEB, "web"), (SHOP, "shop"))):
        envelope = Envelope(1_800_000_000_000_000 + number, "ada", 1, "a shop opens")
        journal.found(cluster, name, create(cluster, name), envelope)
    for cluster, actor in ((WEB, "ada"), (SHOP, "Grete Müller")):
        envelope = Envelope(1_800_000_100_000_000, actor, 2)
        journal.append(cluster, 4, APPLY[:3], envelope)
        journal.append(cluster, 7, APPLY[3:], envelope._replace(time=envelope.time + 5, cause=7))


def furnished(path: Path) -> None:
    with open_journal(f"sqlite:///{path}", create=True) as journal:
        furnish(journal)


def rows_of(items: Sequence[ev.Recorded], **changes: object) -> list[tuple[str, int, str, bytes]]:
    """Return events as they are stored."""
    changed = (msgspec.structs.replace(item, **changes) for item in items)
    return [(item.stream, *Codec().encode(item)) for item in changed]
