"""Catalogues as files: the same bytes each time, read without trust, compared."""

from decimal import Decimal

import msgspec
import pytest

from kubisnap.engine.domain.catalogue import Catalogue, Region, VolumeOffer
from kubisnap.engine.domain.catalogues import (
    Differences,
    differences,
    lowest,
    read_catalogue,
    write_catalogue,
)
from kubisnap.engine.errors import InvalidInput
from tests.unit.engine.examples import CATALOGUE, image, size


def changed(**fields: object) -> Catalogue:
    return msgspec.structs.replace(CATALOGUE, **fields)


def test_a_catalogue_comes_back_as_it_was_and_is_written_the_same_each_time() -> None:
    content = write_catalogue(CATALOGUE)

    assert read_catalogue(content, cloud="acme", name="c.json") == CATALOGUE
    assert write_catalogue(read_catalogue(content, cloud="acme", name="c.json")) == content
    assert content.decode().count('\n  {"name":"') == (
        len(CATALOGUE.regions) + len(CATALOGUE.sizes) + len(CATALOGUE.images)
    )


def test_what_other_tools_wrote_from_the_type_is_read_as_well() -> None:
    assert read_catalogue(msgspec.json.encode(CATALOGUE), cloud="acme", name="c.json") == CATALOGUE


NORTH = Region(name="north", title="North", latitude=91.0, longitude=0.0)
HOSTILE: dict[str, tuple[bytes | Catalogue, str]] = {
    "nothing": (b"", "truncated"),
    "no JSON": (b"{]", "malformed"),
    "another shape": (b"[]", "Expected `object`, got `array`"),
    "too deep": (b"[" * 100_000, ""),
    "another cloud's": (changed(cloud="other"), "it is of 'other'"),
    "a control character": (
        changed(regions=(Region(name="a", title="\x1b[2J"),)),
        "is not a name",
    ),
    "a name without end": (changed(regions=(Region(name="a" * 201, title="A"),)), "is not a name"),
    "a size twice": (changed(sizes=(CATALOGUE.sizes[0],) * 2), "a size has no name, or another's"),
    "a region twice": (changed(regions=(CATALOGUE.regions[0],) * 2), "a region has no name"),
    "a size without a name": (changed(sizes=(size("", 1, 1, 1, "1"),)), "a size has no name"),
    "off the earth": (changed(regions=(NORTH,)), "north is nowhere on earth"),
    "less than nothing": (changed(sizes=(size("a", -1, 1, 1, "1"),)), "a has impossible figures"),
    "a price below zero": (changed(sizes=(size("a", 1, 1, 1, "-730"),)), "-1 is not a price"),
    "a price that is no number": (
        write_catalogue(CATALOGUE).replace(b'"monthly":"96"', b'"monthly":"NaN"'),
        "is not a price",
    ),
    "a disk that is nobody's own": (
        changed(sizes=(msgspec.structs.replace(CATALOGUE.sizes[0], disk_up_to=999),)),
        "large has no disk of its own",
    ),
    "a volume that cannot be": (
        changed(volumes=(VolumeOffer(name="v", smallest_gib=9, largest_gib=8),)),
        "no volume of v has a possible size",
    ),
    "prefixes that are none": (changed(network_prefixes=(24, 8)), "are not prefixes"),
    "a range that is none": (changed(reserved_ranges=("10.0.0.0/33",)), "does not appear to be"),
    "a day that is none": (changed(dated="yesterday"), "Invalid isoformat"),
}


@pytest.mark.parametrize(("given", "problem"), HOSTILE.values(), ids=HOSTILE)
def test_what_no_cloud_offers_is_refused_with_the_way_to_a_new_one(
    given: bytes | Catalogue, problem: str
) -> None:
    content = given if isinstance(given, bytes) else write_catalogue(given)
    with pytest.raises(InvalidInput) as caught:
        read_catalogue(content, cloud="acme", name="c.json")

    assert caught.value.where == "c.json"
    assert problem in caught.value.problem
    assert caught.value.hint == "kubisnap clouds refresh acme"


def test_equal_catalogues_do_not_differ() -> None:
    assert differences(CATALOGUE, CATALOGUE) == Differences()
    assert not differences(CATALOGUE, CATALOGUE)


def test_what_came_what_went_and_what_costs_something_else_is_told() -> None:
    new = changed(
        regions=(*CATALOGUE.regions[1:], Region(name="south", title="South")),
        sizes=(
            *CATALOGUE.sizes[1:-1],
            size("medium-east", 2, 4, 80, "21", "east"),
            size("huge", 64, 256, 1, "900"),
        ),
        images=(*CATALOGUE.images[1:], image("fedora", "fedora-42")),
    )
    found = differences(CATALOGUE, new)

    assert found
    assert (found.regions_added, found.regions_removed) == (("south",), ("east",))
    assert (found.sizes_added, found.sizes_removed) == (("huge",), ("large",))
    assert (found.images_added, found.images_removed) == (("fedora",), ("ubuntu-noble-1",))
    assert found.prices == (("medium-east", Decimal(20), Decimal(21)),)


def test_a_price_is_the_lowest_over_all_regions() -> None:
    dear = msgspec.structs.replace(size("a", 1, 1, 1, "9"), monthly_in={"east": Decimal(7)})

    assert lowest(dear) == 7
    assert lowest(msgspec.structs.replace(dear, regions=frozenset({"west"}))) == 9
    assert lowest(msgspec.structs.replace(dear, regions=frozenset())) == 9
