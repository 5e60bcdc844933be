"""What is on offer: names of systems, prices, and which kinds a cloud has."""

from decimal import Decimal
from typing import Any

import pytest

from kubisnap.adapters import openstack
from kubisnap.adapters.openstack.offers import PRICE, os_of, price_of
from kubisnap.adapters.openstack.settings import EXTERNAL, PLACE
from kubisnap.adapters.openstack.wire import Image
from kubisnap.engine.domain.catalogue import Catalogue
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import Rejected
from kubisnap.engine.ports import Cloud
from tests.unit.adapters.openstack.replay import Replay, replay

FLAVORS = "GET /compute/v2.1/flavors/detail"
IMAGES = "GET /image/v2/images?limit=200&status=active"
EXTERNALS = "GET /network/v2.0/networks?router:external=true"
BALANCERS = "GET /balancer/v2/lbaas/loadbalancers?fields=id&limit=1"
PROJECT = "/volume/v3/0123456789abcdef0123456789abcdef"


def once(answer: object, status: int = 200) -> list[dict[str, Any]]:
    return [{"status": status, "answer": answer}]


def flavor(name: str, *, disk: int = 20, **more: Any) -> dict[str, Any]:
    return {"id": f"id-{name}", "name": name, "vcpus": 2, "ram": 4096, "disk": disk, **more}


def image(name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"id-{name}-{len(more)}", "name": name, "status": "active", **more}


def answers(**changed: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {
        FLAVORS: changed.get("flavors", once({"flavors": [flavor("m1.small")]})),
        IMAGES: changed.get("images", once({"images": [image("Ubuntu 24.04")]})),
        EXTERNALS: changed.get("externals", once({"networks": [{"id": "x1", "name": "public"}]})),
        BALANCERS: changed.get("balancers", once({"loadbalancers": []})),
        f"GET {PROJECT}/types": once({"volume_types": [{"name": "slow"}, {"name": "fast"}]}),
        f"GET {PROJECT}/types/default": once({"volume_type": {"name": "slow"}}),
    }


def catalogue_of(server: Replay, **settings: str) -> Catalogue:
    cloud: Cloud = openstack.factory(server.settings | settings)
    try:
        return cloud.catalogue()
    finally:
        cloud.close()


@pytest.mark.parametrize(
    ("name", "distribution", "version", "system"),
    [
        ("anything", "ubuntu", "24.04", "ubuntu-24.04"),
        ("anything", "Debian", "12.5", "debian-12"),
        ("anything", "rocky", "9", "rocky-9"),
        ("anything", "almalinux", "9.4", "alma-9"),
        ("Ubuntu 24.04 LTS", None, None, "ubuntu-24.04"),
        ("ubuntu-noble-24.04-amd64", None, None, "ubuntu-24.04"),
        ("ubuntu-24.04-server-cloudimg-amd64", None, None, "ubuntu-24.04"),
        ("debian-12-generic-amd64", None, None, "debian-12"),
        ("Rocky-9-GenericCloud", None, None, "rocky-9"),
        ("AlmaLinux-9.4", None, None, "alma-9"),
        ("CentOS Stream 9", None, None, "centos-stream-9"),
        ("Fedora-Cloud-Base-40", None, None, "fedora-40"),
        ("Ubuntu 24.04", "ubuntu", "noble", "ubuntu-24.04"),
        ("ubuntu-24", None, None, None),
        ("cirros-0.6.2", "cirros", "0.6.2", None),
        ("my debian", None, None, None),
        ("windows-2022", "windows", "2022", None),
        (None, None, None, None),
    ],
)
def test_an_image_says_which_system_it_is(
    name: str | None, distribution: str | None, version: str | None, system: str | None
) -> None:
    assert os_of(Image(id="1", name=name, os_distro=distribution, os_version=version)) == system


@pytest.mark.parametrize("text", ["", "-1", "NaN", "Infinity", "1e9", "a lot"])
def test_a_price_that_is_none_is_nothing(text: str) -> None:
    assert price_of(text) == Decimal(0)


def test_a_site_prices_its_flavors() -> None:
    told = once({"flavors": [flavor("m1.small", extra_specs={PRICE: "36.50"}), flavor("m1.large")]})
    with replay(answers(flavors=told)) as server:
        small, large = catalogue_of(server).sizes
    assert (small.monthly, small.hourly) == (Decimal("36.50"), Decimal("0.05000"))
    assert large.monthly == 0


def test_a_flavor_without_a_disk_starts_from_a_volume_where_there_are_some() -> None:
    told = once({"flavors": [flavor("no-disk", disk=0), flavor("off", **{"OS-FLV-DISABLED:disabled": True})]})
    with replay(answers(flavors=told)) as server:
        assert [(size.name, size.disk_gib) for size in catalogue_of(server).sizes] == [("no-disk", 20)]
        server.services = ("compute", "network", "image")
        assert catalogue_of(server).sizes == ()


def test_an_image_whose_name_is_not_unique_is_offered_by_its_id() -> None:
    told = once(
        {
            "images": [
                image("Ubuntu 24.04", created_at="2026-01-01T00:00:00Z"),
                {**image("Ubuntu 24.04"), "created_at": "2026-02-01T00:00:00Z", "min_disk": 1},
                image("Debian 12", architecture="aarch64"),
                image("Debian 13", os_hidden=True),
                image("Debian 11", image_type="snapshot"),
            ]
        }
    )
    with replay(answers(images=told)) as server:
        offered = {item.name: item for item in catalogue_of(server).images}
    assert set(offered) == {"id-Ubuntu 24.04-1", "id-Ubuntu 24.04-0", "Debian 12"}
    assert offered["Debian 12"].architectures == {"arm64"}


def test_kinds_are_what_the_cloud_has() -> None:
    volumes = {Kind.VOLUME, Kind.VOLUME_ATTACHMENT}
    balancers = {Kind.LOAD_BALANCER, Kind.LOAD_BALANCER_MEMBER}
    with replay(answers()) as server:
        assert catalogue_of(server).kinds == frozenset(Kind)
        server.services = ("compute", "network", "image")
        found = catalogue_of(server)
        assert found.kinds == frozenset(Kind) - volumes - balancers
        assert (found.volumes, found.balancers) == ((), ())


def test_without_an_outside_there_are_no_addresses() -> None:
    with replay(answers(externals=once({"networks": []}))) as server:
        assert not catalogue_of(server).kinds & {Kind.RESERVED_IP, Kind.RESERVED_IP_ASSIGNMENT}


def test_who_may_not_use_load_balancers_has_none() -> None:
    """Octavia asks for a role that ordinary members of a project do not have on many clouds."""
    refused = once({"faultstring": "Policy does not allow this request to be performed."}, 403)
    with replay(answers(balancers=refused)) as server:
        assert not catalogue_of(server).kinds & {Kind.LOAD_BALANCER, Kind.LOAD_BALANCER_MEMBER}


def test_one_of_several_ways_outside_is_chosen_by_the_site() -> None:
    two = [{"id": "x1", "name": "public"}, {"id": "x2", "name": "campus"}]
    with replay(answers(externals=once({"networks": two}))) as server:
        with pytest.raises(Rejected) as caught:
            catalogue_of(server)
        assert EXTERNAL in str(caught.value)
        assert "campus, public" in str(caught.value)
        assert Kind.RESERVED_IP in catalogue_of(server, **{EXTERNAL: "x2"}).kinds
        with pytest.raises(Rejected):
            catalogue_of(server, **{EXTERNAL: "nowhere"})
    with replay(answers(externals=once({"networks": [two[0], {**two[1], "is_default": True}]}))) as server:
        assert Kind.RESERVED_IP in catalogue_of(server).kinds


def test_the_volumes_that_new_ones_are_of_come_first() -> None:
    with replay(answers()) as server:
        assert [offer.name for offer in catalogue_of(server).volumes] == ["slow", "fast"]


def test_a_region_is_where_the_site_says() -> None:
    with replay(answers()) as server:
        (region,) = catalogue_of(server, **{PLACE: "frankfurt"}).regions
        assert (region.name, region.latitude, region.longitude) == ("RegionOne", 50.1, 8.7)
        (unknown,) = catalogue_of(server).regions
        assert (unknown.latitude, unknown.longitude) == (None, None)


def test_one_of_several_regions_is_chosen() -> None:
    with replay(answers()) as server:
        server.regions = ("North", "South")
        with pytest.raises(Rejected) as caught:
            catalogue_of(server)
        assert "North, South" in str(caught.value)
        with pytest.raises(Rejected):
            catalogue_of(server, OS_REGION_NAME="West")
        assert catalogue_of(server, OS_REGION_NAME="South").regions[0].name == "South"
