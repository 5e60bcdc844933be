"""Credentials and end points."""

import builtins
from pathlib import Path
from typing import Any

import pytest

from kubisnap.adapters.aws import factory
from kubisnap.adapters.aws.sessions import Access, checked_end_point
from kubisnap.engine.errors import Denied, InvalidInput

KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let boto3 find no credentials of this machine, and ask nobody for them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"AWS_ACCESS_KEY_ID": "AKIA"},
        {"AWS_SECRET_ACCESS_KEY": "secret"},
        {"AWS_PROFILE": "nobody"},
    ],
)
def test_without_whole_credentials_nothing_opens(settings: dict[str, str]) -> None:
    with pytest.raises(Denied) as caught:
        factory(settings)
    assert "secret" not in f"{caught.value!r} {caught.value.hint.replace('AWS_SECRET', '')}"


def test_a_profile_opens(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        "[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = hidden\n"
    )
    access = Access.of({"AWS_PROFILE": "work"})

    assert access.session.get_credentials().access_key == "AKIAWORK"
    assert access.secrets() == ("hidden",)
    assert "hidden" not in repr(access)


def test_keys_of_the_settings_win_over_a_profile_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    access = Access.of(KEYS | {"AWS_PROFILE": "nobody", "AWS_SESSION_TOKEN": "token"})

    assert access.secrets() == ("secret", "token")


@pytest.mark.parametrize(
    "url",
    [
        "http://ec2.example.com",
        "http://10.0.0.1:5000",
        "ftp://127.0.0.1",
        "https://user:pass@ec2.example.com",
        "127.0.0.1:5000",
        "http://[",
        "https://",
    ],
)
def test_an_end_point_that_credentials_must_not_go_to_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        Access.of(KEYS | {"AWS_ENDPOINT_URL": url})
    with pytest.raises(InvalidInput):
        Access.of(KEYS | {"AWS_ENDPOINT_URL_EC2": url})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:5000", "http://[::1]:5000", "http://localhost", "https://ec2.example.com"]
)
def test_https_and_this_machine_are_fine(url: str) -> None:
    assert checked_end_point(url) == url


def test_an_end_point_of_the_environment_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://ec2.example.com")
    with pytest.raises(InvalidInput):
        Access.of(KEYS).client("ec2", "us-east-1")


def test_the_librarys_own_retries_are_off_and_calls_have_time_outs() -> None:
    config = Access.of(KEYS).client("ec2", "us-east-1").meta.config

    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout) == (10.0, 30.0)


def test_the_region_for_account_wide_questions_can_be_chosen() -> None:
    assert Access.of(KEYS).home == "us-east-1"
    assert Access.of(KEYS | {"AWS_DEFAULT_REGION": "eu-west-1"}).home == "eu-west-1"
    assert (
        Access.of(KEYS | {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "ap-south-1"}).home == "ap-south-1"
    )
    with pytest.raises(InvalidInput):
        Access.of(KEYS | {"AWS_REGION": "example.com/"})


def test_without_boto3_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "boto3":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InvalidInput) as caught:
        factory(KEYS)
    assert "kubisnap[aws]" in caught.value.hint
