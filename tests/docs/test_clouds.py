"""docs/clouds.md is what its script writes, and what the adapters say about themselves is so."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from kubisnap.adapters.about import differences
from kubisnap.adapters.registry import about, clouds, shipped_catalogue
from kubisnap.adapters.sandbox.catalogue import CATALOGUE
from kubisnap.engine.domain.catalogue import ARM64, Feature
from kubisnap.engine.domain.resources import Kind

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/clouds.md").read_text(encoding="utf-8")
ADAPTERS = sorted(path.parent.name for path in (ROOT / "adapters").glob("*/about.py"))
SHIPPING = sorted(path.parent.name for path in (ROOT / "adapters").glob("*/catalogue.json"))
BALANCING = (
    r"\"(?:elbv2\.)?((?:add|create|delete|deregister|modify|register|remove)_"
    r"(?:listener|load_balancer|tags|target_group|targets))\""
)
"""Changes of load balancers, as they stand in the adapter's code."""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_clouds", ROOT / "docs/make_clouds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_adapters_say(script: ModuleType) -> None:
    """Made by ``python docs/make_clouds.py``; never edited by hand."""
    assert script.page() == PAGE


def test_every_cloud_that_comes_with_kubisnap_is_on_the_page(script: ModuleType) -> None:
    assert sorted(script.CLOUDS) == ADAPTERS
    assert set(ADAPTERS) <= set(clouds())


@pytest.mark.parametrize("name", SHIPPING)
def test_what_an_adapter_says_about_itself_is_what_it_ships(name: str) -> None:
    """Where no catalogue is shipped the contract compares with the live one."""
    told, catalogue = about(name), shipped_catalogue(name)
    assert told is not None
    assert catalogue is not None
    assert differences(told, catalogue) == []


def source(name: str) -> str:
    """Return all of an adapter's code but what it says about itself."""
    paths = (ROOT / "adapters" / name).rglob("*.py")
    return "".join(path.read_text(encoding="utf-8") for path in paths if path.name != "about.py")


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_setting_that_is_told_of_is_read(name: str) -> None:
    told = about(name)
    assert told is not None
    assert [item.name for item in told.settings if item.name not in source(name)] == []


def test_the_privileges_on_aws_are_those_that_its_requests_need() -> None:
    told = about("aws")
    assert told is not None
    asked = {
        f"{service}:{operation.title().replace('_', '')}"
        for service, words in (("ec2", r"\"ec2\.([a-z_]+)\""), ("elasticloadbalancing", BALANCING))
        for operation in re.findall(words, source("aws"))
        if not operation.startswith("describe_")
    }
    named = set(re.findall(r"`((?:ec2|elasticloadbalancing):\w+)`", told.privileges))
    assert asked == named


def test_reading_it_loads_no_client_library() -> None:
    """The page must be writable, and clouds listed, without the extras."""
    libraries = ("boto3", "digitalocean", "hcloud", "openstack", "paramiko", "requests")
    program = (
        "import sys; from kubisnap.adapters.registry import about, clouds; "
        "[about(name) for name in ('aws', 'digitalocean', 'hetzner', 'hosts', 'openstack', 'sandbox')]; "
        f"print(sorted({set(libraries)!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_plan_tells_each_cloud_that_lacks_something(script: ModuleType) -> None:
    section = re.findall(r"## Hosts.*?(?=\n## )", PAGE, flags=re.DOTALL)[0]
    for kind in (Kind.FIREWALL, Kind.NETWORK, Kind.SSH_KEY, Kind.VOLUME):
        assert f"hosts has no {kind}:" in section


def test_every_difference_is_told() -> None:
    told = about("sandbox")
    assert told is not None
    other = msgspec.structs.replace(
        CATALOGUE,
        kinds=CATALOGUE.kinds - {Kind.NETWORK, Kind.VOLUME},
        features=CATALOGUE.features - {Feature.HTTP},
        nameless=frozenset({Kind.TAG}),
        subnet_needed=True,
        volumes=(),
        sizes=tuple(msgspec.structs.replace(size, architecture=ARM64, monthly=0) for size in CATALOGUE.sizes),
    )
    assert differences(told, other) == [
        "kinds: network, volume",
        "features: http",
        "nameless: tag",
        "subnet_needed: True",
        "networks: None",
        "smallest_volume: 0",
        "priced: a size has no price",
        "architectures: arm64",
    ]


def test_kinds_that_only_some_sites_have_may_be_missing_and_others_not() -> None:
    told = about("openstack")
    assert told is not None
    there = msgspec.structs.replace(
        CATALOGUE,
        kinds=told.kinds,
        features=told.features,
        subnet_needed=True,
        network_prefixes=(8, 29),
        volumes=(),
    )
    assert differences(told, there) == []
    without = msgspec.structs.replace(there, kinds=told.kinds - {Kind.SERVER})
    assert differences(told, without) == ["kinds: server"]
