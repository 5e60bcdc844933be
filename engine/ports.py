"""What the engine asks of the outside world: a cloud, a clock.

An adapter implements `Cloud` and nothing else; waiting, retrying, ordering, parallelism, recording
and rolling back are the engine's. `kubisnap.adapters.testing` holds the suite that every adapter
passes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import msgspec

from .domain.catalogue import Catalogue
from .domain.resources import Accepted, ClusterRef, Kind, Observed, Request


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Whose account the credentials open. `id` is stable, `title` is for people (an e-mail address)."""

    id: str
    title: str


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How many of something there may be, and how many there are."""

    limit: int
    used: int

    @property
    def left(self) -> int:
        """Return how many more there may be."""
        return max(0, self.limit - self.used)


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What an account may do in a region, as far as can be asked without doing it.

    `rooms` are quotas by what they count: a kind's value (``server``), ``vcpu``, ``memory-mib`` or
    ``volume-gib``; what is not among them nobody knows. `denied` says what the credentials may not do,
    `unasked` what could not be asked. `ranges` are networks that are there and that no new one may overlap.
    """

    rooms: dict[str, Room] = {}
    denied: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()


class Cloud(Protocol):
    """A cloud, as the engine uses it. Methods may be called from several threads at once.

    Every method raises the `CloudError` family only: `ResourceMissing`, `Conflict` (name taken, or
    in use; `Busy` while it is being changed, so that the same call succeeds later),
    `RateLimited(retry_after)`, `QuotaExceeded`, `Denied`, `Unavailable` (no answer, 5xx;
    `ambiguous=True` when the request may have taken effect), `Rejected` (do not retry). No method
    retries or waits for work to finish; each call has a timeout. `create`, `update` and `delete` call
    `before_sending` as the last thing before each request that changes something leaves the process.

    A resource may take several requests. Until all of them had their effect it is shown as FAILED, so
    that a plan replaces what a dead process left half done; an error of a later one is `ambiguous`,
    and `create` asked again goes on with what it finds under its name. `delete` goes on likewise, and
    refuses with `Conflict` before it takes anything away from something that is in use.
    """

    @property
    def name(self) -> str:
        """The cloud's name, e.g. ``digitalocean``."""
        ...

    def account(self) -> Account:
        """Return the account that the credentials open; raises `Denied` when they open none."""
        ...

    def catalogue(self) -> Catalogue:
        """Return what is on offer."""
        ...

    def allowance(self, region: str) -> Allowance:
        """Return what may be made in a region. Raises `Denied`; for what only a part can tell, tells that."""
        ...

    def create(self, request: Request) -> Accepted:
        """Ask for a resource. Not idempotent: the engine looks with `find` before it asks again.

        Raises `Conflict` where the cloud refuses a second one of that name (or key material).
        """
        ...

    def ready(self, kind: Kind, accepted: Accepted) -> Observed | None:
        """Return the resource once it is usable, None while it is being made or changed.

        Raises `Rejected` when the cloud gave up on it.
        """
        ...

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Change the named fields of a resource in place; only fields in `UPDATABLE` are ever named."""
        ...

    def delete(self, kind: Kind, resource_id: str) -> None:
        """Ask for a resource's removal. Raises `ResourceMissing` if it is gone, `Conflict` while in use."""
        ...

    def observe(self, kind: Kind, resource_id: str) -> Observed | None:
        """Return one resource by id, or None if there is none (or it is gone for good)."""
        ...

    def find(self, request: Request) -> list[Observed]:
        """Return what exists under the request's deterministic name, or with the same key material.

        Used to settle a call whose outcome is unknown, and after a `Conflict`. May lag behind.
        """
        ...

    def observe_all(self, cluster: ClusterRef) -> list[Observed]:
        """Return everything in the account that carries this cluster's names or tags, completely.

        Raises rather than returning a part.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Clock(Protocol):
    """Time, so that tests need not wait for it."""

    def now(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


def _nobody_asks() -> None:
    pass


_question: ContextVar[Callable[[], None]] = ContextVar("question", default=_nobody_asks)


def before_sending() -> None:
    """Ask whether a change may still be sent: what the adapter calls last raises where it may not.

    A process may be stopped (a laptop's lid, SIGSTOP, a machine under load) for longer than its lease
    between the engine's decision and the bytes that leave; what it then sends would be done twice.
    """
    _question.get()()


@contextmanager
def asked_before_sending(question: Callable[[], None]) -> Iterator[None]:
    """Let a question be asked at each `before_sending` of this thread. It raises to say no."""
    token = _question.set(question)
    try:
        yield
    finally:
        _question.reset(token)
