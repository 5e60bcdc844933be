"""What an adapter says about itself without being asked by credentials: for docs/clouds.md, and for tests.

Each adapter's package has a module ``about`` with an `ABOUT`. It imports no client library. Tests
compare it with catalogues.
"""

from collections.abc import Iterator, Mapping

import msgspec

from ..engine.domain.catalogue import X86_64, Catalogue, Feature
from ..engine.domain.resources import Kind


class Setting(msgspec.Struct, frozen=True):
    """A variable of the environment, and what it holds. No error shows the value of a secret one."""

    name: str
    meaning: str
    secret: bool = False


class About(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter in words and figures. Texts are sentences for people.

    `extra` is what pip installs with kubisnap for it. `perhaps` are kinds that are not at every such
    cloud, with where they are. `networks` are the shortest and longest prefix, None without networks.
    `priced`: every size has a price. The rest is as in `Catalogue`.
    """

    title: str
    settings: tuple[Setting, ...]
    privileges: str
    tested: str
    kinds: frozenset[Kind]
    extra: str = ""
    perhaps: Mapping[Kind, str] = {}
    features: frozenset[Feature] = frozenset(Feature)
    nameless: frozenset[Kind] = frozenset()
    subnet_needed: bool = False
    groups_in_network: bool = False
    keys_in_region: bool = False
    networks: tuple[int, int] | None = None
    smallest_volume: int = 0
    priced: bool = True
    architectures: frozenset[str] = frozenset({X86_64})
    cannot: tuple[str, ...] = ()


def differences(about: About, catalogue: Catalogue) -> list[str]:
    """Say where an adapter's catalogue is not what its `ABOUT` says."""
    return list(_differences(about, catalogue))


def _differences(about: About, catalogue: Catalogue) -> Iterator[str]:
    kinds = catalogue.kinds
    if not about.kinds <= kinds <= about.kinds | about.perhaps.keys():
        yield f"kinds: {_named(about.kinds ^ kinds)}"
    if about.features != catalogue.features:
        yield f"features: {_named(about.features ^ catalogue.features)}"
    if about.nameless != catalogue.nameless:
        yield f"nameless: {_named(about.nameless ^ catalogue.nameless)}"
    for name in ("subnet_needed", "groups_in_network", "keys_in_region"):
        if getattr(about, name) != getattr(catalogue, name):
            yield f"{name}: {getattr(catalogue, name)}"
    networks = catalogue.network_prefixes if Kind.NETWORK in kinds else None
    if about.networks != networks:
        yield f"networks: {networks}"
    smallest = catalogue.volumes[0].smallest_gib if catalogue.volumes else 0
    if about.smallest_volume != smallest and (smallest or Kind.VOLUME not in about.perhaps):
        yield f"smallest_volume: {smallest}"
    if about.priced and not all(size.monthly for size in catalogue.sizes):
        yield "priced: a size has no price"
    if more := {size.architecture for size in catalogue.sizes} - about.architectures:
        yield f"architectures: {_named(more)}"


def _named(values: frozenset[Kind] | frozenset[Feature] | set[str]) -> str:
    return ", ".join(sorted(values))
