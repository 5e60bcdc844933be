"""From settings to the client library's idea of a cloud: its loader, its login, our connections.

Knows openstacksdk and keystoneauth; asks nothing of the network.
"""

import warnings
from functools import partial
from typing import Any

import openstack.config.loader
import openstack.exceptions
from keystoneauth1 import session as keystone
from keystoneauth1.exceptions import ClientException

from ...engine.errors import InvalidInput
from .answers import clean
from .connections import Wire
from .settings import Settings, check_auth_url

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
"""Seconds. Nova answers a create only when it has asked Neutron, Glance and Placement."""

_SECRETS = ("password", "application_credential_secret", "token", "passcode", "client_secret")
_AGENT = "kubisnap"


def opened(settings: Settings, timeouts: tuple[float, float]) -> Any:
    """Return a `CloudRegion` of the client library, not used yet. Raises `InvalidInput` for a wrong one."""
    named = "OS_CLOUD" if settings.cloud else "OS_AUTH_URL"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metrics for which nobody asked
            region = _region(settings)
        url = str(region.config.get("auth", {}).get("auth_url", ""))
        check_auth_url(url, f"auth_url of {settings.cloud} in clouds.yaml" if settings.cloud else named)
        wire = Wire(timeouts, trust_env=url.startswith("https:"))
        region.set_session_constructor(partial(keystone.Session, session=wire, redirect=False))
        region.get_session()
    except (openstack.exceptions.SDKException, ClientException, OSError, ValueError, TypeError) as error:
        raise InvalidInput(named, clean(str(error)) or "the client library does not take it") from error
    return region


def _region(settings: Settings) -> Any:
    """Return the client library's idea of a cloud. Neither the environment nor another file has a say."""
    chosen: dict[str, Any] = {}
    if settings.region:
        chosen["region_name"] = settings.region
    if settings.interface:
        chosen["interface"] = settings.interface
    if settings.cacert:
        chosen["cacert"] = settings.cacert
    if settings.cloud:
        loader = openstack.config.loader.OpenStackConfig(
            config_files=list(settings.files),
            secure_files=[path.replace("clouds.", "secure.") for path in settings.files],
            load_envvars=False,
            app_name=_AGENT,
        )
        return loader.get_one(cloud=settings.cloud, **chosen)
    loader = openstack.config.loader.OpenStackConfig(
        load_yaml_config=False, load_envvars=False, app_name=_AGENT
    )
    return loader.get_one(auth=dict(settings.auth), auth_type=settings.auth_type, **chosen)


def secrets_of(region: Any) -> tuple[str, ...]:
    """Return what no message may show."""
    auth = region.config.get("auth", {})
    return tuple(str(auth[name]) for name in _SECRETS if auth.get(name))
