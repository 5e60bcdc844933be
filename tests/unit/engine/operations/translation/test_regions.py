"""Regions in whatever words: a name, a place, a part of one title; never a closed one."""

import msgspec
import pytest

from kubisnap.engine.domain.catalogue import Catalogue, Region
from kubisnap.engine.domain.mapping import NO_MAPPING
from kubisnap.engine.domain.model import Placement
from kubisnap.engine.errors import InvalidInput
from kubisnap.engine.operations.translation.regions import FoundRegion, target_region
from tests.unit.engine.examples import CATALOGUE

LONDON = Placement(cloud="acme", region="ldn", latitude=51.5, longitude=-0.1)
LOST = Placement(cloud="acme", region="ldn")


def cloud(*regions: Region) -> Catalogue:
    return msgspec.structs.replace(CATALOGUE, cloud="other", regions=regions)


WORLD = cloud(
    Region(name="us-east-1", title="US East (N. Virginia)", latitude=38.9, longitude=-77.4),
    Region(name="us-east-2", title="US East (Ohio)", latitude=40.0, longitude=-83.0),
    Region(name="eu-central-1", title="Europe (Frankfurt)", latitude=50.1, longitude=8.7),
    Region(name="eu-central-2", title="Europe (Zurich)", latitude=47.4, longitude=8.5),
    Region(name="eu-south-1", title="Europe (Milan)", latitude=45.5, longitude=9.2, available=False),
    Region(name="nowhere-1", title="Secret"),
)


def found(text: str, source: Placement = LONDON, offers: Catalogue = WORLD) -> FoundRegion:
    return target_region(source, offers, text=text, mapping=NO_MAPPING)


@pytest.mark.parametrize(
    ("text", "name", "note"),
    [
        ("eu-central-2", "eu-central-2", "778 km away"),
        ("us-east", "us-east-1", "nearest to us-east of 5; 5,915 km away"),
        ("Paris", "eu-central-1", "nearest to paris of 5; 636 km away"),
        ("san francisco", "us-east-2", "nearest to san-francisco of 5; 6,248 km away"),
        ("zurich", "eu-central-2", "Europe (Zurich); 778 km away"),
        ("n. virginia", "us-east-1", "US East (N. Virginia); 5,915 km away"),
        ("ohio", "us-east-2", "US East (Ohio); 6,248 km away"),
        ("now", "nowhere-1", "Secret"),
        ("", "eu-central-1", "nearest of 5; 636 km away"),
    ],
)
def test_a_region_is_meant_by_its_name_a_place_or_a_part_of_one_title(
    text: str, name: str, note: str
) -> None:
    region, why = found(text)

    assert region.name == name
    assert why.split("; ")[:-1] == note.split("; ")[:-1]
    assert why.endswith("km away") == note.endswith("km away")


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        (
            "us",
            "'us' is ambiguous: us-east-1 (US East (N. Virginia)), us-east-2 (US East (Ohio))",
            "regions that it may mean: us-east-1, us-east-2",
        ),
        ("europe", "'europe' is ambiguous: eu-central-1", "eu-central-1, eu-central-2"),
        (
            "atlantis",
            "other has no region 'atlantis'",
            "regions, the nearest first: eu-central-1, eu-central-2, us-east-1, us-east-2, nowhere-1",
        ),
        ("eu-south-1", "eu-south-1 takes no new servers", "the nearest first: eu-central-1"),
        ("milan", "eu-south-1 takes no new servers", "the nearest first: eu-central-1"),
        ("urich", "other has no region 'urich'", "eu-central-1"),
        ("(", "other has no region '('", "eu-central-1"),
        (" ", "other has no region ' '", "eu-central-1"),
    ],
)
def test_a_text_that_means_none_or_several_is_refused_with_the_way_on(
    text: str, problem: str, hint: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        found(text)

    assert caught.value.problem.startswith(problem)
    assert hint in caught.value.hint


def test_the_nearest_of_the_world_is_found_from_any_side_of_the_date_line() -> None:
    fiji = Placement(cloud="acme", region="suv", latitude=-18.1, longitude=178.4)
    samoa = Region(name="apia", title="Apia", latitude=-13.8, longitude=-171.8)
    sydney = Region(name="syd", title="Sydney", latitude=-33.9, longitude=151.2)

    assert found("", fiji, cloud(sydney, samoa)).region.name == "apia"


def test_where_nobody_knows_where_a_cluster_is_a_region_is_asked_for() -> None:
    with pytest.raises(InvalidInput, match="nobody knows where acme/ldn is") as caught:
        found("", LOST)
    assert caught.value.hint.startswith("regions: eu-central-1, ")
    assert found("zurich", LOST) == FoundRegion(WORLD.regions[3], "Europe (Zurich)")


def test_the_only_region_needs_no_coordinates_on_either_side() -> None:
    one = cloud(Region(name="RegionOne", title="RegionOne"), WORLD.regions[4])

    assert found("", LOST, one) == FoundRegion(one.regions[0], "the only one")
    assert found("", LONDON, one).region.name == "RegionOne"
    assert found("regionone", LONDON, one).region.name == "RegionOne"


def test_a_place_that_is_named_in_the_cluster_is_what_it_is_to_be_near_to() -> None:
    near_us = msgspec.structs.replace(LONDON, place="virginia")

    assert found("", near_us).region.name == "us-east-1"
    assert found("", near_us).note.startswith("nearest to virginia of 5; ")
    with pytest.raises(InvalidInput, match="unknown place 'mordor'"):
        found("", msgspec.structs.replace(LONDON, place="mordor"))


def test_equally_near_regions_are_told_apart_by_name_whatever_the_catalogues_order() -> None:
    twins = (
        Region(name="b", title="B", latitude=50.0, longitude=8.0),
        Region(name="a", title="A", latitude=50.0, longitude=8.0),
    )

    assert found("", LONDON, cloud(*twins)).region.name == "a"
    assert found("", LONDON, cloud(*twins[::-1])).region.name == "a"
