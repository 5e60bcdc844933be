"""The port `Cloud` on machines that exist already: to create a server is to claim one that is free.

What a claim is stands in `claims`, what a machine is in `facts`, how it is asked in `fleet`.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ...engine.domain.catalogue import Catalogue
from ...engine.domain.resources import Accepted, ClusterRef, Kind, Observed, Request, Server
from ...engine.errors import CloudError, Conflict, Denied, QuotaExceeded, Rejected, ResourceMissing
from ...engine.ports import Account, Allowance, Room, before_sending
from ..ssh.connection import Timeouts
from . import claims
from .answers import CLOUD, named, worst
from .claims import Claim, Sight
from .fleet import Answers, Fleet
from .inventory import Host, Inventory
from .offers import KINDS, catalogue_of


class Hosts:
    """The machines of one inventory; from any number of threads.

    `folder` is what paths in the inventory start from, `known_hosts` the file with the hosts' keys,
    `home` the operator's home folder (its ``.ssh`` has keys for hosts that name none). `agent` says
    whether ssh-agent may be asked, `now` tells seconds since 1970 UTC.
    """

    def __init__(
        self,
        inventory: Inventory,
        *,
        folder: Path,
        known_hosts: Path,
        home: Path | None = None,
        agent: bool = True,
        timeouts: Timeouts | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._inventory = inventory
        self._now = now
        self._fleet = Fleet(
            inventory,
            folder=folder,
            known_hosts=known_hosts,
            home=home,
            agent=agent,
            timeouts=timeouts or Timeouts(),
        )

    def __repr__(self) -> str:
        return f"Hosts({self._inventory.name!r})"

    @property
    def name(self) -> str:
        """Return ``hosts``."""
        return CLOUD

    def account(self) -> Account:
        """Return the inventory, by its name, once one of its hosts has let us in."""
        hosts = self._inventory.hosts
        if errors := self._fleet.first(hosts, self._fleet.look):
            raise worst(errors, "none of the inventory is known to be there")
        count = f"{len(hosts)} host{'s' if len(hosts) > 1 else ''}"
        return Account(id=f"{CLOUD}/{self._inventory.name}", title=f"{self._inventory.name} ({count})")

    def catalogue(self) -> Catalogue:
        """Return what the hosts are that answer; raises when none does."""
        answers = self._fleet.each(self._inventory.hosts, lambda host: self._fleet.facts(host, anew=True))
        if not answers:
            raise worst(answers.errors, "nothing is on offer")
        return catalogue_of(
            self._inventory, answers, datetime.fromtimestamp(self._now(), UTC).date().isoformat()
        )

    def allowance(self, region: str) -> Allowance:
        """Return how many hosts a site has and how many are taken, by whomever, and what is amiss with some.

        One that does not answer, or whose claim cannot be read, counts as taken: nobody knows.
        """
        hosts = self._hosts(region)
        sights = self._fleet.each(hosts, self._fleet.look)
        denied = [
            f"to claim {sight.host.name}: {sight.host.user} may not write {sight.folder}"
            for sight in sights.values()
            if not sight.writable
        ]
        denied += [error.message for error in sights.errors.values() if isinstance(error, Denied)]
        unasked = [error.message for error in sights.errors.values() if not isinstance(error, Denied)]
        free = sum(sight.free for sight in sights.values())
        return Allowance(
            rooms={Kind.SERVER.value: Room(limit=len(hosts), used=len(hosts) - free)},
            denied=tuple(dict.fromkeys(denied)),
            unasked=tuple(dict.fromkeys(unasked)),
        )

    def create(self, request: Request) -> Accepted:
        """Claim the first host, in the inventory's order, that is what was asked for and free.

        Raises `Conflict` where a host is claimed under that name already, `QuotaExceeded` where all
        are taken.
        """
        server = request.resource
        if not isinstance(server, Server):
            raise Rejected(CLOUD, f"hosts have no {request.key.kind}")
        fitting = self._fitting(server)
        sights = self._fleet.each(self._inventory.hosts, self._fleet.look)
        for sight, claim in self._ours(sights):
            if claim.server == request.name:
                raise Conflict(CLOUD, f"{sight.host.name} is claimed as {request.name} already")
        free = [sights[host] for host in fitting if host in sights and sights[host].free]
        for sight in free:
            if sight.writable and (accepted := self._claimed(request, server, sight.host)):
                return accepted
        raise self._none_left(server, fitting, sights)

    def ready(self, kind: Kind, accepted: Accepted) -> Observed | None:
        """Return a claimed host: it is usable at once."""
        found = self.observe(kind, accepted.id)
        if found is None:
            raise ResourceMissing(CLOUD, f"there is no {kind} {accepted.id!r}")
        return found

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Refuse: nothing of a host is changed in place."""
        told = ", ".join(sorted(changed))
        raise Rejected(CLOUD, f"{told} of {request.key.kind} {resource_id!r} cannot be changed in place")

    def delete(self, kind: Kind, resource_id: str) -> None:
        """Give a host back: its claim is removed if it is still the one with this id, and nothing else."""
        sight = self._claimed_as(kind, resource_id)
        if sight is None:
            raise ResourceMissing(CLOUD, f"there is no {kind} {resource_id!r}")
        match self._fleet.change(sight.host, claims.releasing(sight), before_sending):
            case "gone":
                raise ResourceMissing(CLOUD, f"{sight.host.name} was given back meanwhile")
            case "another":
                raise Conflict(CLOUD, f"the claim on {sight.host.name} is no longer what it was a moment ago")
            case _:
                pass

    def observe(self, kind: Kind, resource_id: str) -> Observed | None:
        """Return one claimed host, or None. A host that is not in the inventory any more is none."""
        sight = self._claimed_as(kind, resource_id)
        return claims.observed(sight, sight.claim) if sight and sight.claim else None

    def find(self, request: Request) -> list[Observed]:
        """Return the hosts that are claimed under the request's name; all hosts must answer."""
        return [seen for seen, claim in self._all_ours() if claim.server == request.name]

    def observe_all(self, cluster: ClusterRef) -> list[Observed]:
        """Return the hosts that are claimed for a cluster; all hosts must answer, since any may be."""
        return [seen for seen, claim in self._all_ours() if claim.cluster == cluster.id]

    def close(self) -> None:
        """Let go of connections."""
        self._fleet.close()

    def _hosts(self, region: str) -> list[Host]:
        hosts = self._inventory.at(region)
        if not hosts:
            sites = list(dict.fromkeys(host.site for host in self._inventory.hosts))
            raise Rejected(CLOUD, f"there is no site {region!r} in the inventory, but {named(sites)}")
        return hosts

    def _fitting(self, server: Server) -> list[Host]:
        """Return the hosts that are what was asked for, whoever has them."""
        hosts = self._hosts(server.region)
        facts = self._fleet.each(hosts, self._fleet.facts)
        alike = [
            host
            for host, told in facts.items()
            if (told.size, told.os) == (server.size, server.image) and not told.lacking
        ]
        fitting = [host for host in alike if host.takes(server.role)]
        if fitting:
            return fitting
        wanted = f"{server.size} with {server.image}"
        if facts.errors:
            raise worst(facts.errors, f"nobody knows whether one in {server.region} is {wanted}")
        if alike:
            raise Rejected(CLOUD, f"no host in {server.region} that is {wanted} takes the role {server.role}")
        raise Rejected(CLOUD, f"no host in {server.region} is {wanted}")

    def _claimed(self, request: Request, server: Server, host: Host) -> Accepted | None:
        """Claim a host; None if somebody else was quicker."""
        claim = claims.claim_of(request, server, host, self._inventory.name, self._now())
        word = self._fleet.change(host, claims.taking(host, claim), before_sending)
        return Accepted(id=claims.resource_id(host.name, claim.id)) if word == "done" else None

    def _none_left(self, server: Server, fitting: list[Host], sights: Answers[Sight]) -> CloudError:
        """Return why none of the hosts that fit can be had."""
        errors = {host.name: sights.errors[host.name] for host in fitting if host.name in sights.errors}
        if errors:
            return worst(errors, "nobody knows whether it is free, and no other is")
        told = [sights[host] for host in fitting]
        locked = [sight for sight in told if sight.free and not sight.writable]
        if locked:
            first = locked[0]
            return Denied(
                CLOUD,
                f"{first.host.user} may not write claims in {first.folder} on {first.host.name}",
                advice=f"let {first.host.user} write {first.folder} there, or name another folder as claims",
            )
        held = [f"{sight.host.name} (since a moment ago)" if sight.free else sight.holder for sight in told]
        wanted = f"{server.size} with {server.image}"
        return QuotaExceeded(
            CLOUD, f"all {len(fitting)} hosts in {server.region} that are {wanted} are taken: {named(held)}"
        )

    def _claimed_as(self, kind: Kind, resource_id: str) -> Sight | None:
        """Return the sight of a host whose claim has this id."""
        name, claim_id = claims.parts_of(resource_id)
        host = self._inventory.host(name)
        if kind not in KINDS or host is None:
            return None
        sight = self._fleet.look(host)
        if sight.problem:
            raise _unreadable(sight)
        claim = sight.of(self._inventory.name)
        return sight if claim and claim.id == claim_id else None

    def _all_ours(self) -> list[tuple[Observed, Claim]]:
        """Return all hosts that were claimed through this inventory, or raise."""
        sights = self._fleet.each(self._inventory.hosts, self._fleet.look)
        if sights.errors:
            raise worst(sights.errors, "nobody knows who has it")
        for sight in sights.values():
            if sight.problem:
                raise _unreadable(sight)
        return [(claims.observed(sight, claim), claim) for sight, claim in self._ours(sights)]

    def _ours(self, sights: Answers[Sight]) -> list[tuple[Sight, Claim]]:
        return [(sight, claim) for sight in sights.values() if (claim := sight.of(self._inventory.name))]


def _unreadable(sight: Sight) -> Rejected:
    return Rejected(
        CLOUD, f"nobody knows who has {sight.host.name}: {sight.problem}; mend or remove it there by hand"
    )
