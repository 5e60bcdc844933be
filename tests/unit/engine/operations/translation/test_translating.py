"""A cluster on another cloud: every choice with its reason, every loss, nothing silently less."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain.catalogue import ARM64, Catalogue, SizeOffer, VolumeOffer
from kubisnap.engine.domain.mapping import Mapping, load_mapping
from kubisnap.engine.domain.model import Image, Placement, Size, VolumeSpec, neutral
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import CannotTranslate, InvalidInput, LossesRefused
from kubisnap.engine.operations.translation import (
    Translation,
    complete,
    describe_size,
    destination,
    refuse_losses,
    translate,
)
from tests.unit.engine.examples import (
    CATALOGUE,
    CONTROL_PLANE,
    SPEC,
    changed,
    image,
    size,
    with_workers,
)


def catalogue(**fields: Any) -> Catalogue:
    return msgspec.structs.replace(CATALOGUE, **fields)


OTHER = catalogue(cloud="other")
WEST = Placement(cloud="acme", region="west")
SOURCE = complete(changed(placement=WEST), CATALOGUE)


def arm(offer: SizeOffer) -> SizeOffer:
    return msgspec.structs.replace(offer, architecture=ARM64)


def mapping(text: str) -> Mapping:
    return load_mapping(text, name="map.yaml")


def notes(found: Translation) -> dict[str, str]:
    return {choice.what: choice.note for choice in found.choices}


# ── choices ──────────────────────────────────────────────────────────────────────────────────────


def test_a_cluster_that_moves_holds_the_same_intent_in_the_nearest_region() -> None:
    found = translate(SOURCE, OTHER)

    assert neutral(found.spec) == neutral(SOURCE)
    assert found.spec.placement == Placement(cloud="other", region="west", latitude=37.8, longitude=-122.4)
    assert found.spec.pools[1].size.pins == {"acme": "small", "other": "small"}
    assert found.spec.pools[1].image.pins == {"acme": "ubuntu-noble-1", "other": "ubuntu-noble-1"}


def test_every_choice_is_told_with_its_reason() -> None:
    found = translate(SOURCE, OTHER, region="east")

    assert [(choice.what, choice.wanted, choice.chosen, choice.note) for choice in found.choices] == [
        ("region", "acme/west", "other/east", "4,127 km away"),
        (
            "size of pool cp",
            "medium (2 vCPU, 4 GiB)",
            "medium-east",
            "2 vCPU, 4 GiB, 80 GiB disk; cheapest of 3 that do; $20.00/mo each",
        ),
        ("image of pool cp", "ubuntu-24.04", "ubuntu-noble-1", ""),
        (
            "size of pool workers",
            "small (1 vCPU, 2 GiB)",
            "small",
            "1 vCPU, 2 GiB, 50 GiB disk; cheapest of 4 that do; $12.00/mo each",
        ),
        ("image of pool workers", "ubuntu-24.04", "ubuntu-noble-1", ""),
    ]


def test_a_price_is_the_regions_and_one_that_nobody_knows_is_not_nothing() -> None:
    dear = msgspec.structs.replace(size("only", 8, 16, 320, "5"), monthly_in={"east": Decimal("7.5")})
    there = translate(SOURCE, catalogue(cloud="other", sizes=(dear,)), region="east")
    unpriced = translate(SOURCE, catalogue(cloud="other", sizes=(size("only", 8, 16, 320, "0"),)))

    assert notes(there)["size of pool cp"].endswith("the only one that does; $7.50/mo each")
    assert notes(unpriced)["size of pool cp"].endswith("the only one that does; price unknown")


def test_a_cluster_restored_on_its_own_cloud_keeps_its_region_size_and_image() -> None:
    bargain = catalogue(sizes=(*CATALOGUE.sizes, size("bargain", 4, 8, 100, "1")))
    found = translate(SOURCE, bargain)

    assert found.spec == SOURCE
    assert notes(found)["region"] == "as it was"
    assert "as before" in notes(found)["size of pool cp"]
    assert notes(found)["image of pool cp"] == "as before"


def test_a_cluster_moves_to_another_region_of_its_cloud() -> None:
    source = complete(with_workers(size=Size.pinned("acme", "medium-east")), CATALOGUE)
    found = translate(source, CATALOGUE, region="west")

    assert found.spec.placement.region == "west"
    assert found.spec.pools[1].size.pins == {"acme": "medium"}
    assert "medium-east is not to be had; cheapest of 2" in notes(found)["size of pool workers"]


def test_a_size_that_was_pinned_finds_one_of_its_architecture_with_all_that_it_had() -> None:
    here = catalogue(
        sizes=(arm(size("ampere", 2, 4, 60, "4")), *CATALOGUE.sizes),
        images=(msgspec.structs.replace(image("noble-arm", "ubuntu-24.04"), architectures=frozenset({ARM64})),
                *CATALOGUE.images),
    )  # fmt: skip
    there = catalogue(
        cloud="other",
        sizes=(
            *CATALOGUE.sizes,
            arm(size("g-too-small-a-disk", 2, 4, 40, "1")),
            arm(size("g", 2, 4, 80, "8")),
        ),
        images=here.images,
    )
    source = complete(with_workers(size=Size.pinned("acme", "ampere")), here)
    found = translate(source, there).spec.pools[1]

    assert found.size.pins == {"acme": "ampere", "other": "g"}
    assert found.image.pins == {"acme": "noble-arm", "other": "noble-arm"}


def test_a_disk_that_can_be_larger_is_told_and_paid_for_whoever_chose_the_size() -> None:
    growing = msgspec.structs.replace(
        size("growing", 2, 4, 20, "10"), disk_up_to=500, gib_monthly=Decimal("0.10")
    )
    there = catalogue(cloud="other", sizes=(growing, *CATALOGUE.sizes), own_disks=True)
    need = Size(vcpus=2, memory_mib=4096, disk_gib=100)
    grown = "2 vCPU, 4 GiB, 100 GiB disk"

    for pool, text, note in (
        (need, "{}", f"{grown}; cheapest of 2 that do; $18.00/mo each"),
        (need, "sizes: {workers: growing}", f"{grown}; as mapped; $18.00/mo each"),
        (
            msgspec.structs.replace(need, pins={"other": "growing"}),
            "{}",
            f"{grown}; as pinned; $18.00/mo each",
        ),
    ):
        source = complete(with_workers(size=pool), CATALOGUE)
        found = translate(source, there, mapping=mapping(text))
        assert notes(found)["size of pool workers"] == note
        assert found.losses == ()


def test_a_cluster_that_is_told_to_go_elsewhere_is_not_near_its_old_place_any_more() -> None:
    source = complete(changed(placement=Placement(cloud="acme", place="paris")), CATALOGUE)

    assert translate(source, OTHER).spec.placement.place == "paris"
    assert translate(source, OTHER, region="east").spec.placement.place == "paris"
    assert translate(source, OTHER, region="west").spec.placement.place == ""


def test_what_is_translated_is_complete() -> None:
    for region in ("east", "west"):
        fitted = translate(SOURCE, OTHER, region=region).spec
        assert complete(fitted, OTHER) == fitted


def test_a_small_volume_becomes_the_smallest_there_is_and_is_still_wanted_small() -> None:
    there = catalogue(cloud="other", volumes=(VolumeOffer(name="block", smallest_gib=125),))
    found = translate(SOURCE, there)

    (choice,) = (item for item in found.choices if item.what == "volume data")
    assert (choice.wanted, choice.chosen, choice.note) == ("100 GiB", "125 GiB", "the smallest there is")
    assert found.spec.volumes == SOURCE.volumes


def test_the_cost_before_is_told_where_the_sources_prices_are_known() -> None:
    assert translate(SOURCE, OTHER).source_cost is None
    cost = translate(SOURCE, OTHER, source=CATALOGUE).source_cost
    assert cost is not None
    assert cost.monthly == 24 + 3 * 12 + 10 + 12 + 4


# ── losses ───────────────────────────────────────────────────────────────────────────────────────


def test_what_no_snapshot_holds_is_left_and_is_no_loss_of_the_target() -> None:
    found = translate(SOURCE, OTHER)

    assert found.losses == ()
    assert found.left == (
        "what is on the servers' disks and what ran there: a snapshot holds the intended infrastructure",
        "the servers' addresses: they are new ones",
        "volumes start empty: a snapshot holds no volume data (data)",
        "reserved addresses are new ones (api)",
    )
    refuse_losses(found)


def test_who_allows_no_loss_is_told_all_of_them() -> None:
    found = translate(SOURCE, catalogue(cloud="other", kinds=OTHER.kinds - {Kind.VOLUME, Kind.SUBNET}))

    with pytest.raises(LossesRefused) as caught:
        refuse_losses(found)
    assert caught.value.losses == found.losses
    assert len(found.losses) == 2
    assert str(caught.value).endswith("2 losses")


def test_a_size_that_is_pinned_and_has_less_than_is_needed_is_told() -> None:
    source = complete(with_workers(size=Size(vcpus=2, memory_mib=4096, pins={"other": "tiny"})), CATALOGUE)
    found = translate(source, OTHER)

    assert found.losses == (
        "other's tiny has 1 vCPU, 1 GiB, 25 GiB disk; pool workers needs 2 vCPU, 4 GiB (as pinned)",
    )


# ── a mapping ────────────────────────────────────────────────────────────────────────────────────


def test_the_way_back_finds_what_was_there() -> None:
    back = translate(translate(SOURCE, OTHER).spec, CATALOGUE)

    assert back.spec.pools[0].size.pins["acme"] == "medium"
    assert "; as pinned; " in notes(back)["size of pool cp"]
    assert notes(back)["image of pool cp"] == "as pinned"


def test_a_mapping_overrides_every_choice() -> None:
    found = translate(
        SOURCE,
        OTHER,
        mapping=mapping("""
regions: {acme/west: east}
sizes:
  workers: large
  acme/medium: {other: medium, third: nothing}
images: {workers: ubuntu-noble-2}
network: {10.160.0.0/20: 10.9.0.0/20}
"""),
    )

    assert found.spec.placement.region == "east"
    assert [pool.size.pins["other"] for pool in found.spec.pools] == ["medium", "large"]
    assert [pool.image.pins["other"] for pool in found.spec.pools] == ["ubuntu-noble-1", "ubuntu-noble-2"]
    assert found.spec.network.cidr == "10.9.0.0/20"
    assert found.spec.network.subnets[0].cidr == "10.9.1.0/24"
    told = notes(found)
    assert told["region"] == "as mapped; 4,127 km away"
    assert "; as mapped; $24.00/mo each" in told["size of pool cp"]
    assert told["image of pool workers"] == "as mapped"
    assert told["network"] == "as mapped"
    assert found.unused == ()


def test_what_is_typed_goes_before_what_is_mapped_and_what_is_mapped_before_what_is_pinned() -> None:
    source = complete(with_workers(size=Size(vcpus=1, pins={"other": "medium"})), CATALOGUE)
    text = mapping("regions: {acme/east: east}\nsizes: {workers: large}")
    found = translate(source, OTHER, region="west", mapping=text)

    assert found.spec.placement.region == "west"
    assert found.spec.pools[1].size.pins["other"] == "large"


def test_another_system_or_architecture_is_another_intent_and_what_others_call_the_old_one_is_forgotten() -> (
    None
):
    there = catalogue(
        cloud="other",
        sizes=(arm(size("g", 1, 2, 80, "8")), *CATALOGUE.sizes),
        images=(
            msgspec.structs.replace(image("trixie-arm", "debian-13"), architectures=frozenset({ARM64})),
            image("trixie", "debian-13"),
            *CATALOGUE.images,
        ),
    )
    text = mapping("sizes: {workers: g}\nimages: {ubuntu-24.04: debian-13}")
    found = translate(SOURCE, there, mapping=text)
    cp, workers = found.spec.pools

    assert cp.image == Image(os="debian-13", pins={"other": "trixie"})
    assert cp.size == msgspec.structs.replace(CONTROL_PLANE.size, pins={"acme": "medium", "other": "medium"})
    assert workers.image == Image(os="debian-13", pins={"other": "trixie-arm"})
    assert workers.size == Size(vcpus=1, memory_mib=2048, architecture=ARM64, pins={"other": "g"})
    assert notes(found)["image of pool workers"] == "debian-13; as mapped"
    assert found.losses == (
        "other's g has 1 vCPU, 2 GiB, 80 GiB disk, arm64; pool workers needs 1 vCPU, 2 GiB (as mapped)",
    )
    assert complete(found.spec, there) == found.spec


@pytest.mark.parametrize(
    ("text", "field", "where", "problem"),
    [
        ("regions:\n  acme/west: north", "regions.acme/west", "map.yaml:2:14", "other has no region 'north'"),
        ("sizes:\n  workers: huge", "sizes.workers", "map.yaml:2:12", "other has no size 'huge' in west"),
        ("images: {ubuntu-24.04: plan9}", "images.ubuntu-24.04", "map.yaml:1:24", "no x86_64 image 'plan9'"),
        ("regions: {west: full}", "region", "", "full takes no new servers"),
    ],
)
def test_a_mapped_name_that_is_not_there_is_told_with_its_place(
    text: str, field: str, where: str, problem: str
) -> None:
    given = mapping(text)
    with pytest.raises(InvalidInput) as caught:
        translate(SOURCE, OTHER, mapping=given)

    error = given.place(caught.value)
    assert (error.field, error.where) == (field, where)
    assert problem in error.problem
    assert error.hint


def test_what_is_mapped_and_is_about_nothing_here_is_named() -> None:
    text = mapping(
        "sizes: {wrokers: large, cp: {third: x}}\nimages: {debian-12: x}\nregions: {acme/east: west}"
    )

    assert translate(SOURCE, OTHER, mapping=text).unused == (
        "sizes: wrokers",
        "images: debian-12",
        "regions: acme/east",
    )


# ── what cannot be ───────────────────────────────────────────────────────────────────────────────


def test_everything_that_has_no_counterpart_is_told_at_once_with_what_there_is() -> None:
    script = "#" * 2000
    source = complete(with_workers(bootstrap=script), CATALOGUE)
    poor = catalogue(
        cloud="poor",
        sizes=(size("tiny", 1, 1, 25, "6"),),
        images=(image("resolute", "ubuntu-26.04"), image("trixie", "debian-13")),
        max_user_data=1999,
        volumes=(VolumeOffer(name="block", largest_gib=99),),
    )

    with pytest.raises(CannotTranslate) as caught:
        translate(source, poor)

    largest = "the largest: tiny (1 vCPU, 1 GiB, 25 GiB disk)"
    there = "there are: debian-13, ubuntu-26.04 (ubuntu-26.04 is the next newer release)"
    assert caught.value.problems == (
        f"no size in east for pool cp (2 vCPU, 4 GiB); {largest}",
        f"no x86_64 image of ubuntu-24.04 for pool cp; {there}",
        f"no size in east for pool workers (1 vCPU, 2 GiB); {largest}",
        f"no x86_64 image of ubuntu-24.04 for pool workers; {there}",
        "the bootstrap script of pool workers is too long",
        "volume data of 100 GiB is larger than the largest, 99 GiB",
    )
    assert "--mapping FILE      with images: {ubuntu-24.04: ubuntu-26.04}" in caught.value.hint


def test_the_largest_in_each_respect_is_named_and_an_architecture_that_is_not_there() -> None:
    there = catalogue(
        cloud="other",
        sizes=(size("many", 8, 8, 10, "9"), size("wide", 2, 64, 10, "9"), size("deep", 1, 1, 900, "9")),
    )
    for need, problem in (
        (
            Size(vcpus=9),
            "many (8 vCPU, 8 GiB, 10 GiB disk), wide (2 vCPU, 64 GiB, 10 GiB disk), deep (1 vCPU, 1 GiB, 900",
        ),
        (Size(vcpus=1, architecture=ARM64), "it has none that is arm64"),
    ):  # fmt: skip
        source = msgspec.structs.replace(
            SOURCE, pools=(msgspec.structs.replace(SOURCE.pools[0], size=need), *SOURCE.pools[1:])
        )
        with pytest.raises(CannotTranslate) as caught:
            translate(source, there)
        assert problem in caught.value.problems[0]


def test_volumes_that_are_too_large_do_not_matter_where_there_are_none() -> None:
    large = msgspec.structs.replace(SOURCE, volumes=(VolumeSpec(name="data", size_gib=16384),))
    none = catalogue(
        cloud="other", kinds=OTHER.kinds - {Kind.VOLUME}, volumes=(VolumeOffer(name="block", largest_gib=99),)
    )

    assert not any(choice.what == "volume data" for choice in translate(large, none).choices)


def test_the_region_can_be_asked_for_ahead() -> None:
    assert destination(SOURCE, OTHER).name == "west"
    assert destination(SOURCE, OTHER, mapping=mapping("regions: {west: east}")).name == "east"


def test_a_size_is_told_as_people_say_it() -> None:
    assert describe_size(Size(vcpus=2, memory_mib=4096, disk_gib=80)) == "2 vCPU, 4 GiB, 80 GiB disk"
    assert describe_size(Size(vcpus=1, memory_mib=512, architecture=ARM64)) == "1 vCPU, 0.5 GiB, arm64"
    assert describe_size(CONTROL_PLANE.size) == "2 vCPU, 4 GiB"


def test_what_is_lost_does_not_depend_on_the_order_of_writing() -> None:
    turned = msgspec.structs.replace(SPEC, pools=SPEC.pools[::-1])
    poor = catalogue(cloud="other", kinds=OTHER.kinds - {Kind.VOLUME})

    assert set(translate(complete(SPEC, CATALOGUE), poor).losses) == set(
        translate(complete(turned, CATALOGUE), poor).losses
    )
