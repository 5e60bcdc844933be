"""Addresses of team stores: what may be shown of one, and how a server is spoken to."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubisnap.cli.reports import redacted
from kubisnap.engine.errors import InvalidInput
from kubisnap.engine.journal.addresses import shown
from kubisnap.engine.journal.log import open_journal
from kubisnap.engine.journal.postgres_connections import parameters_of

NOT_SAID = {"PGSSLMODE": "", "PGSERVICE": "", "PGHOST": "", "PGHOSTADDR": ""}


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NOT_SAID:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://db/k", "postgresql://db/k"),
        ("postgresql://ada@db:5433/k?sslmode=require", "postgresql://ada@db:5433/k?sslmode=require"),
        ("postgresql://ada:canary@[::1]:5433/k", "postgresql://ada@[::1]:5433/k"),
        ("postgresql://:canary@db", "postgresql://@db"),
        ("postgresql://a:canary@db1,db2:2/k", "postgresql://a@db1,db2:2/k"),
        ("postgresql://a:can@ary@db/k", "postgresql://a@db/k"),
        ("postgresql://a:can/ary@db/k", "postgresql://a@db/k"),
        ("postgresql://a:can?ary@db/k", "postgresql://…"),
        ("postgresql:///k?host=/run/pg&password=canary&user=ada", "postgresql:///k?host=/run/pg&user=ada"),
        ("postgresql:///k?passw%6Frd=canary", "postgresql:///k"),
        ("postgresql:///k?PASSWORD=canary", "postgresql:///k"),
        ("postgresql://?options=-c%20role%3Dx", "postgresql://?options=-c%20role=x"),
        ("mysql://a:canary@h/d", "mysql://a@h/d"),
        ("sqlite:////srv/a:b@c.sqlite", "sqlite:////srv/a:b@c.sqlite"),
        ("nonsense", "nonsense"),
    ],
)
def test_what_is_shown_of_an_address(url: str, told: str) -> None:
    assert shown(url) == told


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_no_password_is_shown_however_it_is_written(password: str) -> None:
    mark = f"canary{password}canary"
    for url in (f"postgresql://ada:{mark}@db/k", f"postgresql://db/k?password={mark}"):
        assert "canary" not in shown(url), url


def test_a_password_in_an_address_does_not_get_into_a_report() -> None:
    told = redacted("at postgresql://ada:can/a@ry@db:5/k and http://db/k", {})
    assert told == "at postgresql://ada:•••@db:5/k and http://db/k"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://a:canary@db/k?nonsense=1",
        "postgresql://a:%zzcanary@db/k",
        "postgresql://a:canary@[::1/k",
    ],
)
def test_what_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_journal(url)
    assert "canary" not in f"{caught.value}{caught.value.facts}{caught.value.hint}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://db.example.com/k", "require"),
        ("postgresql://127.0.0.1,db.example.com/k", "require"),
        ("postgresql:///k?hostaddr=192.0.2.1&host=localhost", "require"),
        ("postgresql://db.example.com/k?sslmode=disable", "disable"),
        ("postgresql://db.example.com/k?sslmode=verify-full", "verify-full"),
        ("postgresql://localhost/k", None),
        ("postgresql://127.0.0.1/k", None),
        ("postgresql://[::1]/k", None),
        ("postgresql:///k", None),
        ("postgresql:///k?host=/var/run/postgresql", None),
        ("postgresql:///?service=team", None),
    ],
)
def test_a_host_elsewhere_is_spoken_to_over_tls_unless_something_else_is_said(
    url: str, mode: str | None
) -> None:
    assert parameters_of(url).get("sslmode") == mode


@pytest.mark.parametrize(
    ("name", "value", "mode"),
    [("PGSSLMODE", "prefer", None), ("PGSERVICE", "team", None), ("PGHOST", "db.example.com", "require")],
)
def test_the_environment_has_its_say(
    name: str, value: str, mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    host = "" if name == "PGHOST" else "db.example.com"
    assert parameters_of(f"postgresql://{host}/k").get("sslmode") == mode


def test_what_an_address_says_comes_before_our_defaults() -> None:
    given_words = parameters_of("postgresql://localhost/k?application_name=mine&connect_timeout=3")
    assert (given_words["application_name"], given_words["connect_timeout"]) == ("mine", "3")
    assert parameters_of("postgresql://localhost/k")["application_name"] == "kubisnap"
    assert not [name for name in parameters_of("postgresql://localhost/k") if re.search("pass", name)]
