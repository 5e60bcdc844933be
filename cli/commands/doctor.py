"""``kubisnap doctor``."""

import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..session import Session

if TYPE_CHECKING:
    from ...engine.domain.state import ClusterState
    from ...engine.ports import Clock

_CLOCKS_APART = 5.0
"""Seconds; leases are 120."""


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: str
    what: str
    told: str
    mend: str = ""


def doctor(
    session: Session,
    cloud: Annotated[
        list[str] | None,
        typer.Option(
            "--cloud", metavar="NAME", help="Check this cloud's credentials, too.", show_default=False
        ),
    ] = None,
    archives: Annotated[
        str,
        typer.Option(
            "--archives",
            metavar="URL",
            help="Try this archive store, too, with a probe that stays there.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Check store, clusters and credentials.

    Changes nothing. Exits with 1 when something fails. A cloud is asked only if --cloud names it
    or credentials for it are set, an archive store only if --archives names it.

    Examples:
      kubisnap doctor
      kubisnap doctor --cloud sandbox
    """
    from ..render.style import counted, paint, printable, table

    findings = list(_look(session, cloud or [], archives))
    failed = sum(item.level == "FAIL" for item in findings)
    warned = sum(item.level == "WARN" for item in findings)
    colors = {"OK": "green", "WARN": "yellow", "FAIL": "red"}
    on = session.colored(sys.stdout)
    rows = table([[item.level, item.what, printable(item.told)] for item in findings]).splitlines()
    lines: list[str] = []
    for item, row in zip(findings, rows, strict=True):
        lines.append(row.replace(item.level, paint(item.level, colors[item.level], on=on), 1))
        if item.mend:
            lines.append(f"      mend: {item.mend}")
    counts = [f"{failed} failed"] * bool(failed) + [counted(warned, "warning")] * bool(warned)
    verdict = f"{', '.join(counts)}." if counts else "all is well."
    session.result(
        "\n".join([*lines, verdict]),
        "Doctor",
        {"findings": [item._asdict() for item in findings], "failed": failed, "warned": warned},
    )
    if failed:
        raise typer.Exit(1)


def _look(session: Session, clouds: list[str], archives: str) -> Iterator[Finding]:
    from ... import __version__
    from ...adapters.registry import clouds as installed

    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("OK", "kubisnap", f"{__version__} on Python {version}; clouds: {', '.join(installed())}")
    yield from _store(session)
    wanted = list(dict.fromkeys(clouds))
    if not clouds and (os.environ.get("DIGITALOCEAN_TOKEN") or os.environ.get("DIGITALOCEAN_ACCESS_TOKEN")):
        wanted = ["digitalocean"]
    for name in wanted:
        yield _try(f"cloud {name}", lambda name=name: _cloud(name))  # type: ignore[misc]

    if archives:
        yield _try("archives", lambda: _archives(archives))


def _archives(url: str) -> str:
    from ..archives_at import archive_store

    store = archive_store(url)
    store.check()
    return f"{store.url}: can be read and written, and keeps what it has"


def _try(what: str, look: Callable[[], str]) -> Finding:
    from ...engine.errors import KubisnapError

    try:
        return Finding("OK", what, look())
    except KubisnapError as error:
        return Finding("FAIL", what, str(error), error.hint.partition("\n")[0])


def _cloud(name: str) -> str:
    from contextlib import closing

    from .. import wiring

    with closing(wiring.cloud(name)) as opened:
        account = opened.account()
        regions = len(opened.catalogue().regions)
    return f"account {account.title}, {regions} regions"


def _store(session: Session) -> Iterator[Finding]:
    from ...engine.journal.addresses import is_postgres, shown
    from .. import wiring
    from ..render.clusters import unfinished_text, ways_on
    from ..render.style import counted

    url = wiring.store_url(session)
    names: list[str] = []
    unfinished: list[Finding] = []
    context = wiring.context(session)

    def look(state: "ClusterState") -> Iterator[Finding]:
        pending = state.pending()
        if pending is None:
            return
        told, (on, back) = f"{state.name} {unfinished_text(pending)}", ways_on(state)
        held = wiring.hold_on(state, context)
        if held is None:
            yield Finding("WARN", "operation", f"{told} unfinished", f"{on}     or     {back}")
        else:
            told = f"{told} runs, {held.holder}, since {held.age}; held until {held.expires}"
            yield Finding("OK", "operation", told)

    def read() -> str:
        with wiring.journal(session) as journal:
            for claim in journal.claims():
                if not claim.released:
                    names.append(claim.name)
                    unfinished.extend(look(journal.state(claim.cluster_id)))
            found = counted(len(names), "cluster") if journal.made else "not made yet"
        return f"{shown(url)}: {found}"

    store = _try("store", read)
    yield store
    if not is_postgres(url):
        yield from _file(url)
    elif store.level == "OK":
        yield from _server(url, context.clock)
    yield from unfinished


def _file(url: str) -> Iterator[Finding]:
    import shutil

    from ...engine.journal.log import sqlite_path
    from ..render.style import size

    path = sqlite_path(url)
    if path.exists():
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            yield Finding("WARN", "store", f"others may read it (mode {mode:04o})", f"chmod 600 {path}")
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    free = shutil.disk_usage(folder).free
    if free < 64 * 1024 * 1024:
        yield Finding("WARN", "disk", f"{size(free)} left beside the store", "make room")
    else:
        yield Finding("OK", "disk", f"{size(free)} left beside the store")


def _server(url: str, clock: "Clock") -> Iterator[Finding]:
    from ...engine.errors import KubisnapError
    from ...engine.journal.postgres_facts import look_at
    from ..render.style import size

    asked = clock.now()
    try:
        facts = look_at(url)
    except KubisnapError as error:
        yield Finding("FAIL", "server", str(error), error.hint.partition("\n")[0])
        return
    off = abs(facts.server_time - (asked + clock.now()) / 2)
    may = "may write" if facts.writes else "may only read"
    made = f"schema {facts.version}, {size(facts.size)}" if facts.version else "no store in it yet"
    yield Finding("OK", "server", f"PostgreSQL {facts.server}, {made}; {facts.user} {may}")
    if off > _CLOCKS_APART:
        told = f"this machine's clock and the server's are {off:.0f} s apart; leases need them to agree"
        yield Finding("WARN", "clock", told, "synchronise both, with NTP")
    if not facts.fsync:
        yield Finding("WARN", "server", "fsync is off: a crash loses what was confirmed", "set fsync = on")
    if not facts.local and not facts.verified:
        told = "is encrypted, but the server is not verified" if facts.encrypted else "is not encrypted"
        yield Finding("WARN", "connection", f"it {told}", "add ?sslmode=verify-full to the address")
