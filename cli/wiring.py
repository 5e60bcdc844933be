"""The composition root: turns names, URLs and the environment into a journal, clouds and a context."""

import getpass
import os
import re
import socket
import sys
import time
from datetime import tzinfo
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

import platformdirs

from .. import __version__
from ..adapters.registry import open_cloud
from ..engine.domain.events import Holder
from ..engine.domain.state import ClusterState
from ..engine.errors import InvalidInput, Locked, NotFound, Refused
from ..engine.journal.log import Journal, open_journal
from ..engine.operations.context import Context, Pace
from ..engine.ports import Cloud
from .local_time import LocalZone
from .render.progress import progress_for
from .session import Session

if TYPE_CHECKING:
    from ..engine.domain.manifest import Manifest
    from ..engine.domain.mapping import Mapping


_DURATION = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?", re.ASCII)


LIST_LAG = "KUBISNAP_LIST_LAG"
"""How long a cloud's lists may lag behind: so long is looked for what a dead process may have made."""


class SystemClock:
    """The real time."""

    def now(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def local_zone() -> tzinfo:
    """Return the zone in which a time without one is meant."""
    return LocalZone()


def data_folder() -> Path:
    """Return the folder for the store, keys and last snapshots (XDG data directory)."""
    return Path(platformdirs.user_data_dir("kubisnap", appauthor=False))


def store_url(session: Session) -> str:
    """Return the store in use: the flag, ``KUBISNAP_STORE``, or the default."""
    return session.store or f"sqlite:///{data_folder() / 'store.sqlite'}"


def journal(session: Session, *, create: bool = False) -> Journal:
    """Open the store; a store that is only read is not made."""
    return open_journal(store_url(session), create=create)


def context(
    session: Session, *, message: str = "", parallel: int = 0, timeout: str = "", step_timeout: str = ""
) -> Context:
    """Return who acts, why and how patiently, from the flags and the environment."""
    given = {
        "parallel": parallel,
        "timeout": seconds_of(timeout, "--timeout") if timeout else 0,
        "deadline": seconds_of(step_timeout, "--step-timeout") if step_timeout else 0,
        "settled_after": seconds_of(lag, LIST_LAG) if (lag := os.environ.get(LIST_LAG, "")) else 0,
    }
    pace = Pace(**{name: value for name, value in given.items() if value})
    return Context(
        actor=os.environ.get("KUBISNAP_ACTOR") or _user(),
        holder=Holder(host=socket.gethostname(), pid=os.getpid(), scope=_scope()),
        tool=f"kubisnap {__version__}",
        clock=SystemClock(),
        random=SystemRandom(),
        reason=message,
        alive=_alive,
        progress=progress_for(session, sys.stderr),
        pace=pace,
    )


def seconds_of(text: str, field: str) -> int:
    """Return a duration in seconds. Raises `InvalidInput`.

    >>> seconds_of("90s", "--timeout"), seconds_of("1h30m", "--timeout")
    (90, 5400)
    """
    match = _DURATION.fullmatch(text)
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    total = hours * 3600 + minutes * 60 + seconds
    if not total:
        raise InvalidInput(field, f"{text!r} is not a duration, such as 90s, 20m or 1h30m")
    return total


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in many containers
        return f"uid-{os.getuid()}"


def _scope() -> str:
    """Return what tells this start of this host, and this container, from others; empty: unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - it names no path
    except OSError:
        return ""


def _alive(holder: Holder) -> bool | None:
    """Tell whether a process runs; None for those of other hosts and containers, which nobody sees here."""
    if (holder.host, holder.scope) != (socket.gethostname(), _scope()):
        return None
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def cloud(name: str, *, field: str = "--cloud") -> Cloud:
    """Open a cloud with the credentials in the environment."""
    return open_cloud(name, os.environ, field=field)


def cloud_of(state: ClusterState) -> Cloud:
    """Open the cloud that a cluster is on."""
    if state.placement is None:
        raise Refused("the log declares no cluster")
    return cloud(state.placement.cloud)


def load_state(journal: Journal, name: str) -> ClusterState:
    """Return a living cluster's state. Raises `NotFound`."""
    return journal.state(journal.cluster_id(name))


def hold_on(state: ClusterState, context: Context) -> Locked | None:
    """Return what holds a cluster right now, or None."""
    from ..engine.operations.changing import refuse_if_held

    try:
        refuse_if_held(state, context)
    except Locked as held:
        return held
    return None


def only_cluster(journal: Journal, name: str) -> str:
    """Return the name given, or that of the only cluster in the store.

    Raises `InvalidInput` where there are several to choose from.
    """
    if name:
        return name
    names = [claim.name for claim in journal.claims() if not claim.released]
    if len(names) == 1:
        return names[0]
    if not names:
        raise NoClusters("clusters", journal.url)
    raise InvalidInput("CLUSTER", "which one?", advice=f"clusters: {', '.join(names)}")


class NoClusters(NotFound):
    """A store without clusters, where the only one was asked for. `name` is the store's address."""

    def __str__(self) -> str:
        return f"there are no clusters in {self.name}"

    @property
    def hint(self) -> str:
        """Say how to make one."""
        return "kubisnap create NAME --cloud CLOUD"


def read_manifest(path: Path) -> "Manifest":
    """Read a cluster from a YAML file; files that it names are found beside it."""
    from ..engine.domain.manifest import load

    return load(
        _text(path, "--file"),
        name=str(path),
        read_file=lambda name: _text(path.parent / Path(name).expanduser(), ""),
    )


def read_mapping(path: Path | None) -> "Mapping":
    """Read what becomes what from a YAML file; without one, nothing is mapped. Raises `InvalidInput`."""
    from ..engine.domain.mapping import NO_MAPPING, load_mapping

    return NO_MAPPING if path is None else load_mapping(_text(path, "--mapping"), name=str(path))


def _text(where: Path, field: str) -> str:
    """Return a file's text, as far as a file that a person wrote may be long."""
    from ..engine.domain.marked import MAX_BYTES

    try:
        with where.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        return content.decode("utf-8")
    except OSError as error:
        raise InvalidInput(field, f"cannot read {where}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(field, f"{where} is not text in UTF-8") from error
