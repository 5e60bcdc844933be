"""The benchmarks at a tiny size: that they run and what they tell, never how fast anything is."""

from collections import Counter

import pytest

from benchmarks import engine, flight, journal, peer, startup, table, thousand
from benchmarks.table import Figure


def test_a_small_cluster_is_created_and_measured() -> None:
    run = thousand.create(servers=12, latency=0.001, parallel=4)
    assert run.steps == 19, "3 tags, a key, a network, 2 firewalls and the servers"
    assert run.calls >= 2 * run.steps
    assert run.wall > run.bound > 0
    assert run.cpu > run.cloud_cpu > 0
    assert [figure.bar for figure in thousand.figures("12 servers", [run]) if figure.bar] == [1.1, 5.0, 300.0]


def test_a_short_log_is_folded_and_appended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LIVE", 100)
    for name in ("BATCHES", "FOLDS", "APPENDS"):
        monkeypatch.setattr(journal, name, 2)
    figures = journal.measure(events=2000)
    assert [figure.name for figure in figures if figure.bar] == [
        "fold: share of the bare speed",
        "append 1,000: share of the bare speed",
    ]
    assert all(figure.measured is not None and figure.measured > 0 for figure in figures)


def test_whoever_is_slower_or_does_less_than_the_peer_falls_short() -> None:
    ours, theirs = peer.Run(), peer.Run()
    for step in peer.STEPS:
        ours.seconds[step], theirs.seconds[step] = 1.0, 2.0
        ours.calls[step] = theirs.calls[step] = Counter({"GET": 1})
    assert all(figure.ok for figure in peer.figures({"kubisnap": [ours], "ansible": [theirs]}))
    ours.seconds["create"] = 3.0
    ours.calls["re-apply"]["PUT"] = 1
    ours.outline = {"keys": []}
    short = [
        figure.name for figure in peer.figures({"kubisnap": [ours], "ansible": [theirs]}) if not figure.ok
    ]
    assert short == [
        "create: ansible / kubisnap",
        "re-apply: write calls of kubisnap",
        "create: clusters unlike the first",
    ]


def test_a_flight_that_did_not_end_right_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    good = flight.Flight(1, seconds=20.0, first_calls=[True, True])
    assert flight.report([good], [good]) == 0
    bad = flight.Flight(2, seconds=40.0, first_calls=[True, False], reruns=1, problems=["missing"])
    assert flight.report([good, bad], [good]) == 1
    assert "1 runs" in capsys.readouterr().out


def test_the_parts_of_the_engine_make_one_table_and_one_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(engine.PARTS) == {"thousand", "journal", "peer"}
    monkeypatch.setattr(engine, "PARTS", {"one": enough, "two": too_much})
    assert engine.main() == 1
    told = capsys.readouterr().out
    assert told.count("figure ") == 1
    assert told.index("enough") < told.index("too much")
    monkeypatch.setattr(engine, "PARTS", {"one": enough})
    assert engine.main() == 0


def enough() -> list[Figure]:
    return [Figure("enough", 50.0, "%", bar=50.0), Figure("for the context", 1.0, "s")]


def too_much() -> list[Figure]:
    return [Figure("too much", 1.11, "x", bar=1.10, at_most=True)]


def test_startup_is_measured_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "RUNS", 1)
    monkeypatch.setattr(startup, "BAR", 1e9)
    assert startup.main() == 0


def test_a_figure_says_what_was_measured_against_which_bar(capsys: pytest.CaptureFixture[str]) -> None:
    assert table.show([*enough(), *too_much()]) == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["figure", "measured", "bar", "ok"],
        ["enough", "50", "%", ">=", "50", "%", "yes"],
        ["for", "the", "context", "1", "s", "-", "-"],
        ["too", "much", "1.11", "x", "<=", "1.10", "x", "NO"],
    ]


def test_what_is_not_installed_misses_its_bar_and_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert table.show([Figure("peer", None, "s"), Figure("beside the peer", None, "x", 1.0)]) == 1
    peer, beside = capsys.readouterr().out.splitlines()[-2:]
    assert peer.split() == ["peer", "not", "installed", "-", "-"]
    assert beside.split()[-1] == "NO"
