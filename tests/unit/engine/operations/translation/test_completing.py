"""A cluster on its own cloud: the cheapest size, the nearest region; what is chosen stays chosen."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain.catalogue import ARM64, Catalogue, SizeOffer
from kubisnap.engine.domain.model import ClusterSpec, Image, Placement, Size
from kubisnap.engine.errors import InvalidInput
from kubisnap.engine.operations.translation import complete, inherit
from tests.unit.engine.examples import (
    CATALOGUE,
    SPEC,
    WORKERS,
    changed,
    image,
    size,
    with_workers,
)


def catalogue(**fields: Any) -> Catalogue:
    return msgspec.structs.replace(CATALOGUE, **fields)


WEST = Placement(cloud="acme", region="west")


def sized(wanted: Size, offers: Catalogue = CATALOGUE, *, region: str = "west") -> str:
    spec = changed(with_workers(size=wanted), placement=Placement(cloud="acme", region=region))
    return complete(spec, offers).pools[1].size.pins["acme"]


def placed(placement: Placement, offers: Catalogue = CATALOGUE) -> Placement:
    return complete(changed(placement=placement), offers).placement


# ── to a cluster's own cloud ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (Size(vcpus=1), "tiny"),
        (Size(vcpus=1, memory_mib=1025), "small"),
        (Size(vcpus=2, memory_mib=1024), "medium"),
        (Size(memory_mib=1024, disk_gib=26), "small"),
        (Size(vcpus=3), "large"),
        (Size.pinned("acme", "large"), "large"),
        (Size(vcpus=1, pins={"other": "huge"}), "tiny"),
    ],
)
def test_the_cheapest_size_that_satisfies_is_chosen_unless_one_is_named(wanted: Size, chosen: str) -> None:
    assert sized(wanted) == chosen


def test_only_what_the_region_has_is_chosen() -> None:
    assert sized(Size(vcpus=2, memory_mib=4096), region="east") == "medium-east"
    assert sized(Size(vcpus=2, memory_mib=4096), region="west") == "medium"


def test_of_equally_dear_sizes_the_smaller_is_chosen_whatever_the_catalogues_order() -> None:
    offers = (size("b", 2, 4, 50, "5"), size("c", 1, 4, 50, "5"), size("a", 2, 2, 50, "5"))

    for order in (offers, offers[::-1]):
        assert sized(Size(vcpus=1), catalogue(sizes=order)) == "c"
        assert sized(Size(vcpus=2), catalogue(sizes=order)) == "a"


def test_a_size_that_was_only_named_learns_what_it_has_and_what_was_wanted_is_kept() -> None:
    named = complete(with_workers(size=Size.pinned("acme", "small")), CATALOGUE).pools[1].size
    wanted = complete(with_workers(size=Size(vcpus=1, memory_mib=1025)), CATALOGUE).pools[1].size

    assert named == Size(vcpus=1, memory_mib=2048, disk_gib=50, pins={"acme": "small"})
    assert wanted == Size(vcpus=1, memory_mib=1025, pins={"acme": "small"})


def test_the_first_image_of_the_system_is_chosen_unless_one_is_named() -> None:
    named = Image(os="", pins={"acme": "ubuntu-noble-2"})

    assert complete(SPEC, CATALOGUE).pools[1].image == Image(
        os="ubuntu-24.04", pins={"acme": "ubuntu-noble-1"}
    )
    assert complete(with_workers(image=named), CATALOGUE).pools[1].image == Image(
        os="ubuntu-24.04", pins={"acme": "ubuntu-noble-2"}
    )


@pytest.mark.parametrize(
    ("placement", "region"),
    [
        (Placement(cloud="acme", region="moon"), "moon"),
        (Placement(cloud="acme", place="us-west"), "west"),
        (Placement(cloud="acme", place="paris"), "east"),
        (Placement(cloud="acme", place="chicago"), "east"),
        (Placement(cloud="acme", latitude=40.0, longitude=-120.0), "west"),
        (Placement(cloud="acme", region="east", place="tokyo"), "east"),
    ],
)
def test_the_region_is_the_one_that_is_named_or_the_nearest_that_takes_servers(
    placement: Placement, region: str
) -> None:
    offers = catalogue(
        sizes=tuple(
            msgspec.structs.replace(item, regions=item.regions | {"moon"}) for item in CATALOGUE.sizes
        ),
        images=tuple(
            msgspec.structs.replace(item, regions=item.regions | {"moon"}) for item in CATALOGUE.images
        ),
    )
    found = placed(placement, offers)
    offer = offers.region(region)

    assert offer is not None
    assert found == Placement(
        cloud="acme", region=region, place=placement.place, latitude=offer.latitude, longitude=offer.longitude
    )


def test_a_complete_cluster_stays_as_it_is() -> None:
    fitted = complete(SPEC, CATALOGUE)

    assert complete(fitted, CATALOGUE) == fitted


def arm(name: str, vcpus: int, gib: int, monthly: str) -> SizeOffer:
    return msgspec.structs.replace(size(name, vcpus, gib, 40, monthly), architecture=ARM64)


BOTH = catalogue(
    sizes=(*CATALOGUE.sizes, arm("arm-small", 2, 4, "3"), arm("arm-large", 4, 8, "6")),
    images=(
        msgspec.structs.replace(image("noble-arm", "ubuntu-24.04"), architectures=frozenset({ARM64})),
        *CATALOGUE.images,
    ),
)


def test_programs_stay_on_processors_that_run_them_however_cheap_others_are() -> None:
    intel = complete(with_workers(size=Size(vcpus=2, memory_mib=4096)), BOTH).pools[1]
    arms = complete(with_workers(size=Size(vcpus=3, architecture=ARM64)), BOTH).pools[1]

    assert (intel.size.pins, intel.image.pins) == ({"acme": "medium-east"}, {"acme": "ubuntu-noble-1"})
    assert (arms.size.pins, arms.image.pins) == ({"acme": "arm-large"}, {"acme": "noble-arm"})


def test_a_size_that_was_only_named_learns_its_architecture_and_gets_an_image_for_it() -> None:
    found = complete(with_workers(size=Size.pinned("acme", "arm-small")), BOTH).pools[1]

    assert found.size == Size(
        vcpus=2, memory_mib=4096, disk_gib=40, architecture=ARM64, pins={"acme": "arm-small"}
    )
    assert found.image.pins == {"acme": "noble-arm"}


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (Size(vcpus=1, pins={"acme": "arm-small"}), "'arm-small' is arm64, not x86_64"),
        (Size(architecture=ARM64, pins={"acme": "small"}), "'small' is x86_64, not arm64"),
    ],
)
def test_a_size_of_another_architecture_than_the_one_that_is_asked_for_is_refused(
    wanted: Size, problem: str
) -> None:
    with pytest.raises(InvalidInput, match=problem):
        complete(with_workers(size=wanted), BOTH)


def test_a_price_is_the_regions_and_a_size_without_one_comes_last() -> None:
    dear = msgspec.structs.replace(size("bargain", 2, 4, 80, "1"), monthly_in={"west": Decimal(99)})
    unpriced = size("unpriced", 2, 4, 80, "0")
    offers = catalogue(sizes=(*CATALOGUE.sizes, dear, unpriced))

    assert sized(Size(vcpus=2), offers, region="east") == "bargain"
    assert sized(Size(vcpus=2), offers, region="west") == "medium"


def test_of_sizes_whose_prices_nobody_knows_the_smallest_is_chosen() -> None:
    offers = catalogue(
        sizes=tuple(
            size(item.name, item.vcpus, item.memory_mib // 1024, item.disk_gib, "0")
            for item in CATALOGUE.sizes
        )
    )

    assert sized(Size(vcpus=2), offers) == "medium"
    assert sized(Size(disk_gib=100), offers) == "large"


def test_a_cloud_with_one_region_needs_no_coordinates() -> None:
    moon = catalogue(
        regions=tuple(item for item in CATALOGUE.regions if item.name in {"moon", "full"}),
        sizes=tuple(msgspec.structs.replace(item, regions=frozenset({"moon"})) for item in CATALOGUE.sizes),
        images=tuple(msgspec.structs.replace(item, regions=frozenset({"moon"})) for item in CATALOGUE.images),
    )

    assert placed(Placement(cloud="acme"), moon).region == "moon"
    assert placed(Placement(cloud="acme", place="paris"), moon).region == "moon"


WRONG: dict[str, tuple[ClusterSpec, str, str, str]] = {
    "an unknown region": (
        changed(placement=Placement(cloud="acme", region="north")),
        "region",
        "acme has no region 'north'",
        "regions: east, moon, west",
    ),
    "a closed region": (
        changed(placement=Placement(cloud="acme", region="full")),
        "region",
        "full takes no new servers",
        "regions: east, moon, west",
    ),
    "no region": (
        changed(placement=Placement(cloud="acme")),
        "region",
        "near which place?",
        "regions: east, moon, west",
    ),
    "an unknown place": (
        changed(placement=Placement(cloud="acme", place="atlantis")),
        "place",
        "unknown place 'atlantis'",
        "paris",
    ),
    "an unknown size": (
        with_workers(size=Size.pinned("acme", "mini")),
        "pools[1].size",
        "acme has no size 'mini' in east",
        "sizes: large, medium, medium-east, small, tiny",
    ),
    "a size of another region": (
        changed(
            with_workers(size=Size.pinned("acme", "medium-east")),
            placement=Placement(cloud="acme", region="west"),
        ),
        "pools[1].size",
        "acme has no size 'medium-east' in west",
        "sizes: large, medium, small, tiny",
    ),
    "a size that nobody has": (
        with_workers(size=Size(vcpus=64, memory_mib=1536)),
        "pools[1].size",
        "acme has no size in east with 64 vCPU, 1.5 GiB",
        "sizes: large",
    ),
    "an unknown system": (
        with_workers(image=Image(os="plan9")),
        "pools[1].image",
        "acme has no image 'plan9' in east",
        "images: ubuntu-24.04",
    ),
    "an unknown image": (
        with_workers(image=Image(os="ubuntu-24.04", pins={"acme": "mine"})),
        "pools[1].image",
        "acme has no image 'mine' in east",
        "images: ubuntu-24.04",
    ),
}


@pytest.mark.parametrize(("spec", "field", "problem", "hint"), WRONG.values(), ids=WRONG)
def test_what_the_cloud_does_not_have_is_told_with_what_it_has(
    spec: ClusterSpec, field: str, problem: str, hint: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        complete(spec, CATALOGUE)

    assert caught.value.field == field
    assert problem in caught.value.problem
    assert hint in caught.value.hint


def test_a_cloud_that_does_not_say_where_it_is_needs_a_region() -> None:
    moon = next(region for region in CATALOGUE.regions if region.name == "moon")
    unknown = catalogue(regions=(moon, msgspec.structs.replace(moon, name="mars")))

    with pytest.raises(InvalidInput, match="nobody knows where acme's regions are"):
        placed(Placement(cloud="acme", place="paris"), unknown)


# ── what was chosen stays chosen ─────────────────────────────────────────────────────────────────

BARGAIN = catalogue(
    sizes=(*CATALOGUE.sizes, size("bargain", 4, 8, 100, "1")),
    images=(
        image("ubuntu-newest", "ubuntu-24.04"),
        image("debian-east", "debian-12", "east"),
        *CATALOGUE.images,
    ),
)


def test_a_new_cheaper_offer_does_not_change_a_running_pool() -> None:
    declared = complete(SPEC, CATALOGUE)

    assert complete(inherit(SPEC, declared), BARGAIN) == declared
    assert complete(SPEC, BARGAIN) != declared


def test_a_pool_that_asks_for_something_else_gets_something_else() -> None:
    declared = complete(SPEC, CATALOGUE)
    bigger = inherit(with_workers(size=Size(vcpus=2)), declared)
    other_system = inherit(with_workers(image=Image(os="debian-12")), declared)

    assert complete(bigger, BARGAIN).pools[1].size.pins == {"acme": "bargain"}
    assert complete(bigger, BARGAIN).pools[0] == declared.pools[0]
    assert complete(other_system, BARGAIN).pools[1].image.pins == {"acme": "debian-east"}


def test_a_pool_that_names_a_size_gets_that_size() -> None:
    declared = complete(SPEC, CATALOGUE)
    named = inherit(with_workers(size=Size.pinned("acme", "large")), declared)

    assert complete(named, BARGAIN).pools[1].size.pins == {"acme": "large"}


def test_a_new_pool_gets_todays_best_offer() -> None:
    declared = complete(SPEC, CATALOGUE)
    more = changed(pools=(*SPEC.pools, msgspec.structs.replace(WORKERS, name="more")))

    assert complete(inherit(more, declared), BARGAIN).pools[2].size.pins == {"acme": "bargain"}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (Placement(cloud="acme"), True),
        (Placement(cloud="acme", place="paris"), True),
        (Placement(cloud="acme", place="tokyo"), False),
        (Placement(cloud="acme", region="west"), False),
        (Placement(cloud="other", place="paris"), False),
    ],
)
def test_a_cluster_that_names_the_same_place_or_none_keeps_its_region(written: Placement, kept: bool) -> None:
    declared = complete(changed(placement=Placement(cloud="acme", place="paris")), CATALOGUE)
    found = inherit(changed(placement=written), declared).placement

    assert found == (declared.placement if kept else written)


def test_what_runs_is_not_looked_up_again_when_its_cloud_offers_it_to_nobody_any_more() -> None:
    """Scaling down must work on the day on which a size, an image or a whole region is withdrawn."""
    declared = complete(SPEC, CATALOGUE)
    for nothing in (catalogue(sizes=()), catalogue(images=()), catalogue(regions=())):
        assert complete(declared, nothing, declared=declared) == declared
        with pytest.raises(InvalidInput):
            complete(declared, nothing)


def test_a_changed_pool_of_a_running_cluster_is_still_looked_up() -> None:
    declared = complete(SPEC, CATALOGUE)
    changed_pool = with_workers(size=Size.pinned("acme", "nonsense"))
    wanted = msgspec.structs.replace(changed_pool, placement=declared.placement)

    with pytest.raises(InvalidInput, match="nonsense"):
        complete(wanted, CATALOGUE, declared=declared)


def test_a_cluster_that_is_to_move_is_not_told_that_its_old_size_is_missing_there() -> None:
    declared = complete(SPEC, CATALOGUE)

    assert declared.pools[0].size.pins == {"acme": "medium-east"}
    assert complete(inherit(changed(placement=WEST), declared), CATALOGUE).placement.region == "west"
