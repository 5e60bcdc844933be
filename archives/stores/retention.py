"""Which snapshots stay. Pure: names and numbers in, names and reasons out.

The rules are restic's, by UTC: ``last`` N; the newest of each of the last N hours, days, weeks, months
or years *that have snapshots*; ``within`` a time before the *newest* snapshot (not before now). What any
rule keeps stays. On top of them, whatever the rules say: what a kept increment stands on stays, the
newest full snapshot of a log stays, and what looks wrong stays and counts for nothing.

Times in names are claims. Snapshots from the future are kept and do not count, so that a wrong clock, or
somebody who can only write, evicts nothing with them; but many snapshots dated before now can still
push good ones out of ``last`` and the like. Where that matters, use ``within`` alone.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ...engine.errors import InvalidInput
from .names import SnapshotName

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BUCKETS: Final[tuple[tuple[str, str, Callable[[datetime], object]], ...]] = (
    ("hourly", "hour", lambda moment: (moment.date(), moment.hour)),
    ("daily", "day", lambda moment: moment.date()),
    ("weekly", "week", lambda moment: moment.isocalendar()[:2]),
    ("monthly", "month", lambda moment: (moment.year, moment.month)),
    ("yearly", "year", lambda moment: moment.year),
)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What to keep, of each cluster's log. `within` is in seconds."""

    last: int = 0
    within: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0

    def __post_init__(self) -> None:
        values = (self.last, self.within, self.hourly, self.daily, self.weekly, self.monthly, self.yearly)
        if min(values) < 0 or not any(values):
            raise InvalidInput(
                "--keep-last",
                "a policy that keeps nothing is refused",
                advice="say what to keep: --keep-last 5, --keep-within 90d, --keep-daily 7",
            )


@dataclass(frozen=True)
class Kept:
    """A snapshot that stays, and why. `warnings` are what somebody should look into."""

    name: SnapshotName
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What stays and what may go, newest first in each log."""

    keep: tuple[Kept, ...] = ()
    forget: tuple[SnapshotName, ...] = ()


def judge(
    names: Iterable[SnapshotName], policy: Policy, now: int, *, forgotten: Iterable[SnapshotName] = ()
) -> Verdict:
    """Decide for each cluster's log on its own. `now` is in microseconds since 1970.

    What was `forgotten` before is not decided on, and others may stand on it as long as it is there.
    """
    gone: dict[str, set[SnapshotName]] = defaultdict(set)
    for name in forgotten:
        gone[name.folder].add(name)
    logs: dict[str, set[SnapshotName]] = defaultdict(set)
    for name in names:
        logs[name.folder].add(name)
    verdicts = [_judge_log(logs[folder], gone[folder], policy, now) for folder in sorted(logs)]
    return Verdict(
        tuple(kept for verdict in verdicts for kept in verdict.keep),
        tuple(name for verdict in verdicts for name in verdict.forget),
    )


def _judge_log(names: set[SnapshotName], forgotten: set[SnapshotName], policy: Policy, now: int) -> Verdict:
    ordered = sorted(names, key=lambda name: (name.captured, name.position, str(name)), reverse=True)
    whole = complete(names | forgotten)
    reasons: dict[SnapshotName, list[str]] = {name: [] for name in ordered}
    warnings: dict[SnapshotName, list[str]] = {name: [] for name in ordered}
    for name in ordered:
        if name.captured > now:
            warnings[name].append("dated in the future: kept, and does not count")
        if name not in whole:
            warnings[name].append("what it stands on is not there: kept, and does not count")
    sound = [name for name in ordered if not warnings[name]]
    _apply(sound, policy, reasons)
    kept = [name for name in ordered if reasons[name] or warnings[name]]
    for name in needed(kept, ordered) - set(kept):
        reasons[name].append("a kept snapshot stands on it")
    for full in newest_full(sound):
        if not reasons[full]:
            reasons[full].append("last full one")
    return Verdict(
        tuple(
            Kept(name, tuple(reasons[name]), tuple(warnings[name]))
            for name in ordered
            if reasons[name] or warnings[name]
        ),
        tuple(name for name in ordered if not reasons[name] and not warnings[name]),
    )


def _apply(sound: list[SnapshotName], policy: Policy, reasons: dict[SnapshotName, list[str]]) -> None:
    for name in sound[: policy.last]:
        reasons[name].append("last")
    if policy.within and sound:
        oldest = sound[0].captured - policy.within * 1_000_000
        for name in sound:
            if name.captured >= oldest:
                reasons[name].append("within")
    for rule, unit, bucket_of in _BUCKETS:
        left: int = getattr(policy, rule)
        before: object = None
        for name in sound:
            bucket = bucket_of(_EPOCH + timedelta(microseconds=name.captured))
            # As restic: while there is room, the oldest of all stands in for what came before it.
            oldest_of_all = name is sound[-1]
            if left and (bucket != before or oldest_of_all):
                reasons[name].append(rule if bucket != before else f"oldest {unit}")
                left -= 1
            before = bucket


def newest_full(names: Iterable[SnapshotName], now: int | None = None) -> set[SnapshotName]:
    """Return the newest full snapshot of one log, if there is one; rather none that is from the future."""
    full = [name for name in names if not name.parent]
    past = [name for name in full if now is None or name.captured <= now]
    return {max(past or full, key=lambda name: (name.captured, name.position))} if full else set()


def complete(names: Iterable[SnapshotName]) -> set[SnapshotName]:
    """Return those of one log that stand on a full snapshot which is there, through any number of others.

    Chains may be as long as somebody makes them, and may run in a circle.
    """
    children: dict[str, list[SnapshotName]] = defaultdict(list)
    found: set[SnapshotName] = set()
    fresh: list[SnapshotName] = []
    for name in names:
        if name.parent:
            children[name.parent].append(name)
        else:
            fresh.append(name)
    while fresh:
        name = fresh.pop()
        if name not in found:
            found.add(name)
            fresh.extend(children[name.root])
    return found


def needed(kept: Iterable[SnapshotName], among: Iterable[SnapshotName]) -> set[SnapshotName]:
    """Return everything of one log that `kept` stand on. Of several with the same contents: all."""
    by_root: dict[str, list[SnapshotName]] = defaultdict(list)
    for name in among:
        by_root[name.root].append(name)
    found: set[SnapshotName] = set()
    wanted = {name.parent for name in kept if name.parent}
    seen: set[str] = set()
    while wanted:
        root = wanted.pop()
        if root in seen:
            continue
        seen.add(root)
        found.update(by_root[root])
        wanted.update(name.parent for name in by_root[root] if name.parent)
    return found
