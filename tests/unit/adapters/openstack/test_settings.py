"""Where credentials come from, and where they never go."""

import sys
from pathlib import Path

import pytest

from kubisnap.adapters import openstack
from kubisnap.adapters.openstack.opening import opened, secrets_of
from kubisnap.adapters.openstack.settings import EXTERNAL, PLACE, read
from kubisnap.engine.errors import Denied, InvalidInput

PASSWORD = {
    "OS_AUTH_URL": "https://cloud.example:5000/v3",
    "OS_USERNAME": "ada",
    "OS_PASSWORD": "canary",
    "OS_PROJECT_NAME": "demo",
}
APPLICATION = {
    "OS_AUTH_URL": "https://cloud.example:5000/v3",
    "OS_APPLICATION_CREDENTIAL_ID": "a1",
    "OS_APPLICATION_CREDENTIAL_SECRET": "canary",
}
CLOUDS = """
clouds:
  other:
    regions: [North, South]
    auth: {auth_url: "https://other.example:5000/v3", username: bob, password: hidden, project_name: theirs}
"""


@pytest.fixture
def clouds_yaml(tmp_path: Path) -> Path:
    path = tmp_path / "clouds.yaml"
    path.write_text(CLOUDS)
    return path


def test_importing_the_package_loads_no_client_library() -> None:
    code = "import sys, kubisnap.adapters.openstack as o; print([n for n in sys.modules if n == 'openstack'])"
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_credentials_nothing_opens() -> None:
    with pytest.raises(Denied) as caught:
        openstack.factory({})
    assert "OS_CLOUD" in caught.value.hint


def test_a_file_of_clouds_needs_a_name(clouds_yaml: Path) -> None:
    with pytest.raises(Denied) as caught:
        openstack.factory({"OS_CLIENT_CONFIG_FILE": str(clouds_yaml)})
    assert "OS_CLOUD" in caught.value.hint


@pytest.mark.parametrize("name", ["OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME"])
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(Denied) as caught:
        openstack.factory({key: value for key, value in PASSWORD.items() if key != name})
    assert name in str(caught.value)


def test_half_an_application_credential_is_named() -> None:
    with pytest.raises(Denied) as caught:
        openstack.factory(APPLICATION | {"OS_APPLICATION_CREDENTIAL_SECRET": " "})
    assert "OS_APPLICATION_CREDENTIAL_SECRET" in str(caught.value)


def test_a_user_without_a_domain_is_of_the_default_one() -> None:
    assert read(PASSWORD).auth["user_domain_id"] == "default"
    named = read(PASSWORD | {"OS_USER_DOMAIN_NAME": "staff"})
    assert named.auth["user_domain_name"] == "staff"
    assert "user_domain_id" not in named.auth


def test_variables_win_over_a_file(clouds_yaml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client library alone would log in with the file's only cloud, and act there."""
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds_yaml))
    monkeypatch.setenv("OS_USERNAME", "mallory")
    both = PASSWORD | {"OS_CLOUD": "other", "OS_CLIENT_CONFIG_FILE": str(clouds_yaml)}
    auth = opened(read(both), (1.0, 1.0)).config["auth"]
    assert (auth["auth_url"], auth["username"]) == ("https://cloud.example:5000/v3", "ada")


def test_a_cloud_of_the_file_is_opened_by_its_name(
    clouds_yaml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process's own environment has no say: what counts was handed over."""
    monkeypatch.setenv("OS_USERNAME", "mallory")
    said = read({"OS_CLOUD": "other", "OS_CLIENT_CONFIG_FILE": str(clouds_yaml)})
    region = opened(said, (1.0, 1.0))
    assert region.config["auth"]["username"] == "bob"
    assert region.get_region_name() == "North"
    assert secrets_of(region) == ("hidden",)


def test_a_region_is_chosen_over_that_of_the_file(clouds_yaml: Path) -> None:
    said = read({"OS_CLOUD": "other", "OS_CLIENT_CONFIG_FILE": str(clouds_yaml), "OS_REGION_NAME": "South"})
    assert opened(said, (1.0, 1.0)).get_region_name() == "South"


def test_a_cloud_that_the_file_does_not_have_is_wrong(clouds_yaml: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        openstack.factory({"OS_CLOUD": "nowhere", "OS_CLIENT_CONFIG_FILE": str(clouds_yaml)})
    assert "nowhere" in str(caught.value)


def test_a_file_that_is_not_yaml_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text("clouds: [")
    with pytest.raises(InvalidInput):
        openstack.factory({"OS_CLOUD": "x", "OS_CLIENT_CONFIG_FILE": str(path)})


@pytest.mark.parametrize(
    "url",
    [
        "http://cloud.example:5000/v3",
        "http://192.0.2.1:5000/v3",
        "ftp://cloud.example",
        "cloud.example:5000",
        "https://",
        "https://ada:secret@cloud.example",
        "http://[::1",
    ],
)
def test_credentials_go_over_https_or_stay_on_this_machine(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        openstack.factory(PASSWORD | {"OS_AUTH_URL": url})
    assert "canary" not in f"{caught.value} {caught.value.hint}"


def test_a_file_does_not_send_credentials_in_clear_either(tmp_path: Path) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text(CLOUDS.replace("https:", "http:"))
    with pytest.raises(InvalidInput) as caught:
        openstack.factory({"OS_CLOUD": "other", "OS_CLIENT_CONFIG_FILE": str(path)})
    assert "clouds.yaml" in str(caught.value)


@pytest.mark.parametrize("settings", [PASSWORD, APPLICATION])
def test_opening_asks_nothing_of_the_network(settings: dict[str, str]) -> None:
    cloud = openstack.factory(settings)
    assert "canary" not in repr(cloud)
    assert "canary" not in repr(read(settings))
    cloud.close()


@pytest.mark.parametrize(
    ("text", "place"),
    [("london", (51.5, -0.1)), ("51.5,-0.1", (51.5, -0.1)), (" -33.9 , +151 ", (-33.9, 151.0)), ("", None)],
)
def test_a_site_says_where_it_is(text: str, place: tuple[float, float] | None) -> None:
    assert read(PASSWORD | {PLACE: text}).place == place


@pytest.mark.parametrize("text", ["atlantis", "91,0", "0,181", "1", "1,2,3"])
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read(PASSWORD | {PLACE: text})


def test_other_settings_are_taken_over() -> None:
    said = read(PASSWORD | {"OS_INTERFACE": "internalURL", "OS_CACERT": "/ca.pem", EXTERNAL: "provider"})
    assert (said.interface, said.cacert, said.external) == ("internal", "/ca.pem", "provider")


def test_a_missing_client_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("kubisnap.adapters.openstack.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "openstack", None)
    monkeypatch.setitem(sys.modules, "openstack.config.loader", None)
    with pytest.raises(InvalidInput) as caught:
        openstack.factory(PASSWORD)
    assert "kubisnap[openstack]" in caught.value.hint
