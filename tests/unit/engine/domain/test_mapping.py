"""Mappings: what becomes what, each mistake with its line and column."""

import pytest

from kubisnap.engine.domain.mapping import NO_MAPPING, Mapped, load_mapping
from kubisnap.engine.errors import InvalidInput

TEXT = """\
regions:
  digitalocean/fra1: eu-central-1
sizes:
  digitalocean/s-2vcpu-4gb: {aws: t3.medium, hetzner: cpx21}
  workers: t3.large
images:
  ubuntu-22.04: ubuntu-24.04
network:
  10.244.0.0/20: {aws: 10.150.0.0/20}
"""


def test_a_mapping_says_what_is_wanted_for_what_at_which_target() -> None:
    mapping = load_mapping(TEXT, name="map.yaml")

    assert mapping.find("regions", "aws", "digitalocean/fra1") == Mapped(
        "regions", "digitalocean/fra1", "eu-central-1"
    )
    size = "digitalocean/s-2vcpu-4gb"
    assert mapping.find("sizes", "hetzner", size) == Mapped("sizes", size, "cpx21")
    assert mapping.find("sizes", "openstack", size) is None
    assert mapping.find("sizes", "aws", "workers", size) == Mapped("sizes", "workers", "t3.large")
    assert mapping.find("sizes", "aws", "cp", size) == Mapped("sizes", size, "t3.medium")
    assert mapping.find("images", "aws", "ubuntu-20.04") is None
    assert [entry.key for entry in mapping.of("hetzner")] == [
        "digitalocean/fra1",
        size,
        "workers",
        "ubuntu-22.04",
    ]
    assert NO_MAPPING.find("sizes", "aws", "workers") is None


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("", "m", "a mapping has sections: regions, sizes, images, network"),
        ("[]", "m", "a mapping has sections"),
        ("pools: {}", "m:1:8", "pools: there is no such section"),
        ("sizes: [a]", "m:1:8", "sizes: write what becomes what"),
        ("sizes:\n  a: 5", "m:2:6", "sizes.a: 5 is not a name; put it in quotes"),
        ("sizes:\n  a: ''", "m:2:6", "sizes.a: '' is not a name"),
        ("sizes:\n  a: {}", "m:2:6", "sizes.a: becomes what?"),
        ("images:\n  ubuntu: 24.04", "m:2:11", "24.04 is not a name; put it in quotes"),
        ("images:\n  a: {aws: [x]}", "m:2:12", "images.a.aws: ['x'] is not a name"),
        ("sizes: {a: b, a: c}", "m:1:15", "sizes.a: is there twice"),
        ("network: {10.0.0.0/20: x}", "m:1:24", "'x' is not a range such as 10.150.0.0/20"),
        ("network: {x: 10.0.0.0/20}", "m:1:14", "'x' is not a range"),
        ("network: {10.0.0.0/20: 10.1.0.0/255.255.240.0}", "m:1:24", "did you mean 10.1.0.0/20?"),
        ("network: {10.0.0.0/20: 8.8.8.0/24}", "m:1:24", "8.8.8.0/24 is not a private range"),
        ("network: {10.0.0.0/20: 10.0.0.0/8}", "m:1:24", "10.0.0.0/8 is not a private range between"),
        ("regions: {a: b", "m:1:15", "not valid YAML"),
        ("1: {}", "m:1:1", "1 is not a field name"),
    ],
)
def test_every_mistake_is_told_with_its_place(text: str, where: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_mapping(text, name="m")

    assert caught.value.where == where
    assert problem in str(caught.value)


def test_an_error_about_a_name_gets_its_place_and_any_other_stays() -> None:
    mapping = load_mapping(TEXT, name="map.yaml")
    entry = mapping.find("images", "aws", "ubuntu-22.04")
    assert entry is not None

    placed = mapping.place(InvalidInput(entry.field, "is not there", advice="look"))
    assert str(placed) == "map.yaml:7:17: images.ubuntu-22.04: is not there"
    assert placed.advice == "look"
    other = InvalidInput("region", "which?")
    assert mapping.place(other) is other
