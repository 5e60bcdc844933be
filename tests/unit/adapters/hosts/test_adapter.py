"""Hosts as a cloud, on servers in this process that can be told to misbehave."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import paramiko
import pytest
import yaml

from kubisnap.adapters import hosts
from kubisnap.adapters.testing import new_cluster
from kubisnap.engine.domain.catalogue import Catalogue
from kubisnap.engine.domain.model import Role
from kubisnap.engine.domain.resources import (
    ClusterRef,
    Key,
    Kind,
    Network,
    Observed,
    Request,
    Resource,
    Server,
    provider_name,
)
from kubisnap.engine.errors import (
    CloudError,
    Conflict,
    Denied,
    QuotaExceeded,
    Rejected,
    ResourceMissing,
    Unavailable,
)
from kubisnap.engine.ports import Cloud, Room
from tests.ssh_impostor import Fakes, Impostor, Reply

CLUSTER = new_cluster("web")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[dict[str, Any]], Cloud]]:
    clouds: list[Cloud] = []

    def make(inventory: dict[str, Any]) -> Cloud:
        path = tmp_path / f"{len(clouds)}.yaml"
        path.write_text(yaml.safe_dump(inventory), encoding="utf-8")
        clouds.append(hosts.factory({"KUBISNAP_HOSTS": str(path)}))
        return clouds[-1]

    yield make
    for cloud in clouds:
        cloud.close()


class Rack:
    """Some servers, the cloud that they are, and requests for what it offers."""

    def __init__(self, servers: Fakes, opened: Callable[[dict[str, Any]], Cloud]) -> None:
        self._servers = servers
        self._opened = opened

    def of(self, count: int, **more: Any) -> Cloud:
        """Start servers and open them as a cloud; `more` goes into the inventory."""
        for _ in range(count):
            self._servers.new()
        return self.open(**more)

    def open(self, **more: Any) -> Cloud:
        return self._opened(self._servers.inventory(**more))

    def each(self, **of_each: list[Any]) -> dict[str, Any]:
        """Return the part of an inventory in which each host has fields of its own."""
        inventory = self._servers.inventory()
        for field, values in of_each.items():
            for host, value in zip(inventory["hosts"], values, strict=True):
                host[field] = value
        return {"hosts": inventory["hosts"]}

    def __getitem__(self, number: int) -> Impostor:
        return self._servers.made[number]


@pytest.fixture
def rack(servers: Fakes, opened: Callable[[dict[str, Any]], Cloud]) -> Rack:
    return Rack(servers, opened)


def request(
    catalogue: Catalogue,
    name: str = "workers-0",
    *,
    size: str = "",
    role: Role = Role.WORKER,
    cluster: ClusterRef = CLUSTER,
) -> Request:
    key = Key(Kind.SERVER, name)
    server = Server(
        region=catalogue.regions[0].name,
        size=size or catalogue.sizes[0].name,
        image=catalogue.images[0].name,
        role=role,
        pool="workers",
        network="",
    )
    return asking(key, server, cluster)


def asking(key: Key, resource: Resource, cluster: ClusterRef = CLUSTER) -> Request:
    return Request(cluster=cluster, key=key, resource=resource, name=provider_name(cluster, key), ids={})


def host_of(observed: Observed | str) -> str:
    return (observed if isinstance(observed, str) else observed.id).partition(":")[0]


def claim_file(server: Impostor) -> Path:
    return server.home / "claims" / "claim.json"


def is_change(script: str) -> bool:
    return "kubisnap-did" in script


def losing_answers(server: Impostor) -> Callable[[str], Reply]:
    """Do what is asked, and cut off before a word about changes is said."""

    def answer(script: str) -> Reply:
        reply = server.shell(script)
        return Reply(then="cut") if is_change(script) else reply

    return answer


def test_hosts_are_claimed_in_the_order_of_the_inventory_and_given_back(rack: Rack) -> None:
    cloud = rack.of(3)
    catalogue = cloud.catalogue()

    ids = [cloud.create(request(catalogue, f"workers-{n}")).id for n in range(2)]
    cloud.delete(Kind.SERVER, ids[0])
    again = cloud.create(request(catalogue, "workers-2")).id

    assert [host_of(item) for item in (*ids, again)] == ["node-0", "node-1", "node-0"]
    assert again != ids[0]
    assert cloud.observe(Kind.SERVER, ids[0]) is None


def test_the_claim_says_for_people_whose_the_host_is(rack: Rack) -> None:
    cloud = rack.of(1)
    cloud.create(request(cloud.catalogue()))

    claim = json.loads(claim_file(rack[0]).read_text("utf-8"))

    assert claim["cluster"] == CLUSTER.id
    assert (claim["cluster_name"], claim["logical"], claim["role"]) == ("web", "workers-0", "worker")
    assert (claim["inventory"], claim["host"], claim["kubisnap"]) == ("rack", "node-0", 1)


def test_a_claim_whose_answer_is_lost_is_found_and_not_made_twice(rack: Rack) -> None:
    cloud = rack.of(3)
    wanted = request(cloud.catalogue())
    rack[0].answer = losing_answers(rack[0])

    with pytest.raises(Unavailable) as caught:
        cloud.create(wanted)

    assert caught.value.ambiguous
    [found] = cloud.find(wanted)
    assert host_of(found) == "node-0"
    with pytest.raises(Conflict, match="node-0 is claimed as"):
        cloud.create(wanted)


def test_a_release_whose_answer_is_lost_has_happened_or_not_and_can_be_asked_again(rack: Rack) -> None:
    cloud = rack.of(1)
    server_id = cloud.create(request(cloud.catalogue())).id
    rack[0].answer = losing_answers(rack[0])

    with pytest.raises(Unavailable) as caught:
        cloud.delete(Kind.SERVER, server_id)

    assert caught.value.ambiguous
    with pytest.raises(ResourceMissing):
        cloud.delete(Kind.SERVER, server_id)


def test_what_failed_before_anything_was_sent_is_not_ambiguous(rack: Rack) -> None:
    cloud = rack.of(1)
    wanted = request(cloud.catalogue())
    rack[0].close()

    with pytest.raises(Unavailable) as caught:
        cloud.create(wanted)

    assert not caught.value.ambiguous
    assert "node-0" in caught.value.message


def test_a_host_that_does_not_answer_is_named_wherever_it_matters(rack: Rack) -> None:
    cloud = rack.of(3)
    catalogue = cloud.catalogue()
    rack[1].close()

    with pytest.raises(Unavailable, match="node-1 could not be asked, so nobody knows who has it"):
        cloud.observe_all(CLUSTER)
    with pytest.raises(Unavailable, match="node-1 could not be asked, so nobody knows who has it"):
        cloud.find(request(catalogue))
    allowance = cloud.allowance("default")
    assert allowance.rooms == {"server": Room(limit=3, used=1)}
    [unasked] = allowance.unasked
    assert "node-1" in unasked
    assert cloud.account().title == "rack (3 hosts)"
    assert cloud.catalogue().sizes == catalogue.sizes
    taken = [host_of(cloud.create(request(catalogue, f"workers-{n}")).id) for n in range(2)]
    assert taken == ["node-0", "node-2"]
    with pytest.raises(Unavailable, match="node-1 could not be asked"):
        cloud.create(request(catalogue, "workers-2"))


def test_when_all_are_taken_it_is_told_by_whom(rack: Rack) -> None:
    cloud = rack.of(2)
    catalogue = cloud.catalogue()
    cloud.create(request(catalogue, "workers-0"))
    other = new_cluster("shop")
    cloud.create(request(catalogue, "workers-0", cluster=other))

    with pytest.raises(QuotaExceeded) as caught:
        cloud.create(request(catalogue, "workers-1"))

    assert "all 2 hosts in default" in caught.value.message
    assert f"node-0 (web-workers-0-{CLUSTER.short})" in caught.value.message
    assert f"node-1 (shop-workers-0-{other.short})" in caught.value.message


def test_a_host_is_only_what_the_inventory_lets_it_be(rack: Rack) -> None:
    rack.of(2)
    cloud = rack.open(**rack.each(roles=[["control-plane"], ["worker"]]))
    catalogue = cloud.catalogue()

    assert host_of(cloud.create(request(catalogue)).id) == "node-1"
    with pytest.raises(QuotaExceeded):
        cloud.create(request(catalogue, "workers-1"))
    assert host_of(cloud.create(request(catalogue, "masters-0", role=Role.CONTROL_PLANE)).id) == "node-0"

    workers_only = rack.open(**rack.each(roles=[["worker"], ["worker"]]))
    with pytest.raises(Rejected, match="takes the role control-plane"):
        workers_only.create(request(catalogue, role=Role.CONTROL_PLANE))


def test_machines_that_differ_are_different_sizes_in_their_sites(rack: Rack) -> None:
    rack.of(3)
    rack[1].program("nproc", "echo 64")
    rack[2].program("uname", "case $1 in -m) echo aarch64;; *) echo node;; esac")
    cloud = rack.open(**rack.each(site=["a", "a", "b"]))

    catalogue = cloud.catalogue()

    usual, arm, big = catalogue.sizes
    assert (big.vcpus, set(big.regions), int(big.monthly)) == (64, {"a"}, 0)
    assert (set(usual.regions), usual.architecture) == ({"a"}, "x86_64")
    assert (arm.name, set(arm.regions), arm.architecture) == (f"{usual.name}-arm64", {"b"}, "arm64")
    [image] = catalogue.images
    assert image.architectures == {"x86_64", "arm64"}
    assert host_of(cloud.create(request(catalogue, size=big.name)).id) == "node-1"
    with pytest.raises(Rejected, match="no host in a is"):
        cloud.create(request(catalogue, "workers-1", size=arm.name))


def test_a_site_where_nobody_answers_takes_no_servers(rack: Rack) -> None:
    rack.of(2)
    cloud = rack.open(**rack.each(site=["a", "b"]))
    rack[1].close()

    assert [(region.name, region.available) for region in cloud.catalogue().regions] == [
        ("a", True),
        ("b", False),
    ]


def test_one_claim_that_nobody_can_read_is_told_and_never_taken_for_none(rack: Rack) -> None:
    cloud = rack.of(2)
    catalogue = cloud.catalogue()
    claim_file(rack[0]).parent.mkdir()
    claim_file(rack[0]).write_text('{"kubisnap": 1, "id": ', encoding="utf-8")

    assert host_of(cloud.create(request(catalogue)).id) == "node-1"
    assert cloud.allowance("default").rooms == {"server": Room(limit=2, used=2)}
    with pytest.raises(Rejected, match=r"nobody knows who has node-0: .*claim\.json is not a claim"):
        cloud.observe_all(CLUSTER)
    with pytest.raises(Rejected, match="mend or remove"):
        cloud.delete(Kind.SERVER, f"node-0:{'0' * 16}")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kubisnap": 2}, "another version"),
        ({"server": "\x1b[31mred"}, "not a claim"),
        ({"id": "../../etc"}, "not a claim"),
        ({"role": "boss"}, "not a claim"),
        ({"pool": "x" * 5000}, "longer than any claim"),
    ],
)
def test_what_a_claim_says_is_not_believed_unchecked(
    rack: Rack, change: dict[str, object], problem: str
) -> None:
    cloud = rack.of(1)
    cloud.create(request(cloud.catalogue()))
    claim = json.loads(claim_file(rack[0]).read_text("utf-8"))
    claim_file(rack[0]).write_text(json.dumps(claim | change), encoding="utf-8")

    with pytest.raises(Rejected, match=problem) as caught:
        cloud.observe_all(CLUSTER)
    assert str(caught.value).isprintable()


def test_a_claim_on_a_copied_disk_is_nobodys_server(rack: Rack) -> None:
    cloud = rack.of(2)
    wanted = request(cloud.catalogue())
    cloud.create(wanted)
    claim_file(rack[1]).parent.mkdir()
    claim_file(rack[1]).write_bytes(claim_file(rack[0]).read_bytes())

    assert [host_of(item) for item in cloud.find(wanted)] == ["node-0"]
    assert cloud.allowance("default").rooms == {"server": Room(limit=2, used=2)}


def test_a_claim_that_changes_while_it_is_released_stays(rack: Rack) -> None:
    cloud = rack.of(1)
    server_id = cloud.create(request(cloud.catalogue())).id

    def answer(script: str) -> Reply:
        if is_change(script):
            claim_file(rack[0]).write_text("somebody else's", encoding="utf-8")
        return rack[0].shell(script)

    rack[0].answer = answer
    with pytest.raises(Conflict, match="no longer what it was"):
        cloud.delete(Kind.SERVER, server_id)
    assert claim_file(rack[0]).read_text("utf-8") == "somebody else's"


def test_of_a_host_nothing_but_the_claim_is_touched(rack: Rack) -> None:
    cloud = rack.of(1)
    (rack[0].home / "claims").mkdir()
    (rack[0].home / "claims" / "notes").write_text("mine", encoding="utf-8")
    (rack[0].home / "data").write_text("mine", encoding="utf-8")

    cloud.delete(Kind.SERVER, cloud.create(request(cloud.catalogue())).id)

    left = {str(path.relative_to(rack[0].home)) for path in rack[0].home.rglob("*") if path.is_file()}
    assert left == {"claims/notes", "claims/lock", "data"}


def test_a_host_that_left_the_inventory_is_gone_for_its_cluster(rack: Rack) -> None:
    cloud = rack.of(2)
    wanted = request(cloud.catalogue())
    server_id = cloud.create(wanted).id
    without = rack.open(hosts=rack.each()["hosts"][1:])

    assert without.observe(Kind.SERVER, server_id) is None
    assert without.observe_all(CLUSTER) == []
    with pytest.raises(ResourceMissing):
        without.delete(Kind.SERVER, server_id)
    assert cloud.observe(Kind.SERVER, server_id) is not None


def test_a_folder_that_may_not_be_written_is_denied_before_anything_is_tried(rack: Rack) -> None:
    rack.of(2)
    (rack[0].home / "file").touch()
    cloud = rack.open(**rack.each(claims=["~/file/claims", "~/claims"]))
    catalogue = cloud.catalogue()

    [denied] = cloud.allowance("default").denied
    assert "node-0" in denied
    assert "/file/claims" in denied
    assert host_of(cloud.create(request(catalogue)).id) == "node-1"
    with pytest.raises(Denied, match="may not write claims") as caught:
        cloud.create(request(catalogue, "workers-1"))
    assert "node-0" in caught.value.message
    assert caught.value.hint


def test_a_disk_that_is_full_is_told_as_the_host_tells_it(rack: Rack) -> None:
    cloud = rack.of(1)
    wanted = request(cloud.catalogue())
    rack[0].program("sync", "echo no space left >&2; exit 1")
    rack[0].program("ln", "echo no space left >&2; exit 1")

    with pytest.raises(Rejected, match="could not write its claim: no space left"):
        cloud.create(wanted)
    assert list(claim_file(rack[0]).parent.glob(".claim-*")) == []


@pytest.mark.parametrize(
    ("reply", "kind", "ambiguous"),
    [
        (Reply(), Unavailable, True),
        (Reply(b"kubisnap-did=1\nword=\n"), Unavailable, True),
        (Reply(b"kubisnap-did=1\nword=surprise\n"), Unavailable, True),
        (Reply(b"\x00" * 1000, 7, b"\x1b[31mred"), Unavailable, True),
        (Reply(b"kubisnap-did=1\nword=busy\n"), Unavailable, False),
        (Reply(b"kubisnap-did=1\nword=readonly\n"), Denied, False),
        (Reply(b"kubisnap-did=1\nword=failed\n"), Rejected, False),
    ],
)
def test_whatever_a_host_says_of_a_claim_is_an_error_of_ours(
    rack: Rack, reply: Reply, kind: type[CloudError], *, ambiguous: bool
) -> None:
    cloud = rack.of(1)
    wanted = request(cloud.catalogue())
    rack[0].answer = lambda script: reply if is_change(script) else rack[0].shell(script)

    with pytest.raises(kind, match="node-0") as caught:
        cloud.create(wanted)

    assert caught.value.ambiguous == ambiguous
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"This account is currently not available.\n", 1),
        Reply(b"", 127, b"sh: not found"),
        Reply(b"kubisnap-claim=1\nfolder=/x\n"),
        Reply(b"kubisnap-claim=1\nfolder=/x\nwritable=yes\naddresses=\nstate=maybe\nclaim=\n"),
    ],
)
def test_a_host_that_talks_nonsense_is_named_and_no_list_is_made_without_it(rack: Rack, reply: Reply) -> None:
    cloud = rack.of(2)
    rack[1].answer = lambda _: reply

    with pytest.raises(Rejected, match="node-1 answered something unexpected"):
        cloud.observe_all(CLUSTER)


def test_a_host_with_another_key_is_refused_and_no_list_is_made_without_it(rack: Rack) -> None:
    cloud = rack.of(2)
    catalogue = cloud.catalogue()
    rack[1].key = paramiko.ECDSAKey.generate()
    rack[1].hang_up()

    with pytest.raises(Denied, match="THE HOST KEY OF node-1 HAS CHANGED"):
        cloud.observe_all(CLUSTER)
    [denied] = cloud.allowance("default").denied
    assert "node-1" in denied
    assert host_of(cloud.create(request(catalogue)).id) == "node-0"


def test_a_host_whose_key_nobody_knows_is_refused_unless_first_use_is_trusted(rack: Rack) -> None:
    rack.of(1)
    unpinned = rack.each(host_key=[""])

    with pytest.raises(Denied, match="is not known") as caught:
        rack.open(**unpinned).account()
    line = caught.value.hint.splitlines()[-1]
    assert line == f"[127.0.0.1]:{rack[0].port} {rack[0].host_key}"

    assert rack.open(**unpinned, trust="first-use").account().id == "hosts/rack"


def test_hosts_are_servers_and_nothing_else(rack: Rack) -> None:
    cloud = rack.of(1)
    wanted = request(cloud.catalogue())
    network = asking(Key(Kind.NETWORK, "main"), Network(region="default", cidr="10.0.0.0/8"))

    with pytest.raises(Rejected, match="hosts have no network"):
        cloud.create(network)
    with pytest.raises(Rejected, match="cannot be changed in place"):
        cloud.update(wanted, "node-0:0", frozenset({"size"}))
    assert cloud.observe(Kind.NETWORK, f"node-0:{'0' * 16}") is None
    with pytest.raises(Rejected, match="no site 'moon'"):
        cloud.allowance("moon")


@pytest.mark.parametrize(
    "resource_id", ["", "node-0", "node-0:", "node-9:0123456789abcdef", "node-0:../../x", "a\n:b"]
)
def test_an_id_that_cannot_be_one_is_none(rack: Rack, resource_id: str) -> None:
    cloud = rack.of(1)

    assert cloud.observe(Kind.SERVER, resource_id) is None
    with pytest.raises(ResourceMissing) as caught:
        cloud.delete(Kind.SERVER, resource_id)
    assert str(caught.value).isprintable()


def test_a_server_is_shown_as_it_was_claimed_though_its_machine_is_no_longer_the_same(rack: Rack) -> None:
    cloud = rack.of(1)
    catalogue = cloud.catalogue()
    server_id = cloud.create(request(catalogue)).id
    before = cloud.observe(Kind.SERVER, server_id)
    rack[0].program("nproc", "echo 64")

    assert cloud.catalogue().sizes[0].vcpus == 64
    assert cloud.observe(Kind.SERVER, server_id) == before
    assert before is not None
    assert before.attributes["public_ip"] == "127.0.0.1"
    assert msgspec.json.encode(before)
