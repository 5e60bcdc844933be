"""Translation: the cheapest size, the nearest region, the same system; what is chosen stays chosen."""

from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain.catalogue import Catalogue
from kubisnap.engine.domain.model import ClusterSpec, Image, Placement, Size, neutral
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import CannotTranslate, InvalidInput
from kubisnap.engine.operations.translation import complete, describe_size, inherit, translate
from tests.unit.engine.examples import (
    CATALOGUE,
    CONTROL_PLANE,
    SPEC,
    WORKERS,
    changed,
    image,
    size,
    with_workers,
)


def catalogue(**fields: Any) -> Catalogue:
    return msgspec.structs.replace(CATALOGUE, **fields)


OTHER = catalogue(cloud="other")
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
    unknown = catalogue(regions=tuple(region for region in CATALOGUE.regions if region.name == "moon"))

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


# ── to another cloud ─────────────────────────────────────────────────────────────────────────────


def test_a_cluster_that_moves_holds_the_same_intent_in_the_nearest_region() -> None:
    source = complete(changed(placement=WEST), CATALOGUE)
    found = translate(source, OTHER)

    assert neutral(found.spec) == neutral(source)
    assert found.spec.placement == Placement(cloud="other", region="west", latitude=37.8, longitude=-122.4)
    assert found.spec.pools[1].size.pins == {"acme": "small", "other": "small"}
    assert found.spec.pools[1].image.pins == {"acme": "ubuntu-noble-1", "other": "ubuntu-noble-1"}


def test_every_choice_is_told() -> None:
    source = complete(changed(placement=WEST), CATALOGUE)
    found = translate(source, OTHER, region="east")

    assert [(choice.what, choice.wanted, choice.chosen) for choice in found.choices] == [
        ("region", "acme/west", "other/east"),
        ("size of pool cp", "medium (2 vCPU, 4 GiB)", "medium-east"),
        ("image of pool cp", "ubuntu-24.04", "ubuntu-noble-1"),
        ("size of pool workers", "small (1 vCPU, 2 GiB)", "small"),
        ("image of pool workers", "ubuntu-24.04", "ubuntu-noble-1"),
    ]
    assert found.choices[0].note == "4,127 km away"
    assert found.choices[1].note == "2 vCPU, 4 GiB, 80 GiB disk, $20.00/mo each"


def test_a_cluster_restored_on_its_own_cloud_keeps_its_region_size_and_image() -> None:
    source = complete(changed(placement=WEST), CATALOGUE)

    assert translate(source, BARGAIN).spec == source


def test_a_cluster_moves_to_another_region_of_its_cloud() -> None:
    source = complete(with_workers(size=Size.pinned("acme", "medium-east")), CATALOGUE)
    found = translate(source, CATALOGUE, region="west")

    assert found.spec.placement.region == "west"
    assert found.spec.pools[1].size.pins == {"acme": "medium"}


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        (Kind.SUBNET, "other has no subnet: back left out, all servers share the network"),
        (Kind.LOAD_BALANCER, "other has no load-balancer: entry left out, nothing spreads the traffic"),
        (Kind.VOLUME, "other has no volume: data left out, the servers have their own disks only"),
        (Kind.RESERVED_IP, "other has no reserved-ip: api left out, servers have their own addresses"),
        (Kind.FIREWALL, "other has no firewall: guard left out, nothing keeps traffic out"),
    ],
)
def test_what_a_cloud_does_not_have_is_told_as_a_loss(kind: Kind, loss: str) -> None:
    source = complete(SPEC, CATALOGUE)
    whole = translate(source, OTHER).losses
    less = translate(source, msgspec.structs.replace(OTHER, kinds=OTHER.kinds - {kind})).losses

    assert loss in less
    assert loss not in whole


def test_what_no_snapshot_holds_is_told_as_a_loss() -> None:
    losses = translate(complete(SPEC, CATALOGUE), OTHER).losses

    assert any("what is on the servers' disks" in loss for loss in losses)
    assert "volumes start empty: a snapshot holds no volume data (data)" in losses
    assert "reserved addresses are new ones (api)" in losses


def test_everything_that_has_no_counterpart_is_told_at_once() -> None:
    script = "#" * 2000
    source = complete(with_workers(bootstrap=script), CATALOGUE)
    poor = catalogue(cloud="poor", sizes=(size("tiny", 1, 1, 25, "6"),), images=(), max_user_data=1999)

    with pytest.raises(CannotTranslate) as caught:
        translate(source, poor)

    assert caught.value.problems == (
        "no size in east for pool cp (2 vCPU, 4 GiB)",
        "no image of ubuntu-24.04 for pool cp",
        "no size in east for pool workers (1 vCPU, 2 GiB)",
        "no image of ubuntu-24.04 for pool workers",
        "the bootstrap script of pool workers is too long",
    )


def test_an_unknown_target_region_is_told() -> None:
    with pytest.raises(InvalidInput, match="other has no region 'north'"):
        translate(complete(SPEC, CATALOGUE), OTHER, region="north")


def test_a_size_is_told_as_people_say_it() -> None:
    assert describe_size(Size(vcpus=2, memory_mib=4096, disk_gib=80)) == "2 vCPU, 4 GiB, 80 GiB disk"
    assert describe_size(Size(vcpus=1, memory_mib=512)) == "1 vCPU, 0.5 GiB"
    assert describe_size(CONTROL_PLANE.size) == "2 vCPU, 4 GiB"
