"""OpenStack, spoken to over the APIs of Keystone, Nova, Neutron, Glance, Cinder and Octavia.

Knows the engine's ports and OpenStack. Importing this package loads neither `openstack` nor `requests`:
`OpenStack` and what `factory` needs are imported when first asked for.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engine.errors import InvalidInput
from ...engine.ports import Cloud

if TYPE_CHECKING:
    from .adapter import OpenStack

__all__ = ["OpenStack", "factory"]


def factory(settings: Mapping[str, str]) -> Cloud:
    """Return the cloud that the settings (an environment, usually) give access to.

    ``OS_CLOUD`` names a cloud of `clouds.yaml` (``OS_CLIENT_CONFIG_FILE`` says where); else ``OS_AUTH_URL``
    with ``OS_USERNAME``, ``OS_PASSWORD`` and ``OS_PROJECT_NAME``, or with
    ``OS_APPLICATION_CREDENTIAL_ID`` and ``OS_APPLICATION_CREDENTIAL_SECRET``. ``OS_REGION_NAME`` chooses
    a region where there are several. A site says where it is by ``KUBISNAP_OPENSTACK_PLACE``.
    Raises `Denied` without credentials, `InvalidInput` for settings that make no sense.
    """
    from .settings import read

    said = read(settings)
    try:
        from .adapter import OpenStack
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"openstack", "keystoneauth1", "requests"}:
            raise
        advice = "pip install 'kubisnap[openstack]'"
        raise InvalidInput("cloud", "the package openstacksdk is not installed", advice=advice) from error
    return OpenStack(said)


def __getattr__(name: str) -> Any:
    if name == "OpenStack":
        from .adapter import OpenStack

        return OpenStack
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
