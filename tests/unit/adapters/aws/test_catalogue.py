"""What is on offer: the shipped file, and what of it an account sees."""

from decimal import Decimal
from importlib.resources import files

import msgspec
import pytest

from kubisnap.adapters.aws import Aws
from kubisnap.adapters.aws.catalogue import narrowed, shipped, size_offer
from kubisnap.adapters.aws.make_catalogue import encoded
from kubisnap.adapters.aws.systems import SYSTEMS
from kubisnap.engine.domain.catalogue import ARM64, Catalogue, Feature
from kubisnap.engine.errors import Rejected


def test_the_file_is_what_the_script_writes() -> None:
    content = files("kubisnap.adapters.aws").joinpath("catalogue.json").read_bytes()

    assert content == encoded()
    assert msgspec.json.decode(content, type=Catalogue) == shipped()


def test_an_account_sees_the_regions_that_it_has_enabled(cloud: Aws) -> None:
    catalogue = cloud.catalogue()
    names = {region.name for region in catalogue.regions}

    assert names == {"eu-central-1", "us-east-1"}
    assert all(size.regions and size.regions <= names for size in catalogue.sizes)
    assert all(image.regions == names for image in catalogue.images)


def test_sizes_that_no_enabled_region_has_are_not_on_offer() -> None:
    assert {size.name.partition(".")[0] for size in narrowed(frozenset({"mx-central-1"})).sizes} == {
        "t3",
        "t4g",
    }


def test_every_system_is_there_for_both_architectures() -> None:
    images = shipped().images

    assert {image.os for image in images} == set(SYSTEMS)
    assert len(images) == 2 * len(SYSTEMS)
    assert all(len(image.architectures) == 1 for image in images)


def test_graviton_is_arm() -> None:
    assert all((size.architecture == ARM64) == ("g." in size.name) for size in shipped().sizes)


def test_prices_are_of_the_machine_its_disk_and_its_address() -> None:
    size = size_offer("t3.medium")

    assert size.disk_gib == 20
    assert size.monthly == Decimal("35.62")  # 730 x 0.0416 + 20 x 0.08 + 730 x 0.005
    assert size.with_disk(40).monthly == Decimal("37.22")
    assert size.monthly_at("eu-central-1") > size.monthly
    assert abs(size.hourly * 730 - size.monthly) < Decimal("0.01")


def test_regions_have_coordinates_and_every_size_a_price_in_each() -> None:
    catalogue = shipped()

    assert all(region.latitude is not None and region.longitude is not None for region in catalogue.regions)
    assert all(size.monthly_at(region) > 0 for size in catalogue.sizes for region in size.regions)
    assert {"us-east-1", "eu-central-1", "ap-southeast-2"} <= {region.name for region in catalogue.regions}


def test_what_it_cannot_do_is_not_among_its_features() -> None:
    assert frozenset(Feature) - shipped().features == {Feature.HTTP, Feature.MANY_SSH_KEYS}


def test_an_unknown_size_is_rejected() -> None:
    with pytest.raises(Rejected):
        size_offer("t3.gigantic")
