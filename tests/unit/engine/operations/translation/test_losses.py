"""Losses: what a cloud lacks is told with what follows, and nothing else is."""

from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain.catalogue import Feature
from kubisnap.engine.domain.model import (
    ClusterSpec,
    FirewallSpec,
    Forward,
    ForwardProtocol,
    LoadBalancerSpec,
    NetworkSpec,
    Protocol,
    ReservedIpSpec,
    Role,
    Rule,
    SshKeySpec,
)
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.operations.translation import lacking
from tests.unit.engine.examples import CATALOGUE, KEY, SPEC, changed, with_workers


def losses(spec: ClusterSpec = SPEC, **fields: Any) -> list[str]:
    return list(lacking(spec, msgspec.structs.replace(CATALOGUE, cloud="other", **fields)))


def without(feature: Feature) -> dict[str, Any]:
    return {"features": CATALOGUE.features - {feature}}


def test_a_cloud_that_has_everything_loses_nothing() -> None:
    assert losses() == []


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        (Kind.SSH_KEY, "other has no ssh-key: admin left out, who may log in is as it is there"),
        (Kind.NETWORK, "other has no network: main left out, the servers have the networks that they have"),
        (Kind.SUBNET, "other has no subnet: back left out, all servers share the network"),
        (Kind.LOAD_BALANCER, "other has no load-balancer: entry left out, nothing spreads the traffic"),
        (Kind.VOLUME, "other has no volume: data left out, the servers have their own disks only"),
        (Kind.VOLUME_ATTACHMENT, "other has no volume-attachment: data left out, no server has them"),
        (Kind.RESERVED_IP, "other has no reserved-ip: api left out, servers have their own addresses"),
        (
            Kind.RESERVED_IP_ASSIGNMENT,
            "other has no reserved-ip-assignment: api left out, they point to no server",
        ),
        (Kind.FIREWALL, "other has no firewall: guard left out, nothing keeps traffic out"),
    ],
)
def test_a_kind_that_a_cloud_does_not_have_is_told_once_with_what_follows(kind: Kind, loss: str) -> None:
    assert losses(kinds=CATALOGUE.kinds - {kind}) == [loss]


@pytest.mark.parametrize("kind", [Kind.TAG, Kind.LOAD_BALANCER_MEMBER])
def test_what_only_the_engine_needs_is_no_loss_to_anybody(kind: Kind) -> None:
    assert losses(kinds=CATALOGUE.kinds - {kind}) == []


HTTP = LoadBalancerSpec(
    name="web",
    role=Role.WORKER,
    forward=(
        Forward(port=443, target_port=30443),
        Forward(port=80, target_port=30080, protocol=ForwardProtocol.HTTP),
    ),
)
KEYS = tuple(SshKeySpec(name=name, public_key=KEY.replace("A", name)) for name in "CAB")


@pytest.mark.parametrize(
    ("feature", "spec", "loss"),
    [
        (Feature.NEW_SERVERS, SPEC, "other makes no servers: it takes machines of the inventory"),
        (
            Feature.PUBLIC_ADDRESSES,
            SPEC,
            (
                "other gives servers no public address: workers-0, workers-1, workers-2 are reached from "
                "inside only, unless by a reserved address"
            ),
        ),
        (
            Feature.USER_DATA,
            with_workers(bootstrap="#!/bin/sh\n"),
            "other runs no script at a server's first boot: the bootstrap of workers does not run",
        ),
        (
            Feature.MANY_SSH_KEYS,
            changed(ssh_keys=KEYS),
            "other lets one SSH key into a server, A: B, C left out",
        ),
        (
            Feature.FILTERS_WITHIN,
            SPEC,
            (
                "other does not filter inside of the private network: guard against what is outside only; "
                "whatever control-plane, worker may reach, servers reach each other"
            ),
        ),
        (
            Feature.HTTP,
            changed(load_balancers=(HTTP,)),
            "other forwards HTTP as TCP: web, port 80",
        ),
    ],
)
def test_a_feature_that_a_cloud_does_not_have_is_told_with_what_follows(
    feature: Feature, spec: ClusterSpec, loss: str
) -> None:
    assert losses(spec) == []
    assert losses(spec, **without(feature)) == [loss]


@pytest.mark.parametrize(
    ("feature", "spec"),
    [
        (Feature.USER_DATA, SPEC),
        (Feature.USER_DATA, with_workers(bootstrap="#!/bin/sh\n", count=0)),
        (Feature.MANY_SSH_KEYS, SPEC),
        (Feature.FILTERS_WITHIN, changed(firewalls=())),
        (Feature.HTTP, SPEC),
        (
            Feature.PUBLIC_ADDRESSES,
            changed(
                with_workers(count=1),
                reserved_ips=(
                    ReservedIpSpec(name="a", server="cp-0"),
                    ReservedIpSpec(name="b", server="workers-0"),
                ),
            ),
        ),
    ],
)
def test_a_feature_that_a_cluster_does_not_use_is_no_loss(feature: Feature, spec: ClusterSpec) -> None:
    assert losses(spec, **without(feature)) == []


def test_the_whole_internet_is_not_inside() -> None:
    anywhere = Rule(protocol=Protocol.TCP, ports="22", sources=("0.0.0.0/0", "::/0"))
    office = Rule(protocol=Protocol.TCP, ports="22", sources=("10.9.0.0/16",))
    spec = changed(firewalls=(FirewallSpec(name="guard", role=Role.WORKER, allow=(anywhere, office)),))

    (loss,) = losses(spec, **without(Feature.FILTERS_WITHIN))
    assert "whatever 10.9.0.0/16 may reach" in loss


def test_what_a_cloud_has_nothing_for_is_not_told_again_for_its_parts() -> None:
    kinds = CATALOGUE.kinds - {Kind.VOLUME, Kind.VOLUME_ATTACHMENT, Kind.FIREWALL, Kind.LOAD_BALANCER}
    spec = changed(load_balancers=(HTTP,), network=NetworkSpec(cidr="10.160.0.0/20"))
    found = losses(spec, kinds=kinds, features=CATALOGUE.features - {Feature.HTTP, Feature.FILTERS_WITHIN})

    assert [loss.split(":")[0] for loss in found] == [
        "other has no load-balancer",
        "other has no volume",
        "other has no firewall",
    ]
