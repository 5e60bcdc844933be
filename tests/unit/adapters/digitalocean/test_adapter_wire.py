"""The adapter on the wire: exactly what is sent, and how odd answers are read."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubisnap.adapters.digitalocean import DigitalOcean, wire
from kubisnap.adapters.digitalocean.catalogue import CITIES, os_of
from kubisnap.adapters.digitalocean.networking import Firewalls
from kubisnap.adapters.digitalocean.rules import inbound, neutral_rules
from kubisnap.adapters.digitalocean.transport import Transport
from kubisnap.adapters.testing import canonical_rules, firewall_rules
from kubisnap.adapters.transport.failures import Answer
from kubisnap.engine.domain.model import Forward, ForwardProtocol, Protocol, Role, Rule
from kubisnap.engine.domain.resources import (
    Accepted,
    ClusterRef,
    Firewall,
    Key,
    Kind,
    LoadBalancer,
    Network,
    Request,
    ReservedIp,
    ReservedIpAssignment,
    Resource,
    Server,
    SshKey,
    Status,
    Tag,
    Volume,
    VolumeAttachment,
    provider_name,
)
from kubisnap.engine.errors import CloudError, Rejected, ResourceMissing, Unavailable
from tests.scripted_server import ScriptedServer

CLUSTER = ClusterRef(id="7f3a9c21" * 4, name="web")
SHORT = "7f3a9c21"
IDS = {
    Key(Kind.NETWORK, "main"): "5a4981aa-9653-4bd1-bef5-d6bff52042e4",
    Key(Kind.SSH_KEY, "admin"): "512189",
    Key(Kind.SERVER, "workers-0"): "3164444",
    Key(Kind.VOLUME, "data"): "506f78a4-e098-11e5-ad9f-000f53306ae1",
    Key(Kind.RESERVED_IP, "entry"): "45.55.96.47",
}
SERVER = Server(
    region="fra1",
    size="s-1vcpu-1gb",
    image="ubuntu-24-04-x64",
    role=Role.WORKER,
    pool="workers",
    network="main",
    ssh_keys=("admin",),
    user_data="#!/bin/sh\n",
)
RULES = (
    Rule(protocol=Protocol.ICMP, sources=("worker",)),
    Rule(protocol=Protocol.TCP, ports="22", sources=("192.0.2.0/24", "control-plane")),
    Rule(protocol=Protocol.UDP, ports="all", sources=("::/0",)),
)
BALANCER = LoadBalancer(
    region="fra1", network="main", role=Role.WORKER, forward=(Forward(port=80, target_port=30080),)
)
ACTION = {"action": {"id": 72531856, "status": "in-progress", "type": "attach_volume"}}


def request(resource: Resource, kind: Kind, name: str) -> Request:
    key = Key(kind, name)
    return Request(
        cluster=CLUSTER, key=key, resource=resource, name=provider_name(CLUSTER, key), ids=dict(IDS)
    )


@pytest.fixture
def cloud(server: ScriptedServer) -> Iterator[DigitalOcean]:
    cloud = DigitalOcean("token", end_point=server.url, read_timeout=5.0)
    yield cloud
    cloud.close()


# What is sent


CREATIONS: dict[str, tuple[Request, str, Any, Any, Accepted]] = {
    "tag": (
        request(Tag(role=Role.WORKER), Kind.TAG, "worker"),
        "tags",
        {"name": f"kubisnap-{SHORT}-worker"},
        {"tag": {"name": f"kubisnap-{SHORT}-worker", "resources": None}},
        Accepted(id=f"kubisnap-{SHORT}-worker"),
    ),
    "ssh-key": (
        request(SshKey(public_key="ssh-ed25519 AAAA me"), Kind.SSH_KEY, "admin"),
        "account/keys",
        {"name": f"web-admin-{SHORT}", "public_key": "ssh-ed25519 AAAA me"},
        {"ssh_key": {"id": 512189, "name": "x", "public_key": "y", "fingerprint": "z"}},
        Accepted(id="512189"),
    ),
    "network": (
        request(Network(region="fra1", cidr="10.1.0.0/20"), Kind.NETWORK, "main"),
        "vpcs",
        {
            "name": f"web-main-{SHORT}",
            "description": "Made by kubisnap. Changes by hand are seen as drift.",
            "region": "fra1",
            "ip_range": "10.1.0.0/20",
        },
        {"vpc": {"id": "5a49", "name": "x"}},
        Accepted(id="5a49"),
    ),
    "firewall": (
        request(Firewall(role=Role.WORKER, rules=RULES), Kind.FIREWALL, "nodes"),
        "firewalls",
        {
            "name": f"web-nodes-{SHORT}",
            "droplet_ids": [],
            "tags": [f"kubisnap-{SHORT}-worker"],
            "inbound_rules": [
                {"protocol": "icmp", "ports": "0", "sources": {"tags": [f"kubisnap-{SHORT}-worker"]}},
                {
                    "protocol": "tcp",
                    "ports": "22",
                    "sources": {"addresses": ["192.0.2.0/24"], "tags": [f"kubisnap-{SHORT}-control-plane"]},
                },
                {"protocol": "udp", "ports": "0", "sources": {"addresses": ["::/0"]}},
            ],
            "outbound_rules": [
                {"protocol": name, "ports": "0", "destinations": {"addresses": ["0.0.0.0/0", "::/0"]}}
                for name in ("tcp", "udp", "icmp")
            ],
        },
        {"firewall": {"id": "bb4b", "name": "x"}},
        Accepted(id="bb4b"),
    ),
    "server": (
        request(SERVER, Kind.SERVER, "workers-0"),
        "droplets",
        {
            "name": f"web-workers-0-{SHORT}",
            "region": "fra1",
            "size": "s-1vcpu-1gb",
            "image": "ubuntu-24-04-x64",
            "ssh_keys": [512189],
            "tags": [f"kubisnap-{SHORT}", f"kubisnap-{SHORT}-worker"],
            "backups": False,
            "ipv6": False,
            "monitoring": False,
            "vpc_uuid": IDS[Key(Kind.NETWORK, "main")],
            "user_data": "#!/bin/sh\n",
        },
        {"droplet": {"id": 3164444, "name": "x", "status": "new"}, "links": {"actions": [{"id": 7515}]}},
        Accepted(id="3164444", token="7515"),
    ),
    "server-from-a-private-image": (
        request(
            msgspec.structs.replace(SERVER, image="63663980", network="", ssh_keys=(), user_data=""),
            Kind.SERVER,
            "workers-0",
        ),
        "droplets",
        {
            "name": f"web-workers-0-{SHORT}",
            "region": "fra1",
            "size": "s-1vcpu-1gb",
            "image": 63663980,
            "ssh_keys": [],
            "tags": [f"kubisnap-{SHORT}", f"kubisnap-{SHORT}-worker"],
            "backups": False,
            "ipv6": False,
            "monitoring": False,
        },
        {"droplet": {"id": 3164444, "name": "x", "status": "new"}},
        Accepted(id="3164444"),
    ),
    "volume": (
        request(Volume(region="fra1", size_gib=10), Kind.VOLUME, "data"),
        "volumes",
        {
            "name": f"web-data-{SHORT}",
            "description": "Made by kubisnap. Changes by hand are seen as drift.",
            "region": "fra1",
            "size_gigabytes": 10,
            "tags": [f"kubisnap-{SHORT}"],
        },
        {"volume": {"id": "506f", "name": "x"}},
        Accepted(id="506f"),
    ),
    "volume-attachment": (
        request(VolumeAttachment(volume="data", server="workers-0"), Kind.VOLUME_ATTACHMENT, "data"),
        "volumes/506f78a4-e098-11e5-ad9f-000f53306ae1/actions",
        {"type": "attach", "droplet_id": 3164444},
        ACTION,
        Accepted(id="506f78a4-e098-11e5-ad9f-000f53306ae1:3164444", token="72531856"),
    ),
    "load-balancer": (
        request(BALANCER, Kind.LOAD_BALANCER, "in"),
        "load_balancers",
        {
            "name": f"web-in-{SHORT}",
            "region": "fra1",
            "tag": f"kubisnap-{SHORT}-worker",
            "forwarding_rules": [
                {"entry_protocol": "tcp", "entry_port": 80, "target_protocol": "tcp", "target_port": 30080}
            ],
            "health_check": {
                "protocol": "tcp",
                "port": 30080,
                "check_interval_seconds": 10,
                "response_timeout_seconds": 5,
                "unhealthy_threshold": 3,
                "healthy_threshold": 3,
            },
            "vpc_uuid": IDS[Key(Kind.NETWORK, "main")],
        },
        {"load_balancer": {"id": "4de7", "name": "x", "status": "new"}},
        Accepted(id="4de7"),
    ),
    "reserved-ip": (
        request(ReservedIp(region="fra1"), Kind.RESERVED_IP, "entry"),
        "reserved_ips",
        {"region": "fra1"},
        {"reserved_ip": {"ip": "45.55.96.47", "droplet": None}, "links": {}},
        Accepted(id="45.55.96.47"),
    ),
    "reserved-ip-assignment": (
        request(
            ReservedIpAssignment(reserved_ip="entry", server="workers-0"),
            Kind.RESERVED_IP_ASSIGNMENT,
            "entry",
        ),
        "reserved_ips/45.55.96.47/actions",
        {"type": "assign", "droplet_id": 3164444},
        ACTION,
        Accepted(id="45.55.96.47:3164444", token="72531856"),
    ),
}


@pytest.mark.parametrize("name", CREATIONS)
def test_a_creation_is_one_post_with_every_field_given_a_value(
    server: ScriptedServer, cloud: DigitalOcean, name: str
) -> None:
    wanted, path, body, answer, accepted = CREATIONS[name]
    server.answer(answer, 202)
    assert cloud.create(wanted) == accepted
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.json) == ("POST", f"/v2/{path}", body)
    assert b"null" not in seen.body


@pytest.mark.parametrize("name", CREATIONS)
@pytest.mark.parametrize("answer", [{}, {"droplet": None}, {"message": "done"}])
def test_a_creation_whose_answer_has_no_id_is_in_doubt(
    server: ScriptedServer, cloud: DigitalOcean, name: str, answer: Any
) -> None:
    """The thing may well exist; the engine must look for it."""
    server.answer(answer, 202)
    with pytest.raises(Unavailable) as error:
        cloud.create(CREATIONS[name][0])
    assert error.value.ambiguous


@pytest.mark.parametrize("links", [None, {}, {"actions": None}, {"actions": []}])
def test_a_server_without_an_action_is_accepted_all_the_same(
    server: ScriptedServer, cloud: DigitalOcean, links: Any
) -> None:
    """The library raises KeyError('links') here, when the droplet exists already."""
    server.answer({"droplet": {"id": 1, "name": "x", "status": "new"}, "links": links}, 202)
    assert cloud.create(CREATIONS["server"][0]) == Accepted(id="1")


def test_an_update_of_a_load_balancer_keeps_what_it_has_no_opinion_about(
    server: ScriptedServer, cloud: DigitalOcean
) -> None:
    current = {
        "id": "4de7",
        "name": "old",
        "size": "lb-small",
        "size_unit": 3,
        "status": "active",
        "ip": "192.0.2.1",
        "project_id": "9cc1",
        "redirect_http_to_https": True,
        "tls_cipher_policy": None,
        "health_check": {"protocol": "http", "port": 31000, "path": "/ready", "extra": None},
        "droplet_ids": [1, 2],
        "region": {"slug": "fra1"},
        "forwarding_rules": [],
    }
    server.answer({"load_balancer": current})
    server.answer({"load_balancer": {"id": "4de7", "name": "x"}})
    moved = msgspec.structs.replace(BALANCER, forward=(Forward(port=80, target_port=31000),))
    assert cloud.update(request(moved, Kind.LOAD_BALANCER, "in"), "4de7", frozenset({"forward"})).id == "4de7"
    assert (server.last.method, server.last.path) == ("PUT", "/v2/load_balancers/4de7")
    sent = server.last.json
    assert (sent["size_unit"], sent["project_id"], sent["redirect_http_to_https"]) == (3, "9cc1", True)
    assert sent["health_check"] == {"protocol": "http", "port": 31000, "path": "/ready"}
    assert sent["region"] == "fra1"
    assert not {"id", "ip", "status", "droplet_ids", "size", "tls_cipher_policy"} & set(sent)


def test_an_update_of_a_firewall_sends_all_of_it(server: ScriptedServer, cloud: DigitalOcean) -> None:
    wanted, _, body, answer, accepted = CREATIONS["firewall"]
    server.answer(answer)
    assert cloud.update(wanted, "bb4b", frozenset({"rules"})) == accepted
    assert (server.last.method, server.last.path, server.last.json) == ("PUT", "/v2/firewalls/bb4b", body)


def test_an_update_of_a_volume_resizes_it(server: ScriptedServer, cloud: DigitalOcean) -> None:
    server.answer(ACTION, 202)
    wanted = request(Volume(region="fra1", size_gib=20), Kind.VOLUME, "data")
    assert cloud.update(wanted, "506f", frozenset({"size_gib"})) == Accepted(id="506f", token="72531856")
    assert server.last.json == {"type": "resize", "size_gigabytes": 20, "region": "fra1"}


# What is seen


def test_a_server_of_which_little_is_told_is_seen_all_the_same(
    server: ScriptedServer, cloud: DigitalOcean
) -> None:
    server.answer({"droplet": {"id": 1, "name": "x", "status": "new", "networks": None, "image": None}})
    seen = cloud.observe(Kind.SERVER, "1")
    assert seen is not None
    assert (seen.status, seen.properties, seen.links, seen.attributes) == (Status.CREATING, {}, {}, {})


def test_an_image_that_has_lost_its_slug_is_no_difference(
    server: ScriptedServer, cloud: DigitalOcean
) -> None:
    """DigitalOcean takes it away when it publishes a newer build."""
    droplet = {"id": 1, "name": "x", "status": "active", "image": {"id": 7, "slug": None}, "size_slug": "s"}
    server.answer({"droplet": droplet})
    seen = cloud.observe(Kind.SERVER, "1")
    assert seen is not None
    assert seen.properties == {"size": "s"}


@pytest.mark.parametrize("status", ["off", "archive"])
def test_a_server_that_is_switched_off_is_whole_and_not_usable(
    server: ScriptedServer, cloud: DigitalOcean, status: str
) -> None:
    """Were it taken for failed, it would be replaced, and its disk lost."""
    address = {"ip_address": "192.0.2.1", "type": "public"}
    droplet = {"id": 1, "name": "x", "status": status, "networks": {"v4": [address]}}
    server.answer({"droplet": droplet})
    server.answer({"droplet": droplet})
    seen = cloud.observe(Kind.SERVER, "1")
    assert seen is not None
    assert (seen.status, seen.attributes["power"]) == (Status.READY, status)
    assert cloud.ready(Kind.SERVER, Accepted(id="1")) is None


def test_a_server_is_not_ready_before_its_public_address(server: ScriptedServer, cloud: DigitalOcean) -> None:
    """community.digitalocean#220, #116: networks are empty for a moment after it is active."""
    droplet: dict[str, Any] = {"id": 1, "name": "x", "status": "active", "networks": {"v4": []}}
    server.answer({"droplet": droplet})
    assert cloud.ready(Kind.SERVER, Accepted(id="1")) is None


@pytest.mark.parametrize(
    ("action", "droplet", "outcome"),
    [
        ({"action": {"id": 7, "status": "errored", "type": "create"}}, None, Rejected),
        ({"action": {"id": 7, "status": "completed"}}, None, ResourceMissing),
        (None, None, ResourceMissing),
    ],
)
def test_a_server_that_will_never_be_is_not_waited_for(
    server: ScriptedServer, cloud: DigitalOcean, action: Any, droplet: Any, outcome: type[CloudError]
) -> None:
    for answer in (action, droplet):
        server.answer(*((answer,) if answer else ({"id": "not_found", "message": "gone"}, 404)))
    with pytest.raises(outcome):
        cloud.ready(Kind.SERVER, Accepted(id="1", token="7"))


def test_an_action_in_progress_takes_one_request(server: ScriptedServer, cloud: DigitalOcean) -> None:
    for kind in (Kind.SERVER, Kind.VOLUME_ATTACHMENT):
        server.answer(ACTION)
        assert cloud.ready(kind, Accepted(id="1", token="72531856")) is None
    assert [seen.path for seen in server.seen] == ["/v2/actions/72531856"] * 2


def test_a_load_balancer_is_ready_when_it_is_active(server: ScriptedServer, cloud: DigitalOcean) -> None:
    for status in ("new", None, "active", "errored"):
        server.answer({"load_balancer": {"id": "4de7", "name": "x", "status": status}})
    accepted = Accepted(id="4de7")
    assert cloud.ready(Kind.LOAD_BALANCER, accepted) is None
    assert cloud.ready(Kind.LOAD_BALANCER, accepted) is None
    assert cloud.ready(Kind.LOAD_BALANCER, accepted) is not None
    with pytest.raises(Rejected, match="gave up"):
        cloud.ready(Kind.LOAD_BALANCER, accepted)


def test_a_locked_address_is_not_ready(server: ScriptedServer, cloud: DigitalOcean) -> None:
    for locked in (True, False):
        server.answer({"reserved_ip": {"ip": "192.0.2.1", "locked": locked, "region": {"slug": "fra1"}}})
    server.answer({"id": "not_found", "message": "not yet"}, 404)
    assert cloud.ready(Kind.RESERVED_IP, Accepted(id="192.0.2.1")) is None
    assert cloud.ready(Kind.RESERVED_IP, Accepted(id="192.0.2.1")) is not None
    assert cloud.ready(Kind.RESERVED_IP, Accepted(id="192.0.2.1")) is None


def test_forwarding_without_a_neutral_form_is_shown(server: ScriptedServer, cloud: DigitalOcean) -> None:
    rules = [
        {
            "entry_protocol": "https",
            "entry_port": 443,
            "target_protocol": "http",
            "target_port": 80,
            "new": 1,
        },
        {"entry_protocol": "http", "entry_port": 80, "target_protocol": "http", "target_port": 80},
        {"entry_protocol": "tcp", "entry_port": 22, "target_protocol": "tcp", "target_port": 22},
    ]
    balancer = {"id": "4de7", "name": f"web-in-{SHORT}", "status": "active", "forwarding_rules": rules}
    server.answer({"load_balancer": balancer | {"tag": f"kubisnap-{SHORT}-worker", "droplet_ids": [1]}})
    server.answer({"load_balancer": balancer | {"tag": "", "droplet_ids": [1]}})
    seen = cloud.observe(Kind.LOAD_BALANCER, "4de7")
    assert seen is not None
    assert seen.properties == {
        "role": "worker",
        "forward": (
            msgspec.to_builtins(Forward(port=22, target_port=22)),
            msgspec.to_builtins(Forward(port=80, target_port=80, protocol=ForwardProtocol.HTTP)),
            {"port": 443, "target_port": 80, "protocol": "https-to-http"},
        ),
    }
    untagged = cloud.observe(Kind.LOAD_BALANCER, "4de7")
    assert untagged is not None
    assert (untagged.properties["role"], untagged.attributes) == ("", {"also_for": "droplet:1"})


def test_one_odd_firewall_does_not_spoil_the_list(server: ScriptedServer, cloud: DigitalOcean) -> None:
    """The library cannot list any firewall when one of them has `null` rules or an unknown field."""
    name = f"web-nodes-{SHORT}"
    rule = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["::/0"], "new": 1}, "unheard_of": 1}
    firewalls = [
        {"id": "a", "name": "theirs", "inbound_rules": None, "outbound_rules": None, "tags": None},
        {"id": "b", "name": name, "inbound_rules": [rule], "status": "waiting", "pending_changes": []},
        {"id": "c", "name": name, "inbound_rules": None, "status": "failed", "droplet_ids": None},
    ]
    server.answer({"firewalls": firewalls, "links": {}, "meta": {"total": 3}})
    seen = cloud.find(CREATIONS["firewall"][0])
    assert [(item.id, item.status) for item in seen] == [("b", Status.READY), ("c", Status.FAILED)]
    assert seen[0].properties["rules"] == ({"protocol": "tcp", "ports": "22", "sources": ("::/0",)},)
    assert seen[1].properties["rules"] == ()


def test_an_account_without_a_team_is_the_users(server: ScriptedServer, cloud: DigitalOcean) -> None:
    server.answer({"account": {"uuid": "u", "email": "ada@example.com", "team": None}})
    server.answer({"account": {"uuid": "u", "email": "ada@example.com", "team": {"uuid": "t", "name": "T"}}})
    alone, together = cloud.account(), cloud.account()
    assert (alone.id, alone.title) == ("u", "ada@example.com")
    assert (together.id, together.title) == ("t", "ada@example.com (T)")


def test_gpu_servers_are_asked_for_and_names_compared_exactly(
    server: ScriptedServer, cloud: DigitalOcean
) -> None:
    name = CREATIONS["server"][0].name

    def droplets(*names: str) -> dict[str, Any]:
        items = [{"id": index, "name": name, "status": "active"} for index, name in enumerate(names)]
        return {"droplets": items, "meta": {"total": len(items)}}

    server.answer(droplets(name.upper()))
    server.answer(droplets("other", name))
    assert [seen.name for seen in cloud.find(CREATIONS["server"][0])] == [name]
    assert [seen.query.get("type") for seen in server.seen] == [None, ["gpus"]]
    assert [seen.query["name"] for seen in server.seen] == [[name], [name]]


def test_what_a_person_tagged_or_renamed_is_still_the_clusters(
    server: ScriptedServer, cloud: DigitalOcean
) -> None:
    droplets = [
        {"id": 1, "name": f"web-workers-0-{SHORT}", "status": "active", "tags": None},
        {"id": 2, "name": "renamed", "status": "active", "tags": [f"kubisnap-{SHORT}"]},
        {"id": 3, "name": f"web-workers-0-{SHORT[::-1]}", "status": "active", "tags": ["kubisnap-other"]},
    ]
    lists: dict[str, list[dict[str, Any]]] = {"droplets": droplets}
    server.always = lambda handler: _list(handler, lists)
    assert [seen.id for seen in cloud.observe_all(CLUSTER)] == ["1", "2"]


def _list(handler: Any, lists: dict[str, list[dict[str, Any]]]) -> None:
    key = handler.path.partition("?")[0].removeprefix("/v2/").replace("account/keys", "ssh_keys")
    items = lists.get(key, [])
    content = msgspec.json.encode({key: items, "meta": {"total": len(items)}})
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


# Firewall rules


def _there_and_back(rules: tuple[Rule, ...]) -> Any:
    sent = inbound(CREATIONS["firewall"][0], rules)
    read = msgspec.convert(msgspec.json.decode(msgspec.json.encode(sent)), list[wire.InboundRule])
    return neutral_rules(reversed(read), SHORT)


@given(parts=st.lists(firewall_rules, max_size=3))
def test_firewall_rules_survive_the_way_there_and_back(
    parts: list[tuple[Rule, ...]],
) -> None:
    """In any number, also several of the same protocol and ports."""
    rules = canonical_rules(tuple(rule for part in parts for rule in part))
    assert _there_and_back(rules) == msgspec.to_builtins(rules)


def test_rules_of_the_same_ports_stay_apart() -> None:
    rules = canonical_rules(
        (
            Rule(protocol=Protocol.TCP, ports="22", sources=("10.0.0.0/8",)),
            Rule(protocol=Protocol.TCP, ports="22", sources=("192.0.2.0/24",)),
        )
    )
    assert _there_and_back(rules) == msgspec.to_builtins(rules)


@pytest.mark.parametrize(
    ("given_rule", "shown"),
    [
        ({"protocol": "tcp", "ports": "all", "sources": {"addresses": ["::/0"]}}, ("tcp", "all", ("::/0",))),
        ({"protocol": "icmp", "ports": None, "sources": None}, ("icmp", "all", ())),
        ({"protocol": "icmp", "sources": {"addresses": None, "tags": None}}, ("icmp", "all", ())),
        (
            {
                "protocol": "tcp",
                "ports": "80",
                "sources": {
                    "droplet_ids": [12],
                    "tags": ["db", "kubisnap-00000000-worker", f"kubisnap-{SHORT}-worker"],
                    "load_balancer_uids": ["4de7"],
                    "kubernetes_ids": ["41b7"],
                },
            },
            (
                "tcp",
                "80",
                (
                    "droplet:12",
                    "kubernetes:41b7",
                    "load-balancer:4de7",
                    "tag:db",
                    "tag:kubisnap-00000000-worker",
                    "worker",
                ),
            ),
        ),
        ({"protocol": "gre", "ports": "0", "sources": {}}, ("gre", "all", ())),
    ],
)
def test_a_rule_that_a_person_made_is_seen(given_rule: Any, shown: tuple[str, str, tuple[str, ...]]) -> None:
    """Nothing is left out: what has no neutral word has one of its own, and so is drift."""
    (rule,) = neutral_rules([msgspec.convert(given_rule, wire.InboundRule)], SHORT)
    assert (rule["protocol"], rule.get("ports", "all"), rule.get("sources", ())) == shown


@pytest.mark.parametrize(
    ("tags", "droplets", "role", "also"),
    [
        ([f"kubisnap-{SHORT}-worker"], [], "worker", None),
        ([f"kubisnap-{SHORT}-worker", "db"], [12], "worker", "droplet:12,tag:db"),
        ([f"kubisnap-{SHORT}-worker", f"kubisnap-{SHORT}-control-plane"], [], "control-plane,worker", None),
        ([], [12], "", "droplet:12"),
        (["kubisnap-00000000-worker"], [], "", "tag:kubisnap-00000000-worker"),
        (None, None, "", None),
    ],
)
def test_a_firewall_shows_whom_it_protects(
    tags: list[str] | None, droplets: list[int] | None, role: str, also: str | None
) -> None:
    item = wire.Firewall(id="x", name=f"web-nodes-{SHORT}", tags=tags, droplet_ids=droplets)
    transport = Transport("token")
    seen = Firewalls(transport).seen(item)
    transport.close()
    assert seen.properties == {"role": role, "rules": ()}
    assert seen.attributes.get("also_for") == also


# What is on offer


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("ubuntu-24-04-x64", "ubuntu-24.04"),
        ("debian-12-x64", "debian-12"),
        ("fedora-42-x64", "fedora-42"),
        ("rockylinux-9-x64", "rocky-9"),
        ("almalinux-9-x64", "alma-9"),
        ("centos-stream-9-x64", "centos-stream-9"),
        ("docker-20-04", None),
        ("ubuntu-24-04-arm64", None),
        ("gpu-h100x1-base", None),
        ("", None),
    ],
)
def test_an_image_has_a_neutral_name(slug: str, name: str | None) -> None:
    assert os_of(slug) == name


def test_every_region_ever_named_has_a_place(server: ScriptedServer, cloud: DigitalOcean) -> None:
    cities = {"ams": 3, "atl": 1, "blr": 1, "fra": 1, "lon": 1, "nyc": 3, "ric": 1, "sfo": 3, "sgp": 1}
    cities |= {"syd": 1, "tor": 1, "mars": 1}
    slugs = [f"{city}{number}" for city, count in cities.items() for number in range(1, count + 1)]
    regions = [{"slug": slug, "name": slug.upper(), "available": True} for slug in slugs]
    server.answer({"regions": regions, "meta": {"total": len(regions)}})
    server.answer({"sizes": [], "meta": {"total": 0}})
    images = [
        {"id": 1, "slug": "debian-12-x64", "regions": ["ams3", "gone1"], "status": "available"},
        {"id": 2, "slug": "debian-11-x64", "regions": ["ams3"], "status": "retired"},
        {"id": 3, "slug": None, "regions": None, "status": None},
    ]
    server.answer({"images": images, "meta": {"total": 3}})
    catalogue = cloud.catalogue()
    assert [region.name for region in catalogue.regions if region.latitude is None] == ["mars1"]
    assert set(cities) == {*CITIES, "mars"}
    assert [(image.os, image.regions) for image in catalogue.images] == [("debian-12", frozenset({"ams3"}))]


@pytest.mark.parametrize("price", [-1, "NaN", "Infinity"])
def test_a_price_that_is_none_is_rejected(server: ScriptedServer, cloud: DigitalOcean, price: Any) -> None:
    server.answer({"regions": [], "meta": {"total": 0}})
    size = {"slug": "s", "memory": 1, "vcpus": 1, "disk": 1, "price_hourly": price, "price_monthly": 1}
    server.answer({"sizes": [size], "meta": {"total": 1}})
    server.answer({"images": [], "meta": {"total": 0}})
    with pytest.raises(Rejected, match="a price of s that is none"):
        cloud.catalogue()


# Hostile answers


class _Canned(Transport):
    """A transport whose every answer is the one given: hypothesis is too quick for sockets."""

    answer = Answer(200, {}, b"")

    def _BaseAPI__perform_request(self, *_: Any, **__: Any) -> Answer:  # noqa: N802
        return self.answer


_KEYS = st.sampled_from(
    sorted(
        {field for name in dir(wire) for field in getattr(getattr(wire, name), "__struct_fields__", ())}
        | {"meta", "total", "tags", "ssh_keys", "vpcs", "firewalls", "droplets", "volumes", "load_balancers"}
    )
)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=25,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=_JSON.map(msgspec.json.encode) | st.binary(max_size=40), name=st.sampled_from([*CREATIONS]))
def test_no_answer_makes_anything_but_a_cloud_error(body: bytes, name: str) -> None:
    cloud = DigitalOcean("token")
    canned = _Canned("token")
    canned.answer = Answer(200, {"content-type": "application/json"}, body)
    for family in cloud._families.values():
        family.transport = canned
    cloud._transport.close()
    cloud._transport = canned
    wanted, *_ = CREATIONS[name]
    kind = wanted.key.kind
    for call in (
        cloud.account,
        cloud.catalogue,
        lambda: cloud.create(wanted),
        lambda: cloud.ready(kind, Accepted(id="1.2.3.4:1" if "-ip" in kind else "1:1", token="1")),
        lambda: cloud.update(wanted, "1", frozenset({"size_gib"})),
        lambda: cloud.delete(kind, "1"),
        lambda: cloud.observe(kind, "1"),
        lambda: cloud.find(wanted),
        lambda: cloud.observe_all(CLUSTER),
    ):
        try:
            call()
        except CloudError as error:
            assert str(error).startswith("digitalocean: ")  # noqa: PT017
    cloud.close()
