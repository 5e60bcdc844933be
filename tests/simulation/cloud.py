"""The way to the simulated cloud: what the sandbox itself does not do wrong goes wrong here.

`Sky` is the one cloud of a run, `Line` a process's way to it. Every call is a point before and after;
requests are repeated, arrive late or behind a later one, or are answered slowly.
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TypeVar

from kubisnap.adapters.sandbox import Faults, Sandbox
from kubisnap.engine.domain.catalogue import Catalogue
from kubisnap.engine.domain.resources import Accepted, ClusterRef, Kind, Observed, Request
from kubisnap.engine.errors import CloudError, RateLimited, Unavailable
from kubisnap.engine.ports import Account, Allowance

from .audit import Auditor
from .scheduling import Process, Scheduler
from .weather import LATEST, TWIN_AFTER, Weather

_T = TypeVar("_T")
_CLOUD = "sandbox"


class Sky:
    """The cloud, the weather before it, and what struck so far."""

    def __init__(self, sandbox: Sandbox, weather: Weather, scheduler: Scheduler, random: Random) -> None:
        self.sandbox = sandbox
        self.weather = weather
        self.scheduler = scheduler
        self.random = random
        self.struck: Counter[str] = Counter()
        self.repeated = 0
        """Requests that were sent again or arrived late: what they do may be seen by nobody for a while."""
        self.twins: set[str] = set()
        """What repeated requests made: of an answered call nobody suspects a second, later effect."""
        self._under_way = 0

    def begin(self) -> None:
        """Let the weather begin."""
        self.sandbox.inject(self.weather.faults)

    def calm(self) -> None:
        """Let nothing go wrong from now on."""
        if self.weather.faults != Faults():
            self.scheduler.tell("the weather is calm from now on")
        self.weather = Weather(latency=self.weather.latency)
        self.sandbox.inject(Faults())

    def strike(self, fault: str) -> None:
        """Count a fault and show it."""
        self.struck[fault] += 1
        self.scheduler.tell(f"FAULT {fault}")

    def deliver(self, what: str, ask: Callable[[], object], within: float, *, answered: bool = False) -> None:
        """Let a request arrive after a while, its answer read by nobody; `answered`: once more."""
        after = self.random.uniform(0.0, within)
        self.repeated += 1
        self._under_way += 1

        def arrive() -> None:
            self.scheduler.sleep(after)
            try:
                made = ask()
                if answered and isinstance(made, Accepted):
                    self.twins.add(made.id)
            except CloudError as error:
                self.scheduler.tell(f"{what} arrives: {error}")
            else:
                self.scheduler.tell(f"{what} arrives and has its effect")
            self._under_way -= 1
            self.scheduler.stir()

        self.scheduler.spawn("network", self.scheduler.world, arrive)

    def settle(self) -> None:
        """Wait until nothing is under way any more."""
        self.scheduler.rest(float("inf"), lambda: self._under_way == 0, deaf=True)


class Line:
    """A process's way to the cloud: the engine's `Cloud` port."""

    def __init__(self, sky: Sky, process: Process, auditor: Auditor) -> None:
        self._sky = sky
        self._process = process
        self._auditor = auditor

    @property
    def name(self) -> str:
        """The cloud's name."""
        return self._sky.sandbox.name

    def account(self) -> Account:
        """Return the account."""
        return self._call("account", self._sky.sandbox.account)

    def catalogue(self) -> Catalogue:
        """Return what is on offer."""
        return self._call("catalogue", self._sky.sandbox.catalogue)

    def allowance(self, region: str) -> Allowance:
        """Return what may be made in a region."""
        return self._call(f"allowance {region}", lambda: self._sky.sandbox.allowance(region))

    def create(self, request: Request) -> Accepted:
        """Ask for a resource."""
        self._auditor.creating(self._process, request)
        return self._write(f"create {request.name}", lambda: self._sky.sandbox.create(request))

    def ready(self, kind: Kind, accepted: Accepted) -> Observed | None:
        """Ask whether a resource is usable."""
        return self._call(f"ready {accepted.id}", lambda: self._sky.sandbox.ready(kind, accepted))

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Change fields in place."""
        self._auditor.changing(self._process, request.key.kind, resource_id, "update")
        what = f"update {request.name} {sorted(changed)}"
        return self._write(what, lambda: self._sky.sandbox.update(request, resource_id, changed))

    def delete(self, kind: Kind, resource_id: str) -> None:
        """Ask for a removal."""
        self._auditor.changing(self._process, kind, resource_id, "delete")
        self._write(f"delete {kind} {resource_id}", lambda: self._sky.sandbox.delete(kind, resource_id))

    def observe(self, kind: Kind, resource_id: str) -> Observed | None:
        """Return one resource."""
        return self._call(f"observe {resource_id}", lambda: self._sky.sandbox.observe(kind, resource_id))

    def find(self, request: Request) -> list[Observed]:
        """Return what has the request's name."""
        return self._call(f"find {request.name}", lambda: self._sky.sandbox.find(request))

    def observe_all(self, cluster: ClusterRef) -> list[Observed]:
        """Return everything of the cluster."""
        return self._call(f"list {cluster.name}", lambda: self._sky.sandbox.observe_all(cluster))

    def close(self) -> None:
        """Leave the cloud open for the others."""

    def _call(self, what: str, ask: Callable[[], _T]) -> _T:
        process, sky = self._process, self._sky
        process.point()
        self._bad_weather(writing=False)
        answer = self._asked(what, ask)
        if sky.weather.slow and sky.random.random() < sky.weather.slow:
            self._slowly()
        process.point()
        return answer

    def _write(self, what: str, ask: Callable[[], _T]) -> _T:
        process, sky, weather = self._process, self._sky, self._sky.weather
        process.point()
        if process.dies_in_call:
            sky.deliver(what, ask, sky.random.choice((0.0, LATEST)))
            process.die("killed while a request is on its way")
            process.point()
        self._bad_weather(writing=True)
        drawn = sky.random.random()
        if drawn < weather.late:
            sky.strike("request late")
            sky.deliver(what, ask, LATEST)
            raise Unavailable(_CLOUD, "no answer in time", ambiguous=True)
        answer = self._asked(what, ask)
        if drawn < weather.late + weather.duplicated:
            sky.strike("request repeated")
            sky.deliver(what, ask, sky.random.choice((0.0, TWIN_AFTER)), answered=True)
        if weather.slow and sky.random.random() < weather.slow:
            self._slowly()
        process.point()
        return answer

    def _asked(self, what: str, ask: Callable[[], _T]) -> _T:
        tell = self._sky.scheduler.tell
        try:
            answer = ask()
        except CloudError as error:
            if "simulated fault" in error.message:
                self._sky.struck[f"{type(error).__name__}{' after the effect' * error.ambiguous}"] += 1
            tell(f"{what} → {type(error).__name__}: {error.message}")
            raise
        tell(f"{what} → {_brief(answer)}")
        return answer

    def _slowly(self) -> None:
        seconds = self._sky.random.uniform(1.0, 30.0)
        self._sky.strike("answer delayed")
        self._sky.scheduler.sleep(seconds)

    def _bad_weather(self, *, writing: bool) -> None:
        sky, weather = self._sky, self._sky.weather
        now = sky.scheduler.time
        if any(stretch.covers(now) for stretch in weather.outages):
            sky.strike("outage")
            raise Unavailable(_CLOUD, "no route to the cloud", ambiguous=writing)
        if any(stretch.covers(now) for stretch in weather.storms):
            sky.strike("429 storm")
            raise RateLimited(_CLOUD, "too many requests", 429, retry_after=weather.retry_after)


def _brief(answer: object) -> str:
    if isinstance(answer, Observed):
        return f"{answer.id} {answer.status}"
    if isinstance(answer, Accepted):
        return answer.id
    if isinstance(answer, list):
        return f"{len(answer)} found"
    return "done" if answer is None else type(answer).__name__
