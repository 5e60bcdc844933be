"""The contract itself: one test a rule, and each test's docstring is the rule."""
# ruff: noqa: S101 - a suite of tests asserts

import re
from datetime import date
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from ...engine.domain.catalogue import Feature
from ...engine.domain.model import Forward, ForwardProtocol, Rule
from ...engine.domain.resources import (
    Firewall,
    Key,
    Kind,
    LoadBalancer,
    Observed,
    Request,
    SshKey,
    Status,
    Volume,
)
from ...engine.errors import Conflict, Denied, Rejected, ResourceMissing, Unavailable
from ...engine.ports import Cloud, asked_before_sending
from .bench import (
    ADMIN,
    BALANCER,
    FIREWALL,
    INNER,
    MAIN,
    SAMPLES,
    SERVER,
    VOLUME,
    Bench,
    canonical_rules,
    new_cluster,
)
from .crowds import Crowds
from .strategies import firewall_rules

_REFERENCES = frozenset({"network", "subnet", "ssh_keys", "volume", "server", "reserved_ip", "load_balancer"})
_ENDS: dict[Kind, tuple[Kind, ...]] = {
    Kind.VOLUME_ATTACHMENT: (Kind.VOLUME, Kind.SERVER),
    Kind.RESERVED_IP_ASSIGNMENT: (Kind.RESERVED_IP, Kind.SERVER),
    Kind.LOAD_BALANCER_MEMBER: (Kind.LOAD_BALANCER, Kind.SERVER),
}
"""What must be told in links, the thing attached first."""
_NEUTRAL_OS = re.compile(r"[a-z]+(-[a-z]+)*-[0-9]+(\.[0-9]+)?")


def _told(request: Request, seen: Observed) -> dict[str, Any]:
    """Return what was asked for, in the fields that the cloud tells and in the form for telling them."""
    resource = request.resource
    if isinstance(resource, Firewall):
        resource = msgspec.structs.replace(resource, rules=canonical_rules(resource.rules))
    if isinstance(resource, SshKey):
        resource = SshKey(public_key=" ".join(resource.public_key.split()[:2]))
    return {field: msgspec.to_builtins(getattr(resource, field)) for field in seen.properties}


class _NoLongerError(Exception):
    """What a test answers to the question whether a change may still be sent."""


def _no_longer() -> None:
    raise _NoLongerError


def _link(kind: Kind) -> str:
    return kind.value.replace("-", "_")


def _is_listed(bench: Bench, seen: Observed) -> bool:
    return (seen.kind, seen.id) in bench.listed()


class CloudContract(Crowds):
    """Rules that every cloud adapter keeps; the package's docstring says how to run them on yours."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run what is about kinds for the kinds that this cloud has, so that nothing is skipped."""
        for argument, kinds in (("kind", self.kinds), ("unique_kind", self.unique & self.kinds)):
            if argument in metafunc.fixturenames:
                metafunc.parametrize(argument, sorted(kinds), ids=str)

    # The account and what is on offer

    def test_the_account_stays_the_same(self, cloud: Cloud, other_account_cloud: Cloud) -> None:
        """An account has an id and a title, the same at each call; another account has another id."""
        account = cloud.account()
        assert account.id
        assert account.title
        assert cloud.account() == account
        assert other_account_cloud.account().id != account.id

    def test_the_catalogue_is_well_formed(self, cloud: Cloud) -> None:
        """Names are unique, what is on offer is so in regions that exist, sizes are not empty."""
        catalogue = cloud.catalogue()
        assert catalogue.cloud == cloud.name
        assert catalogue.kinds == self.kinds
        named = (catalogue.regions, catalogue.sizes, catalogue.images)
        for names in ([offer.name for offer in offers] for offers in named):
            assert names
            assert len(set(names)) == len(names)
        regions = {region.name for region in catalogue.regions}
        assert all(size.regions <= regions for size in catalogue.sizes)
        assert all(image.regions <= regions for image in catalogue.images)
        assert all(min(size.vcpus, size.memory_mib, size.disk_gib) > 0 for size in catalogue.sizes)
        assert [image.os for image in catalogue.images if not _NEUTRAL_OS.fullmatch(image.os)] == []

    def test_what_an_account_may_do_is_told(self, cloud: Cloud) -> None:
        """Quotas count what is there and never below zero; ranges are networks; nothing is said twice."""
        allowance = cloud.allowance(self.region)
        countable = {*Kind, "vcpu", "memory-mib", "volume-gib"}
        assert set(allowance.rooms) <= countable
        assert all(room.limit >= 0 and room.used >= 0 for room in allowance.rooms.values())
        assert [str(ip_network(text)) for text in allowance.ranges] == list(allowance.ranges)
        assert len(set(allowance.denied)) == len(allowance.denied)

    def test_what_is_made_counts(self, bench: Bench) -> None:
        """A server takes room, where it is known how many there may be."""
        before = bench.cloud.allowance(self.region).rooms.get(Kind.SERVER)
        bench.make(SERVER)
        after = bench.cloud.allowance(self.region).rooms.get(Kind.SERVER)
        assert (before is None) == (after is None)
        if before is not None and after is not None:
            bench.until(
                lambda: bench.cloud.allowance(self.region).rooms[Kind.SERVER].used == before.used + 1,
                "the server was never counted",
            )

    def test_what_the_catalogue_says_of_itself_holds(self, cloud: Cloud) -> None:
        """What servers and groups stand in is as this suite was told, offers are dated, ranges are ranges."""
        catalogue = cloud.catalogue()
        assert (catalogue.subnet_needed, catalogue.groups_in_network) == (
            self.needs_subnet,
            self.needs_network,
        )
        assert not catalogue.subnet_needed or Kind.SUBNET in self.kinds
        assert [str(ip_network(text)) for text in catalogue.reserved_ranges] == list(
            catalogue.reserved_ranges
        )
        shortest, longest = catalogue.network_prefixes
        assert 1 <= shortest <= longest <= 30
        assert (Kind.VOLUME in self.kinds) == bool(catalogue.volumes)
        assert (Kind.LOAD_BALANCER in self.kinds) == bool(catalogue.balancers)
        assert date.fromisoformat(catalogue.dated) > date(2020, 1, 1)

    def test_prices_are_exact(self, cloud: Cloud) -> None:
        """Prices are decimals, finite and never below zero."""
        catalogue = cloud.catalogue()
        prices: list[object] = [price for size in catalogue.sizes for price in (size.hourly, size.monthly)]
        prices += msgspec.structs.astuple(catalogue.prices)
        assert all(isinstance(price, Decimal) and price.is_finite() and price >= 0 for price in prices)

    def test_the_catalogue_has_what_the_suite_uses(self, cloud: Cloud) -> None:
        """The region, size and image named to this suite fit together."""
        catalogue = cloud.catalogue()
        region, size = catalogue.region(self.region), catalogue.size(self.size)
        image = next((image for image in catalogue.images if image.name == self.image), None)
        assert region is not None
        assert size is not None
        assert image is not None
        assert self.region in size.regions & image.regions

    # The life of a resource, for each kind

    def test_a_resource_is_shown_as_it_was_asked_for(self, bench: Bench, kind: Kind) -> None:
        """Once usable, a resource is shown under its id with what was asked for and what it refers to."""
        seen = bench.make(SAMPLES[kind])
        request = bench.request(SAMPLES[kind])
        assert seen == bench.cloud.observe(kind, seen.id)
        assert (seen.kind, seen.status) == (kind, Status.READY)
        assert seen.name == self._name(bench, seen, request.name)
        assert seen.properties == _told(request, seen)
        assert not _REFERENCES & set(seen.properties)
        ids = {_link(key.kind): resource_id for key, resource_id in bench.ids.items()}
        assert seen.links == {link: ids[link] for link in seen.links}
        assert set(seen.links) >= set(map(_link, _ENDS.get(kind, ())))

    def _must_have(self, kind: Kind) -> None:
        if kind not in self.kinds:
            pytest.skip(f"this cloud has no {kind}")

    def _name(self, bench: Bench, seen: Observed, asked: str) -> str:
        """Return the name that a resource must show: an attachment has that of what is attached."""
        ends = [(end, seen.links[_link(end)]) for end in _ENDS.get(seen.kind, ())]
        if ends and seen.kind is not Kind.LOAD_BALANCER_MEMBER:
            end = bench.cloud.observe(*ends[0])
            assert end is not None
            return end.name
        return seen.name if seen.kind in self.nameless else asked

    def test_a_resource_is_listed_with_its_cluster(self, bench: Bench, kind: Kind) -> None:
        """A resource is listed with its own cluster's, as it is shown by id, and with no other's."""
        seen = bench.make(SAMPLES[kind])
        if kind not in self.nameless:
            bench.until(lambda: _is_listed(bench, seen), f"{kind} {seen.id} was never listed")
            assert seen in bench.cloud.observe_all(bench.cluster)
        assert bench.cloud.observe_all(new_cluster(bench.cluster.name)) == []

    def test_a_resource_is_found_by_its_request(self, bench: Bench, kind: Kind) -> None:
        """After a lost answer, asking for what the request would have made finds it, and nothing else."""
        key = SAMPLES[kind]
        bench.need(kind)
        assert bench.cloud.find(bench.request(key)) == []
        seen = bench.make(key)
        if kind not in self.nameless:
            bench.until(lambda: bench.cloud.find(bench.request(key)), f"{kind} {seen.id} was never found")
            assert bench.cloud.find(bench.request(key)) == [seen]

    def test_what_may_no_longer_be_sent_changes_nothing(self, bench: Bench, kind: Kind) -> None:
        """Before each request that changes something the adapter asks; after a no, nothing has happened."""
        key = SAMPLES[kind]
        bench.need(kind)
        with pytest.raises(_NoLongerError), asked_before_sending(_no_longer):
            bench.cloud.create(bench.request(key))
        assert bench.cloud.find(bench.request(key)) == []
        seen = bench.make(key)
        with pytest.raises(_NoLongerError), asked_before_sending(_no_longer):
            bench.cloud.delete(kind, seen.id)
        assert bench.cloud.observe(kind, seen.id) == seen

    def test_a_removed_resource_is_gone(self, bench: Bench, kind: Kind) -> None:
        """A removed resource is soon shown as none, and removing it again says that it is missing."""
        seen = bench.make(SAMPLES[kind])
        bench.insist(lambda: bench.cloud.delete(kind, seen.id))
        bench.gone(kind, seen.id)
        with self.refused(ResourceMissing, bench.cloud):
            bench.cloud.delete(kind, seen.id)
        assert not _is_listed(bench, seen)

    def test_what_was_never_there_is_missing(self, bench: Bench, kind: Kind) -> None:
        """An id that was in use once is shown as none; removing it says that it is missing."""
        seen = bench.make(SAMPLES[kind])
        bench.clear()
        assert bench.cloud.observe(kind, seen.id) is None
        with self.refused(ResourceMissing, bench.cloud):
            bench.cloud.delete(kind, seen.id)

    def test_a_second_one_of_the_name_is_refused(self, bench: Bench, unique_kind: Kind) -> None:
        """Where names (or key material) are unique, a second one is a conflict, and the first is found."""
        key = SAMPLES[unique_kind]
        seen = bench.make(key)
        with self.refused(Conflict, bench.cloud):
            bench.ask(bench.request(key))
        assert bench.cloud.find(bench.request(key)) == [seen]

    # Changes in place

    def test_firewall_rules_are_kept_exactly(self, bench: Bench) -> None:
        """Whatever rules a firewall is given, by range or by role, it shows them in one order."""
        self._must_have(Kind.FIREWALL)
        seen = bench.make(FIREWALL)
        firewall = bench.sample(Kind.FIREWALL)
        assert isinstance(firewall, Firewall)

        @settings(max_examples=15, deadline=None, database=None)
        @given(rules=firewall_rules)
        def check(rules: tuple[Rule, ...]) -> None:
            wanted = msgspec.structs.replace(firewall, rules=canonical_rules(rules))
            request = bench.request(FIREWALL, wanted)
            changed = bench.wait(Kind.FIREWALL, bench.cloud.update(request, seen.id, frozenset({"rules"})))
            assert changed.id == seen.id
            assert changed.properties["rules"] == msgspec.to_builtins(canonical_rules(rules))

        check()

    def test_a_load_balancer_forwards_elsewhere(self, bench: Bench) -> None:
        """A load balancer's ports change in place, and nothing else of it does."""
        self._must_have(Kind.LOAD_BALANCER)
        before = bench.make(BALANCER)
        http = Feature.HTTP in bench.cloud.catalogue().features
        protocol = ForwardProtocol.HTTP if http else ForwardProtocol.TCP
        forward = (
            Forward(port=80, target_port=31080, protocol=protocol),
            Forward(port=6443, target_port=6443),
        )
        balancer = bench.sample(Kind.LOAD_BALANCER)
        assert isinstance(balancer, LoadBalancer)
        request = bench.request(BALANCER, msgspec.structs.replace(balancer, forward=forward))
        accepted = bench.insist(lambda: bench.cloud.update(request, before.id, frozenset({"forward"})))
        after = bench.wait(Kind.LOAD_BALANCER, accepted)
        assert after.id == before.id
        assert after.properties == before.properties | {"forward": msgspec.to_builtins(forward)}

    def test_a_volume_grows(self, bench: Bench) -> None:
        """A volume grows in place."""
        self._must_have(Kind.VOLUME)
        before = bench.make(VOLUME)
        request = bench.request(VOLUME, Volume(region=self.region, size_gib=20))
        accepted = bench.cloud.update(request, before.id, frozenset({"size_gib"}))
        after = bench.wait(Kind.VOLUME, accepted)
        assert after == msgspec.structs.replace(before, properties=before.properties | {"size_gib": 20})

    def test_what_is_gone_cannot_be_changed(self, bench: Bench) -> None:
        """Changing what is gone says that it is missing."""
        self._must_have(Kind.VOLUME)
        seen = bench.make(VOLUME)
        bench.remove(Kind.VOLUME, seen.id)
        request = bench.request(VOLUME, Volume(region=self.region, size_gib=20))
        with self.refused(ResourceMissing, bench.cloud):
            bench.cloud.update(request, seen.id, frozenset({"size_gib"}))

    # Refusals

    @pytest.mark.parametrize("field", ["region", "size", "image"])
    def test_what_is_not_on_offer_is_rejected(self, bench: Bench, field: str) -> None:
        """A server in a region, of a size or with an image that there is not is rejected, and not made."""
        bench.need(Kind.SERVER)
        wrong = msgspec.structs.replace(bench.server, **{field: "no-such-thing"})
        request = bench.request(SERVER, wrong)
        with self.refused(Rejected, bench.cloud):
            bench.ask(request)
        assert bench.cloud.find(request) == []
        assert not [item for item in bench.cloud.observe_all(bench.cluster) if item.kind is Kind.SERVER]

    def test_a_network_in_use_stays(self, bench: Bench) -> None:
        """A network with a server in it cannot be removed; once the server is gone it can."""
        self._must_have(Kind.NETWORK)
        server = bench.make(SERVER)
        with self.refused(Conflict, bench.cloud):
            bench.cloud.delete(Kind.NETWORK, bench.ids[MAIN])
        bench.remove(Kind.SERVER, server.id)
        if INNER in bench.ids:
            bench.remove(Kind.SUBNET, bench.ids[INNER])
        bench.remove(Kind.NETWORK, bench.ids[MAIN])

    def test_an_attached_volume_stays(self, bench: Bench) -> None:
        """A volume that is attached cannot be removed; it outlives its server, detached."""
        self._must_have(Kind.VOLUME_ATTACHMENT)
        attachment = bench.make(SAMPLES[Kind.VOLUME_ATTACHMENT])
        with self.refused(Conflict, bench.cloud):
            bench.cloud.delete(Kind.VOLUME, bench.ids[VOLUME])
        bench.remove(Kind.SERVER, bench.ids[SERVER])
        bench.gone(Kind.VOLUME_ATTACHMENT, attachment.id)
        assert bench.cloud.observe(Kind.VOLUME, bench.ids[VOLUME]) is not None

    def test_wrong_credentials_are_denied(self, cloud_with_wrong_credentials: Cloud) -> None:
        """Credentials that open nothing are denied at every call, and not shown."""
        denied = cloud_with_wrong_credentials
        with self.refused(Denied, denied):
            denied.account()
        with self.refused(Denied, denied):
            denied.observe_all(new_cluster())

    def test_a_cloud_that_does_not_answer_is_unavailable(self, unreachable_cloud: Cloud) -> None:
        """No answer is said to be none; in a list, too, nothing is not taken for an empty account."""
        with self.refused(Unavailable, unreachable_cloud):
            unreachable_cloud.account()
        with self.refused(Unavailable, unreachable_cloud):
            unreachable_cloud.observe_all(new_cluster())

    def test_a_cloud_may_be_closed_twice(self, cloud: Cloud) -> None:
        """Closing lets go, and closing again is fine."""
        cloud.account()
        cloud.close()
        cloud.close()

    def test_a_key_is_compared_without_its_comment(self, bench: Bench) -> None:
        """A public key is shown as type and material; the comment is for people."""
        self._must_have(Kind.SSH_KEY)
        material = bench.key.public_key
        seen = bench.make(ADMIN, SshKey(public_key=f"{material} somebody@example.com"))
        assert seen.properties.get("public_key", material) == material
        assert bench.cloud.find(bench.request(Key(Kind.SSH_KEY, "another"), bench.key)) in ([], [seen])
