"""The blueprint: which resources a cluster is made of, in which order, and what a server runs at first."""

import subprocess

import msgspec
import pytest

from kubisnap.engine.domain.catalogue import Catalogue
from kubisnap.engine.domain.model import ClusterSpec, FirewallSpec, Protocol, Role, Rule, SshKeySpec, Taint
from kubisnap.engine.domain.resources import Desired, Firewall, Key, Kind, Server, SshKey
from kubisnap.engine.operations.blueprint import blueprint, user_data
from kubisnap.engine.operations.planning import REFERENCES
from kubisnap.engine.operations.translation import complete
from tests.unit.engine.examples import CATALOGUE, CONTROL_PLANE, KEY, SPEC, WORKERS, changed, with_workers

EXTRAS = {
    Kind.TAG: {Kind.TAG},
    Kind.SSH_KEY: {Kind.SSH_KEY},
    Kind.SUBNET: {Kind.SUBNET},
    Kind.FIREWALL: {Kind.FIREWALL},
    Kind.LOAD_BALANCER: {Kind.LOAD_BALANCER},
    Kind.VOLUME: {Kind.VOLUME, Kind.VOLUME_ATTACHMENT},
    Kind.RESERVED_IP: {Kind.RESERVED_IP, Kind.RESERVED_IP_ASSIGNMENT},
}
"""What a cloud may not have, and what it then does not have either."""


def drawn(spec: ClusterSpec = SPEC, catalogue: Catalogue = CATALOGUE) -> list[Desired]:
    return blueprint(complete(spec, catalogue), catalogue)


def server(name: str, spec: ClusterSpec = SPEC) -> tuple[Server, tuple[Key, ...]]:
    (found,) = (item for item in drawn(spec) if item.key == Key(Kind.SERVER, name))
    assert isinstance(found.resource, Server)
    return found.resource, found.needs


def test_these_are_the_resources_of_a_cluster() -> None:
    assert [str(item.key) for item in drawn()] == [
        "tag/cluster",
        "tag/control-plane",
        "tag/worker",
        "ssh-key/admin",
        "network/main",
        "subnet/back",
        "firewall/guard",
        "server/cp-0",
        "server/workers-0",
        "server/workers-1",
        "server/workers-2",
        "volume/data",
        "volume-attachment/data",
        "load-balancer/entry",
        "reserved-ip/api",
        "reserved-ip-assignment/api",
    ]


def test_a_server_stands_behind_its_firewalls_from_its_first_moment() -> None:
    _, worker = server("workers-0")
    _, control_plane = server("cp-0")

    assert Key(Kind.FIREWALL, "guard") in worker
    assert Key(Kind.FIREWALL, "guard") not in control_plane


def test_a_role_written_as_text_in_a_list_is_a_role() -> None:
    spec = changed(pools=[CONTROL_PLANE, msgspec.structs.replace(WORKERS, role="worker")])

    assert Key(Kind.FIREWALL, "guard") in server("workers-0", spec)[1]


def test_a_server_needs_its_tags_network_subnet_and_keys() -> None:
    resource, needs = server("workers-0")

    assert set(needs) == {
        Key(Kind.TAG, "cluster"),
        Key(Kind.TAG, "worker"),
        Key(Kind.NETWORK, "main"),
        Key(Kind.SUBNET, "back"),
        Key(Kind.SSH_KEY, "admin"),
        Key(Kind.FIREWALL, "guard"),
    }
    assert resource == Server(
        region="east",
        size="small",
        image="ubuntu-noble-1",
        role=Role.WORKER,
        pool="workers",
        network="main",
        subnet="back",
        ssh_keys=("admin",),
    )


@pytest.mark.parametrize("missing", EXTRAS)
def test_what_a_cloud_does_not_have_is_left_out_and_nothing_refers_to_it(missing: Kind) -> None:
    poor = msgspec.structs.replace(CATALOGUE, kinds=CATALOGUE.kinds - EXTRAS[missing])
    items = drawn(catalogue=poor)
    keys = {item.key for item in items}

    assert not EXTRAS[missing] & {key.kind for key in keys}
    for item in items:
        assert set(item.needs) <= keys
        for field, kind in REFERENCES.items():
            name = getattr(item.resource, field, "")
            assert not name or Key(kind, name) in keys
    assert len(keys) == len(drawn()) - sum(item.key.kind in EXTRAS[missing] for item in drawn())


def test_the_comment_of_a_key_is_not_part_of_it() -> None:
    items = drawn(changed(ssh_keys=(SshKeySpec(name="admin", public_key=f"{KEY} ada@example.com"),)))

    assert [item.resource for item in items if item.key.kind is Kind.SSH_KEY] == [SshKey(public_key=KEY)]


def test_a_role_that_only_a_rule_names_has_a_tag_too() -> None:
    rule = Rule(protocol=Protocol.TCP, sources=("worker",))
    spec = changed(
        pools=(CONTROL_PLANE,),
        firewalls=(FirewallSpec(name="f", role=Role.CONTROL_PLANE, allow=(rule,)),),
        load_balancers=(),
        volumes=(),
    )
    (firewall,) = (item for item in drawn(spec) if item.key.kind is Kind.FIREWALL)

    assert set(firewall.needs) == {Key(Kind.TAG, "control-plane"), Key(Kind.TAG, "worker")}
    assert firewall.resource == Firewall(role=Role.CONTROL_PLANE, rules=(rule,))


def test_the_order_in_which_a_cluster_is_written_does_not_change_its_resources() -> None:
    guard = SPEC.firewalls[0]
    turned = msgspec.structs.replace(guard, allow=guard.allow[::-1])
    taints = (Taint(key="b"), Taint(key="a"))
    keys = (*SPEC.ssh_keys, SshKeySpec(name="bob", public_key=KEY.replace("A", "B")))
    one = changed(with_workers(taints=taints, bootstrap="#!/bin/sh\n"), firewalls=(guard,), ssh_keys=keys)
    other = changed(
        with_workers(taints=taints[::-1], bootstrap="#!/bin/sh\n"), firewalls=(turned,), ssh_keys=keys[::-1]
    )

    assert drawn(one) == drawn(changed(other, pools=other.pools[::-1]))


# ── first boot ───────────────────────────────────────────────────────────────────────────────────

EXPORTS = """\
export KUBISNAP_CLUSTER='web'
export KUBISNAP_KUBERNETES_VERSION='1.34'
export KUBISNAP_NODE='workers-1'
export KUBISNAP_NODE_LABELS='a=1,b='
export KUBISNAP_NODE_TAINTS='gpu=:NoSchedule'
export KUBISNAP_POOL='workers'
export KUBISNAP_ROLE='worker'
"""


def at_first_boot(script: str) -> str:
    pool = msgspec.structs.replace(
        WORKERS, bootstrap=script, labels={"b": "", "a": "1"}, taints=(Taint(key="gpu"),)
    )
    return user_data(SPEC, pool, "workers-1")


@pytest.mark.parametrize(
    "first",
    [
        "#!/bin/sh",
        "#! /bin/sh",
        "#!/bin/bash -eu",
        "#!/usr/bin/env bash",
        "#!/usr/bin/env -S bash -e",
        "#!/bin/dash",
        "#!/bin/sh\r",
    ],
)
def test_a_shell_script_is_told_who_it_is_for_right_after_its_first_line(first: str) -> None:
    assert at_first_boot(f"{first}\necho hello\n") == f"{first}\n{EXPORTS}echo hello\n"
    assert at_first_boot(first) == f"{first}\n{EXPORTS}"


@pytest.mark.parametrize(
    "script",
    [
        "",
        "#cloud-config\n{}\n",
        "#!/usr/bin/python3\n",
        "#!/usr/bin/fish\n",
        "#!/bin/csh\n",
        "#include\nx",
        "echo sh\n#!/bin/sh",
    ],
)
def test_anything_else_goes_out_as_it_was_written(script: str) -> None:
    assert at_first_boot(script) == script


def test_a_shell_understands_what_it_is_told() -> None:
    script = at_first_boot(
        '#!/bin/sh -eu\necho "$KUBISNAP_NODE of $KUBISNAP_CLUSTER: $KUBISNAP_NODE_LABELS"\n'
    )
    done = subprocess.run(["sh"], input=script, capture_output=True, text=True, check=True)

    assert done.stdout == "workers-1 of web: a=1,b=\n"


def test_each_server_is_told_its_own_name() -> None:
    spec = with_workers(bootstrap="#!/bin/sh\n")
    told = [server(name, spec)[0].user_data for name in ("workers-0", "workers-1")]

    assert "NODE='workers-0'" in told[0]
    assert "NODE='workers-1'" in told[1]
