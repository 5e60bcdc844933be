"""History: a log told by operation, an event a line."""

from typing import Any

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.decisions import declare
from kubisnap.engine.domain.history import describe, operations
from kubisnap.engine.domain.model import DriftPolicy, DriftRule, NetworkSpec, Placement, SshKeySpec
from kubisnap.engine.domain.resources import Key, Kind, Tag
from tests.property.strategies import recorded
from tests.unit.engine.examples import CLUSTER, KEY, SPEC, WORKERS

TAG = Key(Kind.TAG, "cluster")
HOLDER = ev.Holder(host="laptop", pid=7)


def provisioned(*, adopted: bool = False) -> ev.ResourceProvisioned:
    return ev.ResourceProvisioned(
        step=1,
        key=TAG,
        resource_id="t-1",
        provider_name="n",
        cloud="acme",
        account="me",
        region="east",
        resource=Tag(),
        adopted=adopted,
    )


def drifted(**rest: Any) -> ev.DriftObserved:
    return ev.DriftObserved(key=TAG, resource_id="t-1", policy=DriftPolicy.WARN, **rest)


CREATE: list[Any] = [
    ev.OperationStarted(
        kind=ev.OperationKind.CREATE, summary="web", holder=HOLDER, tool="t 1", cloud="acme", account="me"
    ),
    *declare(SPEC, cluster_id=CLUSTER.id),
    provisioned(),
    provisioned(),
    provisioned(adopted=True),
    ev.ResourceUpdated(step=2, key=TAG, resource_id="t-1", resource=Tag(), changed=("role",)),
    ev.StepRetried(step=1, attempt=1, error="Unavailable", message="reset", wait_ms=1500),
    ev.ResourceDestroyed(step=3, key=TAG, resource_id="t-1"),
    ev.ResourceLost(key=TAG, resource_id="t-1"),
    ev.OperationFinished(
        outcome=ev.Outcome.PARTIAL, done=3, rolled_back=2, left=("tag/cluster (t-1)",), error="no room"
    ),
]


def test_an_operation_is_told_with_what_it_did_and_how_it_ended() -> None:
    log = recorded(CREATE)
    (view,) = operations("web", log)

    assert (view.cluster, view.number, view.kind, view.summary) == ("web", 1, "create", "web")
    assert (view.actor, view.cloud, view.account, view.tool) == ("ada", "acme", "me", "t 1")
    assert (view.created, view.adopted, view.updated, view.deleted, view.lost, view.retries) == (
        2,
        1,
        1,
        1,
        1,
        1,
    )
    assert (view.outcome, view.error, view.rolled_back) == ("partial", "no room", 2)
    assert view.left == ("tag/cluster (t-1)",)
    assert (view.started, view.ended) == (log[0].time, log[-1].time)
    assert view.events == log


def test_an_operation_that_did_not_end_is_unfinished() -> None:
    (view,) = operations("web", recorded(CREATE[:-1]))

    assert (view.outcome, view.ended) == ("unfinished", 0)


def test_operations_are_told_oldest_first_also_where_their_events_are_mixed() -> None:
    log = recorded(CREATE[:3], operation=2)
    log += recorded(CREATE[:2], operation=1, after=len(log))
    log += recorded(CREATE[-1:], operation=2, after=len(log))
    views = operations("web", log)

    assert [(view.number, len(view.events), view.outcome) for view in views] == [
        (1, 2, "unfinished"),
        (2, 4, "partial"),
    ]
    assert operations("web", []) == []


LINES: list[tuple[Any, str]] = [
    (declare(SPEC, cluster_id=CLUSTER.id)[0], "cluster web on acme/east"),
    (ev.KubernetesVersionDeclared(before="1.33", version="1.34"), "Kubernetes 1.33 → 1.34"),
    (ev.NetworkDeclared(network=NetworkSpec(cidr="10.0.0.0/20")), "network main 10.0.0.0/20"),
    (ev.SshKeyDeclared(ssh_key=SshKeySpec(name="admin", public_key=KEY)), "SSH key admin"),
    (ev.FirewallDeclared(firewall=SPEC.firewalls[0]), "firewall guard: 2 rules for worker"),
    (ev.ServerPoolDeclared(pool=WORKERS), "pool workers: 3 × worker"),
    (ev.ServerPoolScaled(pool="workers", before=3, count=5), "pool workers: 3 → 5"),
    (ev.LoadBalancerDeclared(load_balancer=SPEC.load_balancers[0]), "load balancer entry"),
    (ev.VolumeDeclared(volume=SPEC.volumes[0]), "volume data: 100 GiB"),
    (ev.ReservedIpDeclared(reserved_ip=SPEC.reserved_ips[0]), "reserved address api"),
    (ev.PartWithdrawn(part=ev.Part.VOLUME, name="data"), "volume data is no longer wanted"),
    (ev.ClusterRetired(), "the cluster is no longer wanted"),
    (ev.RetirementWithdrawn(), "the cluster is wanted after all"),
    (
        ev.DriftPolicyDeclared(drift=(DriftRule(kind="server", policy=DriftPolicy.WARN),)),
        "drift: server warn",
    ),
    (ev.DriftPolicyDeclared(drift=()), "drift: as by default"),
    (CREATE[0], "create web"),
    (ev.LeaseRenewed(), "still at work"),
    (ev.RollbackStarted(reason="no room"), "rollback of this operation: no room"),
    (ev.RollbackStarted(reason="", operations=(2, 3)), "rollback of #2, #3"),
    (
        ev.StepSettled(operation=2, step=1, key=TAG, found=("t-1",)),
        "tag/cluster of #2 step 1 is there as t-1",
    ),
    (ev.StepSettled(operation=2, step=1, key=TAG), "tag/cluster of #2 step 1 is not there"),
    (ev.StepSettled(operation=2, step=1, key=TAG, note="who knows"), "tag/cluster of #2 step 1 who knows"),
    (drifted(missing=True), "tag/cluster was t-1 and is not there any more"),
    (drifted(), "tag/cluster is again as it was"),
    (
        drifted(changes=(ev.DriftedField(field="role", before='"worker"', after="x" * 99),)),
        f'tag/cluster was changed by somebody else: role "worker" → {"x" * 57}...',
    ),
    (ev.PlanAccepted(steps=(ev.PlannedStep(id=1, action="create", key=TAG),)), "1 steps"),
    (CREATE[-1], "partial: no room"),
    (ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED), "succeeded"),
    (
        ev.SnapshotCaptured(digest="sha256:" + "a" * 64, size=9, events=2, position=2),
        "2 events, 9 bytes, sha256:aaaaaaaaaaaa",
    ),
    (
        ev.MigrationStepTaken(
            migration="5" * 32,
            source=ev.MigrationEnd(cluster_id="a" * 32, name="web", cloud="acme", region="east"),
            target=ev.MigrationEnd(cluster_id="b" * 32, name="web-2", cloud="other", region="west"),
            step="capture",
            number=2,
            steps=5,
        ),
        "2/5 capture: web on acme/east → web-2 on other/west",
    ),
    (ev.TranslationChosen(cloud="acme", region="east", losses=("a", "b")), "to acme/east, 2 losses"),
    (ev.StepStarted(step=1, action="create", key=TAG), "create tag/cluster"),
    (ev.StepStarted(step=1, action="delete", key=TAG, compensates=True), "rolling back: delete tag/cluster"),
    (CREATE[-4], "attempt 1: Unavailable: reset; again in 1.5 s"),
    (ev.StepSucceeded(step=1, attributes={"ip": "203.0.113.9", "a": "b"}), "a b, ip 203.0.113.9"),
    (ev.StepFailed(step=1, error="Rejected", message="no"), "Rejected: no"),
    (provisioned(), "tag/cluster is t-1"),
    (provisioned(adopted=True), "tag/cluster found as t-1"),
    (CREATE[-5], "tag/cluster: role"),
    (CREATE[-3], "tag/cluster was t-1"),
    (CREATE[-2], "tag/cluster was t-1 and is not there any more"),
    (ev.NameClaimed(name="web", cluster_id="x"), "web"),
    (ev.NameReleased(name="web", cluster_id="x"), "web"),
]


@pytest.mark.parametrize(
    ("event", "line"), LINES, ids=lambda value: ev.tag_of(value) if isinstance(value, ev.Event) else ""
)
def test_an_event_is_told_in_one_line(event: Any, line: str) -> None:
    assert describe(event) == line


def test_every_kind_of_event_is_in_the_table_above() -> None:
    assert {type(event) for event, _ in LINES} == set(ev.all_event_types())
    assert Placement(cloud="acme", region="east") == SPEC.placement
