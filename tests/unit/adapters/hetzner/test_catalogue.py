"""What is on offer: prices in dollars with an address, what can be had now, images of two architectures."""

from collections.abc import Iterator
from decimal import Decimal
from importlib import resources
from typing import Any

import msgspec
import pytest

from kubisnap.adapters.hetzner import Hetzner
from kubisnap.adapters.hetzner.catalogue import os_of
from kubisnap.adapters.hetzner.make_catalogue import made
from kubisnap.adapters.hetzner.simulator import HetznerSimulator
from kubisnap.engine.domain.catalogue import ARM64, X86_64, Catalogue
from kubisnap.engine.errors import Rejected
from tests.scripted_server import ScriptedServer

PLACE = {"name": "fsn1", "city": "Falkenstein", "latitude": 50.5, "longitude": 12.4}
IMAGE = {"id": 1, "name": "debian-13", "os_flavor": "debian", "os_version": "13", "architecture": "x86"}
PRICE = {"location": "fsn1", "price_monthly": {"net": "10"}, "price_hourly": {"net": "0.02"}}
TYPE = {
    "id": 1,
    "name": "cx",
    "cores": 2,
    "memory": 4.0,
    "disk": 40,
    "prices": [PRICE],
    "architecture": "x86",
}
BALANCER = {"name": "lb11", "prices": [PRICE]}
PRICING: dict[str, Any] = {
    "currency": "EUR",
    "volume": {"price_per_gb_month": {"net": "0.05"}},
    "primary_ips": [{"type": "ipv4", "prices": [{"location": "fsn1", "price_monthly": {"net": "1"}}]}],
    "floating_ips": [{"type": "ipv4", "prices": [PRICE]}],
    "load_balancer_types": [BALANCER],
}


@pytest.fixture
def cloud(server: ScriptedServer) -> Iterator[Hetzner]:
    cloud = Hetzner("token", end_point=f"{server.end_point}/v1")
    yield cloud
    cloud.close()


def offer(
    server: ScriptedServer,
    cloud: Hetzner,
    *,
    types: tuple[Any, ...] = (TYPE,),
    images: tuple[Any, ...] = (IMAGE,),
    pricing: Any = PRICING,
) -> Catalogue:
    for key, items in (("locations", [PLACE]), ("server_types", types), ("images", images)):
        told = {"page": 1, "next_page": None, "total_entries": len(items)}
        server.answer({key: items, "meta": {"pagination": told}})
    server.answer({"pricing": pricing})
    return cloud.catalogue()


def test_the_shipped_catalogue_is_what_its_script_writes() -> None:
    shipped = resources.files("kubisnap.adapters.hetzner").joinpath("catalogue.json").read_bytes()
    assert shipped == made()
    told = msgspec.json.decode(shipped, type=Catalogue)
    assert told.cloud == "hetzner"
    assert {"cx23", "cpx22", "cax11", "ccx13"} <= {size.name for size in told.sizes}
    assert "cx22" not in {size.name for size in told.sizes}  # withdrawn


def test_a_price_is_in_dollars_and_has_the_servers_address_in_it(
    server: ScriptedServer, cloud: Hetzner
) -> None:
    [size] = offer(server, cloud).sizes
    assert size.monthly == Decimal("12.76")  # (10 + 1) euros at 1.16
    assert size.hourly == Decimal("0.02479")
    assert offer(server, cloud, pricing={**PRICING, "currency": "USD"}).sizes[0].monthly == Decimal("11.00")


def test_where_it_costs_something_else_that_is_said() -> None:
    with HetznerSimulator(projects={"one": "token"}) as simulator:
        cloud = Hetzner("token", end_point=simulator.url)
        size = cloud.catalogue().size("ccx13")
        cloud.close()
    assert size is not None
    assert size.monthly_at("fsn1") < size.monthly_at("ash") < size.monthly_at("sin")


@pytest.mark.parametrize(
    "places",
    [
        [{"name": "fsn1", "available": False}],
        [{"name": "fsn1", "deprecation": {"announced": "2026-01-01T00:00:00Z"}}],
        [{"name": "mars1"}],
        [],
    ],
)
def test_what_cannot_be_had_is_not_on_offer(server: ScriptedServer, cloud: Hetzner, places: Any) -> None:
    assert offer(server, cloud, types=({**TYPE, "locations": places},)).sizes == ()


@pytest.mark.parametrize(
    "change", [{"prices": []}, {"architecture": "riscv"}, {"deprecation": {"announced": "2026-01-01"}}]
)
def test_what_has_no_price_or_no_future_is_not_on_offer(
    server: ScriptedServer, cloud: Hetzner, change: dict[str, Any]
) -> None:
    assert offer(server, cloud, types=({**TYPE, **change},)).sizes == ()


def test_images_of_one_name_are_one_offer(server: ScriptedServer, cloud: Hetzner) -> None:
    others = (
        {**IMAGE, "id": 2, "architecture": "arm"},
        {**IMAGE, "id": 3, "name": "odd", "os_flavor": "unknown"},
        {**IMAGE, "id": 4, "name": "old-12", "deprecated": "2026-01-01T00:00:00Z"},
        {**IMAGE, "id": 5, "name": None},
    )
    [image] = offer(server, cloud, images=(IMAGE, *others)).images
    assert (image.os, image.architectures) == ("debian-13", frozenset({X86_64, ARM64}))


@pytest.mark.parametrize(
    ("flavor", "version", "name"),
    [
        ("rocky", "9", "rocky-9"),
        ("centos", "stream-10", "centos-stream-10"),
        ("centos", "7", None),
        ("ubuntu", "", None),
        ("ubuntu", "24.", None),
        ("ubuntu", "24.04.1", None),
        ("debian", "sid", None),
    ],
)
def test_a_system_has_a_neutral_name_or_none(flavor: str, version: str, name: str | None) -> None:
    assert os_of(flavor, version) == name


@pytest.mark.parametrize(
    "change",
    [
        {"currency": "XAU"},
        {"volume": {"price_per_gb_month": {"net": "NaN"}}},
        {"volume": {"price_per_gb_month": {"net": "-1"}}},
        {"volume": {"price_per_gb_month": {"net": "cheap"}}},
        {"load_balancer_types": []},
        {"floating_ips": None},
    ],
)
def test_prices_that_are_none_are_rejected(
    server: ScriptedServer, cloud: Hetzner, change: dict[str, Any]
) -> None:
    with pytest.raises(Rejected):
        offer(server, cloud, pricing={**PRICING, **change})
