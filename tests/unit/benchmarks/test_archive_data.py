"""The data that the archive's benchmark measures on: the same each time, valid, and not too easy."""

import gzip
import json
from base64 import b64decode
from itertools import pairwise

import pytest

from benchmarks.archive import bulk, log, manifests
from benchmarks.archive.draw import Draw
from benchmarks.archive.peers import path_of
from kubisnap.engine.domain.events import (
    DriftObserved,
    LeaseRenewed,
    OperationFinished,
    Recorded,
    ResourceUpdated,
    RollbackStarted,
    SnapshotCaptured,
    StepRetried,
)
from kubisnap.engine.domain.state import fold
from kubisnap.engine.journal.codec import Codec

COUNT = 6000


@pytest.fixture(scope="module")
def events() -> list[Recorded]:
    return list(log.recorded(COUNT))


@pytest.fixture(scope="module")
def some() -> list[manifests.Manifest]:
    return manifests.manifests(300)


def test_a_seed_gives_one_log() -> None:
    assert list(log.events(500)) == list(log.events(500))
    assert list(log.events(500)) != list(log.events(500, seed=1))


def test_a_longer_log_begins_like_a_shorter_one() -> None:
    assert list(log.events(900))[:400] == list(log.events(400))


def test_stored_events_decode_to_what_was_drawn(events: list[Recorded]) -> None:
    codec = Codec()

    assert [codec.decode(log.cluster_id(), row) for row in log.events(COUNT)] == events


def test_the_log_folds_to_the_cluster_that_is_declared(events: list[Recorded]) -> None:
    last = max(place for place, item in enumerate(events, 1) if isinstance(item.event, OperationFinished))

    state = fold(events[:last])

    servers = {key.name for key in state.bindings if key.kind == "server"}
    assert servers == {name for pool in state.pools.values() for name in pool.servers()}
    assert all(binding.ready for binding in state.bindings.values())
    assert state.operations > 100
    assert (state.open, state.unfinished, state.strays, state.drifted) == (None, None, {}, {})


def test_time_goes_forward_and_causes_lie_before_their_effects(events: list[Recorded]) -> None:
    assert all(before.time <= after.time for before, after in pairwise(events))
    assert all(item.cause < item.version for item in events)


def test_the_log_tells_of_trouble_too(events: list[Recorded]) -> None:
    kinds = {type(item.event) for item in events}

    assert kinds >= {
        DriftObserved,
        LeaseRenewed,
        ResourceUpdated,
        RollbackStarted,
        SnapshotCaptured,
        StepRetried,
    }


def test_a_line_of_json_holds_the_envelope_and_the_payload(events: list[Recorded]) -> None:
    line = json.loads(next(log.as_json(log.events(1), log.cluster_id())))

    first = events[0]
    assert line["time"] == "2023-01-01T10:03:07.204511+00:00"
    assert line["payload"]["summary"] == "shop"
    assert line["kind"] == line["payload"]["event"] == "OperationStarted"
    assert [line[name] for name in ("stream", "version", "actor", "operation", "cause", "reason")] == [
        first.stream,
        first.version,
        first.actor,
        first.operation,
        first.cause,
        first.reason,
    ]


def test_events_are_not_free_of_entropy() -> None:
    draw = Draw(log.SEED)
    size = sum(len(row.state) for row in log.events(COUNT, draw=draw))

    assert 4 * COUNT < draw.bits / 8 < size / 8


def test_a_seed_gives_the_same_manifests(some: list[manifests.Manifest]) -> None:
    assert manifests.manifests(300) == some
    assert manifests.manifests(300, seed=1) != some


def test_manifests_are_named_after_what_is_in_them_and_come_in_order(some: list[manifests.Manifest]) -> None:
    for item in some:
        value = json.loads(item.data)
        metadata = value["metadata"]
        place = [metadata["namespace"]] if "namespace" in metadata else []
        assert item.name == "/".join([value["apiVersion"], value["kind"], *place, metadata["name"]])
        assert metadata["managedFields"]
    names = [item.name for item in some]
    assert names == sorted(set(names))


def test_secrets_hold_base64(some: list[manifests.Manifest]) -> None:
    secrets = [json.loads(item.data) for item in some if item.name.startswith("v1/Secret/")]

    assert {secret["type"] for secret in secrets} == {"Opaque", "kubernetes.io/tls", "helm.sh/release.v1"}
    assert all(b64decode(value, validate=True) for secret in secrets for value in secret["data"].values())


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.01, 3), (0.1, 30)])
def test_exactly_the_share_asked_for_changes(
    some: list[manifests.Manifest], share: float, expected: int
) -> None:
    later = manifests.changed(some, share)

    different = [(before, after) for before, after in zip(some, later, strict=True) if before != after]
    assert len(different) == expected
    assert [item.name for item in later] == [item.name for item in some]
    assert later == manifests.changed(some, share)


def test_a_changed_deployment_has_a_new_image_generation_and_version(some: list[manifests.Manifest]) -> None:
    later = manifests.changed(some, 0.1)

    for before, after in zip(some, later, strict=True):
        if before != after:
            old, new = json.loads(before.data), json.loads(after.data)
            assert new["metadata"]["generation"] == old["metadata"]["generation"] + 1
            assert new["spec"]["replicas"] == old["spec"]["replicas"] + 1 == new["status"]["replicas"]
            assert new["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]
            assert new["metadata"]["uid"] == old["metadata"]["uid"]
            assert _image(new) != _image(old)


def _image(value: dict[str, object]) -> object:
    spec = value["spec"]
    assert isinstance(spec, dict)
    return spec["template"]["spec"]["containers"][0]["image"]


def test_more_changes_than_deployments_are_refused(some: list[manifests.Manifest]) -> None:
    with pytest.raises(ValueError, match="300 are to change"):
        manifests.changed(some, 1.0)


def test_bulk_does_not_compress_and_is_as_large_as_was_asked() -> None:
    blobs = list(bulk.blobs(3_000_000))

    stored = sum(len(item.data) for item in blobs) + bulk.row_count(3_000_000) * 16
    assert stored == 3_000_000
    assert all(len(item.data) <= bulk.LARGEST for item in blobs)
    together = b"".join(item.data for item in blobs)
    assert len(gzip.compress(together, 1)) > 0.99 * len(together)
    assert [item.name for item in blobs] == sorted(item.name for item in blobs)


def test_velero_keeps_an_object_by_group_namespace_and_name() -> None:
    namespaced = manifests.Manifest("apps/v1/Deployment/shop/web", b"{}")
    of_the_core = manifests.Manifest("v1/Service/shop/web", b"{}")
    of_the_cluster = manifests.Manifest(
        "apiextensions.k8s.io/v1/CustomResourceDefinition/a.example.com", b"{}"
    )

    assert path_of(namespaced) == "resources/deployments.apps/namespaces/shop/web.json"
    assert path_of(of_the_core, "/v1-preferredversion") == (
        "resources/services/v1-preferredversion/namespaces/shop/web.json"
    )
    assert path_of(of_the_cluster).endswith("/cluster/a.example.com.json")
