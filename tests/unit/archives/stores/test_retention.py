"""Which snapshots stay: restic's rules, and what no rule may do."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubisnap.archives.stores import SnapshotName
from kubisnap.archives.stores.retention import Policy, Verdict, complete, judge, needed
from kubisnap.engine.errors import InvalidInput

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def at(moment: str, root: int = 0, parent: int | None = None, cluster: str = "web") -> SnapshotName:
    """Return a snapshot of a time; its root is a number, by default made of the time."""
    captured = microseconds(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    number = root or captured
    return SnapshotName(
        cluster, "0a1b2c3d", captured, 1, f"{number:032x}", "" if parent is None else f"{parent:032x}"
    )


def kept(verdict: Verdict) -> dict[SnapshotName, tuple[str, ...]]:
    return {item.name: item.reasons for item in verdict.keep}


def decide(names: list[SnapshotName], policy: Policy) -> Verdict:
    return judge(names, policy, microseconds(NOW))


HOURS = [at(f"2026-11-{day:02}T{hour:02}:30:00") for day in (23, 24) for hour in (5, 6, 23)]


def test_the_last_ones() -> None:
    verdict = decide(HOURS, Policy(last=2))

    assert kept(verdict) == {HOURS[5]: ("last",), HOURS[4]: ("last",)}
    assert verdict.forget == tuple(HOURS[3::-1])


def test_the_newest_of_each_day_that_has_any() -> None:
    old = at("2026-10-01T01:00:00")

    verdict = decide([old, *HOURS], Policy(daily=2))

    assert kept(verdict) == {HOURS[5]: ("daily",), HOURS[2]: ("daily",)}
    assert old in kept(decide([old, *HOURS], Policy(daily=3)))


def test_while_there_is_room_the_oldest_of_all_stands_in() -> None:
    verdict = decide(HOURS, Policy(daily=5))

    assert kept(verdict) == {HOURS[5]: ("daily",), HOURS[2]: ("daily",), HOURS[0]: ("oldest day",)}


@pytest.mark.parametrize(
    ("rule", "moments", "stay"),
    [
        ("hourly", ["2026-11-20T10:00:00", "2026-11-20T10:59:59", "2026-11-20T11:00:00"], [1, 2]),
        ("weekly", ["2026-11-15T23:59:59", "2026-11-16T00:00:00", "2026-11-22T23:00:00"], [0, 2]),
        ("weekly", ["2024-12-29T12:00:00", "2024-12-30T12:00:00", "2025-01-05T12:00:00"], [0, 2]),
        ("monthly", ["2026-09-30T23:59:59", "2026-10-01T00:00:00", "2026-10-31T00:00:00"], [0, 2]),
        ("yearly", ["2024-12-31T23:59:59", "2025-01-01T00:00:00", "2025-12-31T00:00:00"], [0, 2]),
    ],
)
def test_hours_weeks_months_and_years_begin_by_utc_and_iso(
    rule: str, moments: list[str], stay: list[int]
) -> None:
    names = [at(moment) for moment in moments]

    verdict = decide(names, Policy(**{rule: 2}))

    assert set(kept(verdict)) == {names[number] for number in stay}


def test_within_counts_from_the_newest_and_not_from_now() -> None:
    names = [at("2020-01-01T00:00:00"), at("2020-01-08T00:00:00"), at("2020-01-09T00:00:01")]

    verdict = decide(names, Policy(within=DAY + 1))

    assert set(kept(verdict)) == {names[1], names[2]}


def test_what_any_rule_keeps_stays_and_says_all_of_its_reasons() -> None:
    verdict = decide(HOURS, Policy(last=1, daily=1, within=1))

    assert kept(verdict) == {HOURS[5]: ("last", "within", "daily")}


def test_clusters_are_judged_each_on_its_own() -> None:
    web, api = at("2026-11-01T00:00:00"), at("2026-10-01T00:00:00", cluster="api")

    assert set(kept(decide([web, api], Policy(last=1)))) == {web, api}


def test_what_a_kept_one_stands_on_stays_however_far_down() -> None:
    full = at("2026-11-01T00:00:00", 1)
    first, second = at("2026-11-02T00:00:00", 2, 1), at("2026-11-03T00:00:00", 3, 2)
    other = at("2026-11-02T12:00:00", 4, 1)

    verdict = decide([full, first, second, other], Policy(last=1))

    stands = "a kept snapshot stands on it"
    assert kept(verdict) == {second: ("last",), first: (stands,), full: (stands,)}
    assert verdict.forget == (other,)


def test_the_last_full_one_stays_even_if_no_rule_keeps_it() -> None:
    base = at("2026-11-01T00:00:00", 1)
    child = at("2026-11-10T00:00:00", 3, 1)
    lone = at("2026-11-05T00:00:00", 2)

    verdict = decide([base, lone, child], Policy(last=1))

    assert kept(verdict)[lone] == ("last full one",)


def test_one_from_the_future_stays_and_evicts_nothing() -> None:
    future = [at(f"2031-01-0{day}T00:00:00") for day in range(1, 6)]
    good = at("2026-11-24T00:00:00")

    verdict = decide([good, *future], Policy(last=1, within=DAY))

    assert kept(verdict)[good] == ("last", "within")
    warned = {item.name: item.warnings for item in verdict.keep if item.warnings}
    assert set(warned) == set(future)
    assert set(warned.values()) == {("dated in the future: kept, and does not count",)}
    assert verdict.forget == ()


def test_one_without_its_parent_stays_and_evicts_nothing() -> None:
    orphan = at("2026-11-24T00:00:00", 9, 8)
    good = at("2026-11-20T00:00:00", 1)

    verdict = decide([orphan, good], Policy(last=1))

    assert kept(verdict) == {orphan: (), good: ("last",)}


def test_one_may_stand_on_one_that_was_forgotten_and_is_still_there() -> None:
    parent, child = at("2026-11-01T00:00:00", 1), at("2026-11-02T00:00:00", 2, 1)

    verdict = judge([child], Policy(last=1), microseconds(NOW), forgotten=[parent])

    assert kept(verdict) == {child: ("last",)}


def test_a_circle_and_a_chain_of_thousands_end() -> None:
    circle = [at("2026-11-01T00:00:00", 1, 2), at("2026-11-02T00:00:00", 2, 1)]
    chain = [
        SnapshotName("web", "0a1b2c3d", n, n, f"{n:032x}", f"{n - 1:032x}" if n > 1 else "")
        for n in range(1, 5_001)
    ]

    assert complete(circle) == set()
    assert needed(circle[:1], circle) == set(circle)
    assert complete(chain) == set(chain)
    assert needed(chain[-1:], chain) == set(chain[:-1])


@pytest.mark.parametrize("values", [{}, {"last": 0, "daily": 0}, {"last": -1}, {"last": 1, "daily": -1}])
def test_a_policy_that_keeps_nothing_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="keeps nothing"):
        Policy(**values)


snapshots = st.builds(
    lambda captured, root, parent: SnapshotName(
        "web", "0a1b2c3d", captured * 3_600_000_000, 1, f"{root:032x}", f"{parent:032x}" if parent else ""
    ),
    st.integers(490_000, 500_000),
    st.integers(1, 12),
    st.integers(0, 12),
)
small = st.integers(0, 3)
policies = st.builds(
    lambda last, rest: Policy(last=last, **rest),
    st.integers(1, 3),
    st.fixed_dictionaries(dict.fromkeys(("hourly", "daily", "weekly", "monthly", "yearly", "within"), small)),
)


@given(st.lists(snapshots, max_size=25), policies, st.integers(490_000, 500_000))
def test_whatever_is_there_nothing_that_is_needed_goes(
    names: list[SnapshotName], policy: Policy, now: int
) -> None:
    verdict = judge(names, policy, now * 3_600_000_000)

    stay, go = {item.name for item in verdict.keep}, set(verdict.forget)
    assert stay | go == set(names)
    assert not stay & go
    assert all(item.reasons or item.warnings for item in verdict.keep)
    usable = complete(names)
    assert usable & stay == complete(stay)  # nothing that was kept lost what it stands on
    assert not usable or complete(stay)
    past = [name for name in usable if name.captured <= now * 3_600_000_000]
    if past:
        assert max(name.captured for name in past) == max(
            name.captured for name in stay & set(past)
        )  # the newest good one never goes
    assert judge(names, policy, now * 3_600_000_000) == verdict
