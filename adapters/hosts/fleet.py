"""The machines of an inventory, asked one by one or all at once.

Knows how a host is reached and what is asked; what follows from the answers is the adapter's.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TypeVar

from ...engine.errors import CloudError
from ..ssh.connection import Target, Timeouts
from ..ssh.host_keys import KnownHosts, Pinned
from ..ssh.identities import Identities
from ..ssh.pool import Pool
from ..ssh.problems import SshError
from . import claims, facts, scripts
from .answers import failure, nonsense
from .claims import Sight
from .facts import Facts
from .inventory import Host, Inventory

T = TypeVar("T")

_AT_ONCE = 16


@dataclass
class Answers(dict[Host, T]):
    """What hosts answered, in the inventory's order, and by name the errors of those that did not."""

    errors: dict[str, CloudError] = field(default_factory=dict)


class Fleet:
    """Reaches the hosts of an inventory, from any number of threads.

    Paths of keys are taken from `folder`, the inventory's, `home` has the operator's own; `agent` says
    whether ssh-agent may be asked. Raises the `CloudError` family only, which names the host.
    """

    def __init__(
        self,
        inventory: Inventory,
        *,
        folder: Path,
        known_hosts: Path,
        home: Path | None,
        agent: bool,
        timeouts: Timeouts,
    ) -> None:
        self._targets = {}
        recorded = KnownHosts(known_hosts, first_use=inventory.trust == "first-use")
        for host in inventory.hosts:
            port = host.port or 22
            pinned = host.pinned
            title = host.name
            file = folder / Path(host.identity).expanduser() if host.identity else None
            self._targets[host.name] = Target(
                title=title,
                address=host.address,
                port=port,
                user=host.user,
                verifier=Pinned(pinned, title=title)
                if pinned
                else recorded.of(host.address, port, title=title),
                identities=Identities(file, agent=agent, folder=home / ".ssh" if home else None),
                timeouts=timeouts,
            )
        self._pool = Pool()
        self._lock = Lock()
        self._crew: ThreadPoolExecutor | None = None
        self._facts: dict[str, Facts] = {}

    def facts(self, host: Host, *, anew: bool = False) -> Facts:
        """Return what a host is; it is asked once, unless it is to be asked `anew`."""
        if anew or host.name not in self._facts:
            self._facts[host.name] = facts.read(self._ask(host, scripts.FACTS), host.name)
        return self._facts[host.name]

    def look(self, host: Host) -> Sight:
        """Return who has a host."""
        return claims.seen(host, self._ask(host, scripts.looking(host.claims)))

    def change(self, host: Host, script: str, before: Callable[[], None]) -> str:
        """Run a script that changes something, and return its word; see `Pool.run`."""
        try:
            output = self._pool.run(self._targets[host.name], script, before=before)
        except SshError as error:
            raise failure(error, write=True) from error
        return claims.outcome(host, output.status, output.text, output.errors)

    def each(self, hosts: Iterable[Host], ask: Callable[[Host], T]) -> Answers[T]:
        """Ask hosts at the same time."""
        futures = {host: self._hands().submit(ask, host) for host in hosts}
        answers: Answers[T] = Answers()
        for host, future in futures.items():
            try:
                answers[host] = future.result()
            except CloudError as error:
                answers.errors[host.name] = error
        return answers

    def first(self, hosts: Iterable[Host], ask: Callable[[Host], object]) -> dict[str, CloudError]:
        """Ask hosts until one answers, and return nothing then; else return all errors."""
        futures: dict[Future[object], Host] = {self._hands().submit(ask, host): host for host in hosts}
        errors: dict[str, CloudError] = {}
        for future in as_completed(futures):
            try:
                future.result()
            except CloudError as error:
                errors[futures[future].name] = error
            else:
                for other in futures:
                    other.cancel()
                return {}
        return errors

    def close(self) -> None:
        """Let go of connections and threads; what is asked later opens new ones."""
        with self._lock:
            crew, self._crew = self._crew, None
        self._pool.close()
        if crew is not None:
            crew.shutdown(wait=False, cancel_futures=True)
        self._pool.close()

    def _ask(self, host: Host, script: str) -> bytes:
        try:
            output = self._pool.run(self._targets[host.name], script)
        except SshError as error:
            raise failure(error, write=False) from error
        if output.status:
            raise nonsense(output.errors or output.text, host.name)
        return output.text

    def _hands(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._crew is None:
                self._crew = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="kubisnap-hosts")
            return self._crew
