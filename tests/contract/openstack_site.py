"""What a site has before kubisnap comes: made on a real control plane for the tests, and taken away again.

An external network with a range, an image that says which system it is, a small flavor, a type of volume
where new ones want one, and projects, each with a user and quotas that hold many servers.
"""

import os
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import openstack.config.loader
import openstack.connection
import pytest
import requests

CLOUD_SETTING = "KUBISNAP_TEST_OPENSTACK_CLOUD"
CONFIG_SETTING = "OS_CLIENT_CONFIG_FILE"

NONE_THERE = f"no OpenStack control plane: `make openstack` starts one, or set {CONFIG_SETTING}"
_MANY = 1000
_SMALL = (64, 1, 1)
_T = TypeVar("_T")


@dataclass(frozen=True)
class OpenStackSite:
    """What was made: names to use, and the settings that open each project."""

    region: str
    size: str
    image: str
    settings: tuple[dict[str, str], ...]
    passwords: tuple[str, ...]


def configuration() -> Path | None:
    """Return the clouds.yaml of a control plane to test on: the environment's, or of `make openstack`."""
    named = os.environ.get(CONFIG_SETTING, "")
    path = Path(named) if named else Path(__file__).parents[2] / ".openstack" / "clouds.yaml"
    return path if path.is_file() else None


def administrator() -> openstack.connection.Connection:
    """Return the administrator of the control plane; skips the test, and says why, where there is none."""
    path = configuration()
    if path is None:
        pytest.skip(NONE_THERE)
    loader = openstack.config.loader.OpenStackConfig(config_files=[str(path)], load_envvars=False)
    region = loader.get_one(cloud=os.environ.get(CLOUD_SETTING, "local"))
    url = region.config["auth"]["auth_url"]
    try:
        requests.get(url, timeout=5)
    except requests.RequestException:
        pytest.skip(f"the OpenStack control plane at {url} does not answer")
    return openstack.connection.Connection(config=region)


@contextmanager
def site(
    projects: int = 2, *, size: str = "", image: str = "", flavor: tuple[int, int, int] = _SMALL
) -> Iterator[OpenStackSite]:
    """Give a site with so many projects; what was made for it is removed at the end.

    `flavor` has so many MiB of memory, virtual processors and GiB of disk.
    """
    mark = f"kubisnap-test-{uuid.uuid4().hex[:8]}"
    names = (mark, size or mark, image or mark)
    made = ExitStack()
    try:
        yield _without_warnings(lambda: _made(administrator(), projects, names, flavor, made))
    finally:
        _without_warnings(made.close)


def _without_warnings(call: Callable[[], _T]) -> _T:
    """Make a call of the client library, which warns of what nobody here asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


def _made(
    admin: Any,
    projects: int,
    names: tuple[str, str, str],
    has: tuple[int, int, int],
    later: ExitStack,
) -> OpenStackSite:
    mark, size, image_name = names
    later.callback(admin.close)
    external = _external(admin, mark, later)
    image = admin.image.create_image(
        name=image_name,
        disk_format="raw",
        container_format="bare",
        visibility="public",
        data=b"\0" * 4096,
        validate_checksum=False,
        os_distro="ubuntu",
        os_version="24.04",
    )
    later.callback(admin.image.delete_image, image.id)
    memory, vcpus, disk = has
    flavor = admin.compute.create_flavor(name=size, ram=memory, vcpus=vcpus, disk=disk)
    later.callback(admin.compute.delete_flavor, flavor.id)
    _volume_type(admin)
    made = [_project(admin, f"{mark}-{number}", later) for number in range(projects)]
    common = {
        "OS_AUTH_URL": str(admin.config.config["auth"]["auth_url"]),
        "OS_REGION_NAME": str(admin.config.get_region_name()),
        "KUBISNAP_OPENSTACK_EXTERNAL_NETWORK": external,
        "KUBISNAP_OPENSTACK_PLACE": "london",
    }
    return OpenStackSite(
        region=common["OS_REGION_NAME"],
        size=size,
        image=image_name,
        settings=tuple({**common, **settings} for settings in made),
        passwords=tuple(settings["OS_PASSWORD"] for settings in made),
    )


def _external(admin: Any, mark: str, later: ExitStack) -> str:
    """Make a network that leads outside: flat, on a physical network of its own name."""
    network = admin.network.create_network(
        name=mark,
        is_router_external=True,
        provider_network_type="flat",
        provider_physical_network=mark[:64],
    )
    later.callback(admin.network.delete_network, network.id)
    admin.network.create_subnet(network_id=network.id, ip_version=4, cidr="198.18.0.0/24", enable_dhcp=False)
    return mark


def _volume_type(admin: Any) -> None:
    """Make the type that Cinder's configuration names as the default, if nobody has: it then stays."""
    answer = admin.block_storage.get("/types/default")
    if answer.status_code == 404 and not admin.block_storage.find_type("fake"):
        admin.block_storage.create_type(name="fake")


def _project(admin: Any, name: str, later: ExitStack) -> dict[str, str]:
    """Make a project with a user who may work in it, and room for many of everything."""
    project = admin.identity.create_project(name=name, domain_id="default")
    later.callback(admin.identity.delete_project, project.id)
    password = uuid.uuid4().hex
    user = admin.identity.create_user(name=name, password=password, domain_id="default")
    later.callback(admin.identity.delete_user, user.id)
    for role in ("member", "load-balancer_member"):
        found = admin.identity.find_role(role) or admin.identity.create_role(name=role)
        admin.identity.assign_project_role_to_user(project.id, user.id, found.id)
    admin.set_compute_quotas(project.id, instances=_MANY, cores=_MANY, ram=-1, key_pairs=_MANY)
    admin.set_network_quotas(
        project.id,
        port=_MANY,
        security_group=_MANY,
        security_group_rule=10 * _MANY,
        network=_MANY,
        subnet=_MANY,
        router=_MANY,
        floatingip=200,
    )
    admin.set_volume_quotas(project.id, volumes=_MANY, gigabytes=100 * _MANY)
    later.callback(_default_group_away, admin, project.id)
    return {
        "OS_USERNAME": name,
        "OS_PASSWORD": password,
        "OS_PROJECT_NAME": name,
        "OS_USER_DOMAIN_ID": "default",
        "OS_PROJECT_DOMAIN_ID": "default",
    }


def _default_group_away(admin: Any, project_id: str) -> None:
    """Remove the group that Neutron makes for each project."""
    for group in admin.network.security_groups(project_id=project_id):
        if group.name == "default":
            admin.network.delete_security_group(group.id)
