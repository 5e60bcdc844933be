"""Between all clouds, in every order: each need is met or its loss is told, and the way back ends at home."""

from ipaddress import IPv4Network, ip_network
from itertools import permutations

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from kubisnap.engine.domain.catalogue import X86_64, Catalogue, Feature, SizeOffer
from kubisnap.engine.domain.mapping import NO_MAPPING, Mapping
from kubisnap.engine.domain.model import (
    ClusterSpec,
    FirewallSpec,
    Image,
    PoolSpec,
    Protocol,
    Role,
    Rule,
    Size,
    neutral,
)
from kubisnap.engine.domain.places import distance_km
from kubisnap.engine.domain.resources import Desired, Firewall, Key, Kind, LoadBalancer, Server, Volume
from kubisnap.engine.domain.validation import problems
from kubisnap.engine.errors import CannotTranslate
from kubisnap.engine.operations.blueprint import blueprint
from kubisnap.engine.operations.planning import plan
from kubisnap.engine.operations.translation import Translation, complete, destination, renumbered, translate

from .sites import ALL
from .strategies import specs

PAIRS = tuple(permutations(ALL, 2))
_FEWER = max(8, settings.default.max_examples // 8) if settings.default is not None else 12
"""Each pair gets an eighth of the examples: there are dozens of pairs."""


# ── clusters at home on any cloud ────────────────────────────────────────────────────────────────


@st.composite
def clusters(draw: st.DrawFn, home: Catalogue) -> ClusterSpec:
    """Draw a cluster that is complete on its own cloud."""
    spec = draw(specs())
    region = draw(st.sampled_from(_open(home)))
    largest = home.volumes[0].largest_gib if home.volumes else 16384
    volumes = tuple(
        msgspec.structs.replace(volume, size_gib=min(volume.size_gib, largest)) for volume in spec.volumes
    )
    spec = msgspec.structs.replace(
        spec,
        placement=msgspec.structs.replace(spec.placement, cloud=home.cloud, region=region),
        pools=tuple(draw(_pool(pool, home, region)) for pool in spec.pools),
        firewalls=(*spec.firewalls, *draw(_inner(spec))),
        volumes=volumes,
    )
    assert not list(problems(spec))
    return complete(spec, home)


@st.composite
def _inner(draw: st.DrawFn, spec: ClusterSpec) -> list[FirewallSpec]:
    """Draw a rule for the cluster's own addresses, or none."""
    whole = IPv4Network(spec.network.cidr)
    sources = (str(whole), f"{whole.network_address}/24", f"{whole.broadcast_address}/32")
    chosen = draw(st.lists(st.sampled_from(sources), max_size=2, unique=True))
    rule = Rule(protocol=Protocol.TCP, ports="9100", sources=(*chosen, "worker"))
    return [FirewallSpec(name="inner", role=Role.WORKER, allow=(rule,))] if chosen else []


@st.composite
def _pool(draw: st.DrawFn, pool: PoolSpec, home: Catalogue, region: str) -> PoolSpec:
    """Draw a size that the region has, by its name or by a part of what it has, and a system for it."""
    systems = {
        offer.name: sorted(
            {
                image.os
                for image in home.images
                if region in image.regions and offer.architecture in image.architectures
            }
        )
        for offer in home.sizes
        if region in offer.regions
    }
    offer = draw(st.sampled_from([item for item in home.sizes if systems.get(item.name)]))
    size = Size.pinned(home.cloud, offer.name)
    if draw(st.booleans()):
        size = Size(
            vcpus=draw(st.integers(1, offer.vcpus)),
            memory_mib=draw(st.sampled_from((0, offer.memory_mib // 2, offer.memory_mib))),
            disk_gib=draw(st.sampled_from((0, offer.disk_gib // 2, offer.disk_gib))),
            architecture="" if offer.architecture == X86_64 else offer.architecture,
        )
    return msgspec.structs.replace(
        pool, size=size, image=Image(os=draw(st.sampled_from(systems[offer.name])))
    )


def _open(catalogue: Catalogue) -> list[str]:
    """Return the regions that take servers and have some for an image of theirs."""
    return [
        region.name
        for region in catalogue.regions
        if region.available
        and any(
            region.name in offer.regions and offer.architecture in image.architectures
            for offer in catalogue.sizes
            for image in catalogue.images
            if region.name in image.regions
        )
    ]


_TAKEN = st.lists(
    st.sampled_from(("10.0.0.0/16", "10.0.0.0/24", "10.16.0.0/12", "172.16.0.0/16", "192.168.0.0/16")),
    max_size=3,
    unique=True,
).map(tuple)


@st.composite
def _region(draw: st.DrawFn, spec: ClusterSpec, target: Catalogue) -> str:
    """Draw a region, or none where the nearest can be found."""
    named = st.sampled_from(_open(target))
    alone = sum(region.available for region in target.regions) == 1
    if spec.placement.latitude is None and not alone:
        return draw(named)
    return draw(st.just("") | named)


# ── the properties ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("home", "target"), PAIRS, ids=lambda catalogue: catalogue.cloud)
@settings(max_examples=_FEWER)
@given(data=st.data())
def test_every_cluster_translates_and_plans_or_it_is_told_what_is_in_the_way(
    home: Catalogue, target: Catalogue, data: st.DataObject
) -> None:
    spec = data.draw(clusters(home))
    region, taken = data.draw(_region(spec, target)), data.draw(_TAKEN)
    try:
        found = translate(spec, target, region=region, taken=taken)
    except CannotTranslate as error:
        event("in the way")
        _check_problems(spec, target, region, error)
        return
    event("translated")
    assert found == translate(spec, target, region=region, taken=taken)
    assert not list(problems(found.spec))
    assert complete(found.spec, target) == found.spec
    _check_region(spec, target, region, found)
    _check_pools(spec, target, found)
    _check_network(spec, target, taken, found)
    assert neutral(found.spec) == neutral(renumbered(spec, found.spec.network.cidr))
    resources = blueprint(found.spec, target)
    assert len(plan(resources, ()).steps) == len(resources)
    _check_nothing_unlisted_is_lost(target, found, resources)
    _check_way_back(spec, home, found)


def _check_problems(spec: ClusterSpec, target: Catalogue, region: str, error: CannotTranslate) -> None:
    """Whatever is said to be in the way is."""
    there = destination(spec, target, region=region).name
    for problem in error.problems:
        if problem.startswith("no size"):
            need = _named(spec, problem).size
            assert not any(_satisfies(offer, need) for offer in target.sizes if there in offer.regions)
        elif " image of " in problem:
            pool = _named(spec, problem)
            assert not any(
                pool.image.os == image.os and (pool.size.architecture or X86_64) in image.architectures
                for image in target.images
                if there in image.regions
            )
        elif problem.startswith("volume"):
            assert max(volume.size_gib for volume in spec.volumes) > target.volumes[0].largest_gib
        else:
            assert "range" in problem
            shortest, longest = target.network_prefixes
            assert not shortest <= IPv4Network(spec.network.cidr).prefixlen <= longest


def _named(spec: ClusterSpec, problem: str) -> PoolSpec:
    (pool,) = (pool for pool in spec.pools if f"for pool {pool.name} " in f"{problem.partition(';')[0]} ")
    return pool


def _satisfies(offer: SizeOffer, need: Size) -> bool:
    return (
        offer.architecture == (need.architecture or X86_64)
        and offer.vcpus >= need.vcpus
        and offer.memory_mib >= need.memory_mib
        and max(offer.disk_gib, offer.disk_up_to) >= need.disk_gib
    )


def _check_region(spec: ClusterSpec, target: Catalogue, region: str, found: Translation) -> None:
    """It takes servers, and it is the one that was named or none is nearer."""
    chosen = target.region(found.spec.placement.region)
    assert chosen is not None
    assert chosen.available
    assert region in {"", chosen.name}
    latitude, longitude = spec.placement.latitude, spec.placement.longitude
    if region or latitude is None or longitude is None:
        return
    far = {
        item.name: distance_km((latitude, longitude), (item.latitude, item.longitude))
        for item in target.regions
        if item.available and item.latitude is not None and item.longitude is not None
    }
    assert not far or far[chosen.name] == min(far.values())


def _check_pools(spec: ClusterSpec, target: Catalogue, found: Translation) -> None:
    """Each has at least what it needs, no cheaper offer has, and its system is the same."""
    region = found.spec.placement.region
    for old, new in zip(spec.pools, found.spec.pools, strict=True):
        offer = target.size(new.size.pins[target.cloud])
        assert offer is not None
        assert region in offer.regions
        assert _satisfies(offer, old.size)
        price = offer.with_disk(old.size.disk_gib).monthly_at(region)
        others = [
            item.with_disk(old.size.disk_gib).monthly_at(region)
            for item in target.sizes
            if region in item.regions and _satisfies(item, old.size)
        ]
        assert not [other for other in others if 0 < other < price]
        image = next(item for item in target.images if item.name == new.image.pins[target.cloud])
        assert image.os == old.image.os
        assert region in image.regions
        assert offer.architecture in image.architectures
        told = {choice.what: choice.chosen for choice in found.choices}
        assert told[f"size of pool {old.name}"] == offer.name
        assert told[f"image of pool {old.name}"] == image.name


def _check_network(spec: ClusterSpec, target: Catalogue, taken: tuple[str, ...], found: Translation) -> None:
    """Its range may be had; it is another one only if the old one may not, and that is told."""
    old, new = IPv4Network(spec.network.cidr), IPv4Network(found.spec.network.cidr)
    told = [choice for choice in found.choices if choice.what == "network"]
    assert [(choice.wanted, choice.chosen) for choice in told] == (
        [(str(old), str(new))] if old != new else []
    )
    for before, after in zip(_addresses(spec), _addresses(found.spec), strict=True):
        assert _place(before, old) == _place(after, new)
    if Kind.NETWORK not in target.kinds:
        assert old == new
        return
    shortest, longest = target.network_prefixes
    blocked = [ip_network(text) for text in (*target.reserved_ranges, *taken)]
    assert shortest <= new.prefixlen <= longest
    assert not any(new.overlaps(other) for other in blocked)
    if old != new:
        may = shortest <= old.prefixlen <= longest
        assert not may or any(old.overlaps(other) for other in blocked)


def _addresses(spec: ClusterSpec) -> list[str]:
    """Return every range in a spec but the network's own, in the order of writing."""
    rules = [rule for firewall in spec.firewalls for rule in firewall.allow]
    named = [source for rule in rules for source in rule.sources if source not in set(Role)]
    return [*(subnet.cidr for subnet in spec.network.subnets), *named]


def _place(text: str, network: IPv4Network) -> tuple[int, int] | str:
    """Return where a range is in a network: its offset and prefix; the range itself where it is outside."""
    part = ip_network(text)
    if part == network:
        return "all of it"
    if not isinstance(part, IPv4Network) or not part.subnet_of(network):
        return text
    return int(part.network_address) - int(network.network_address), part.prefixlen


def _check_nothing_unlisted_is_lost(target: Catalogue, found: Translation, resources: list[Desired]) -> None:
    """Every part of the cluster is a resource as it was written, or a loss or choice says what became."""
    left = _Left(target, found, resources)
    left.check_parts()
    left.check_balancers()
    left.check_storage()
    left.check_servers()


class _Left:
    """What is left of a cluster at a target."""

    def __init__(self, target: Catalogue, found: Translation, resources: list[Desired]) -> None:
        self.target = target
        self.found = found
        self.spec = found.spec
        self.there = {item.key: item.resource for item in resources}

    def lost(self, *words: str) -> bool:
        return any(all(word in loss for word in words) for loss in self.found.losses)

    def is_there(self, kind: Kind, name: str) -> bool:
        return Key(kind, name) in self.there or self.lost(f"no {kind}:", name)

    def check_parts(self) -> None:
        spec = self.spec
        assert self.is_there(Kind.NETWORK, spec.network.name)
        assert all(self.is_there(Kind.SUBNET, item.name) for item in spec.network.subnets)
        assert all(self.is_there(Kind.SSH_KEY, item.name) for item in spec.ssh_keys)
        filters = Feature.FILTERS_WITHIN in self.target.features or Kind.FIREWALL not in self.target.kinds
        for firewall in spec.firewalls:
            assert self.is_there(Kind.FIREWALL, firewall.name)
            made = self.there.get(Key(Kind.FIREWALL, firewall.name))
            assert not isinstance(made, Firewall) or {rule.ports for rule in made.rules} == {
                rule.ports for rule in firewall.allow
            }
            assert filters or self.lost("does not filter inside", firewall.name)

    def check_balancers(self) -> None:
        for balancer in self.spec.load_balancers:
            assert self.is_there(Kind.LOAD_BALANCER, balancer.name)
            made = self.there.get(Key(Kind.LOAD_BALANCER, balancer.name))
            if isinstance(made, LoadBalancer):
                assert len(made.forward) == len(balancer.forward)
                same = set(made.forward) == set(balancer.forward)
                assert same != self.lost("HTTP as TCP", f"{balancer.name}, ")

    def check_storage(self) -> None:
        for volume in self.spec.volumes:
            assert self.is_there(Kind.VOLUME, volume.name)
            made = self.there.get(Key(Kind.VOLUME, volume.name))
            grown = isinstance(made, Volume) and made.size_gib != volume.size_gib
            assert grown == any(choice.what == f"volume {volume.name}" for choice in self.found.choices)
            assert not volume.server or made is None or self.is_there(Kind.VOLUME_ATTACHMENT, volume.name)
        for address in self.spec.reserved_ips:
            assert self.is_there(Kind.RESERVED_IP, address.name)
            points = address.server and Key(Kind.RESERVED_IP, address.name) in self.there
            assert not points or self.is_there(Kind.RESERVED_IP_ASSIGNMENT, address.name)

    def check_servers(self) -> None:
        features, addressed = self.target.features, {ip.server for ip in self.spec.reserved_ips}
        assert Feature.NEW_SERVERS in features or not self.spec.servers() or self.lost("makes no servers")
        for pool in self.spec.pools:
            for name in pool.servers():
                server = self.there[Key(Kind.SERVER, name)]
                assert isinstance(server, Server)
                assert not pool.bootstrap or server.user_data or self.lost("runs no script", pool.name)
                size = self.target.size(server.size)
                assert size is not None
                assert max(size.disk_gib, server.disk_gib) >= pool.size.disk_gib
                absent = {key.name for key in self.spec.ssh_keys} - set(server.ssh_keys)
                assert all(self.lost("SSH key", key) or self.lost("no ssh-key", key) for key in absent)
                reached = Feature.PUBLIC_ADDRESSES in features or name in addressed
                assert reached or self.lost("no public address")


def _check_way_back(spec: ClusterSpec, home: Catalogue, there: Translation) -> None:
    """Nothing of the intent was lost on the way: at home it is what it was, and where it was."""
    old, new = spec.network.cidr, there.spec.network.cidr
    mapping = NO_MAPPING if old == new else Mapping({"network": {new: {"": old}}})
    back = translate(there.spec, _allowing(home, spec), region=spec.placement.region, mapping=mapping)

    assert neutral(back.spec) == neutral(spec)
    for before, after in zip(spec.pools, back.spec.pools, strict=True):
        assert after.size.pins[home.cloud] == before.size.pins[home.cloud]
        assert after.image.pins[home.cloud] == before.image.pins[home.cloud]


def _allowing(home: Catalogue, spec: ClusterSpec) -> Catalogue:
    """Return the home of a cluster that was there: whatever its network is, it can be had."""
    if Kind.NETWORK not in home.kinds:
        return home
    network = IPv4Network(spec.network.cidr)
    return msgspec.structs.replace(
        home,
        reserved_ranges=tuple(
            text for text in home.reserved_ranges if not ip_network(text).overlaps(network)
        ),
        network_prefixes=(min(home.network_prefixes[0], 16), max(home.network_prefixes[1], 28)),
    )


def test_these_are_the_clouds_between_which_it_is_tried() -> None:
    assert {"digitalocean", "sandbox", "stack", "rack"} <= {catalogue.cloud for catalogue in ALL}
    assert len(PAIRS) == len(ALL) * (len(ALL) - 1)
