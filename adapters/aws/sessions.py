"""Whose credentials, which end points: what `Talk` opens clients with.

Sources: boto3's guides "Credentials" and "Configuration".
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore import exceptions as boto
from botocore.config import Config

from ...engine.errors import Denied, InvalidInput
from .answers import ADVICE
from .names import CLOUD, is_region

HOME_REGION = "us-east-1"
CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 30.0
CONNECTIONS = 64

_SERVICES = {
    "ec2": "EC2",
    "elbv2": "ELASTIC_LOAD_BALANCING_V2",
    "sts": "STS",
    "service-quotas": "SERVICE_QUOTAS",
}
"""What boto3 calls a service, and what it is called in the names of settings."""


@dataclass(frozen=True)
class Access:
    """What opens an account. Credentials never show in its `repr`."""

    session: Any = field(repr=False)
    home: str = HOME_REGION
    end_points: Mapping[str, str] = field(default_factory=dict)
    connect_timeout: float = CONNECT_TIMEOUT
    read_timeout: float = READ_TIMEOUT

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> "Access":
        """Read settings. Raises `Denied` without credentials, `InvalidInput` for an end point or region."""
        given = {name: value.strip() for name, value in settings.items() if name.startswith("AWS_")}
        home = given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION") or HOME_REGION
        if not is_region(home):
            raise InvalidInput("AWS_REGION", "it has not the form of a region's name", advice="us-east-1")
        common = given.get("AWS_ENDPOINT_URL", "")
        found = {
            service: url
            for service, name in _SERVICES.items()
            if (url := given.get(f"AWS_ENDPOINT_URL_{name}") or common)
        }
        for url in found.values():
            checked_end_point(url)
        return cls(_session(given), home, found)

    def secrets(self) -> tuple[str, ...]:
        """Return what no error may show."""
        try:
            found = self.session.get_credentials()
            frozen = found.get_frozen_credentials() if found is not None else None
        except boto.BotoCoreError:
            return ()
        return tuple(filter(None, (frozen.secret_key, frozen.token))) if frozen is not None else ()

    def client(self, service: str, region: str) -> Any:
        """Return a client. Its own retries are off: the engine's are the only ones."""
        end_point = self.end_points.get(service)
        config = Config(
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            retries={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=CONNECTIONS,
            user_agent_extra="kubisnap",
            # a loopback end point is never asked through a proxy
            proxies={} if (end_point or "").startswith("http:") else None,
        )
        client = self.session.client(service, region_name=region, endpoint_url=end_point, config=config)
        checked_end_point(client.meta.endpoint_url)  # the configuration file, too, can name one
        return client


def _session(given: Mapping[str, str]) -> Any:
    key, secret = given.get("AWS_ACCESS_KEY_ID"), given.get("AWS_SECRET_ACCESS_KEY")
    if bool(key) != bool(secret):
        raise Denied(CLOUD, "only half of an access key is given", advice=ADVICE)
    profile = None if key else given.get("AWS_PROFILE") or None
    problem = "no credentials found"
    try:
        session = boto3.session.Session(
            aws_access_key_id=key or None,
            aws_secret_access_key=secret or None,
            aws_session_token=(given.get("AWS_SESSION_TOKEN") or None) if key else None,
            profile_name=profile,
        )
        if session.get_credentials() is not None:
            return session
    except boto.ProfileNotFound:
        problem = "there is no such profile"
    except boto.BotoCoreError as error:
        problem = f"credentials cannot be read: {type(error).__name__}"
    raise Denied(CLOUD, problem, advice=ADVICE)


def checked_end_point(url: str) -> str:
    """Return an end point that credentials may be sent to: https, or http on this machine.

    Raises `InvalidInput` for any other.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    safe = parts.scheme == "https" or (parts.scheme == "http" and _on_this_machine(host))
    if not host or not safe or parts.username or parts.password:
        raise InvalidInput(
            "AWS_ENDPOINT_URL",
            "an end point must be https, or http on this machine",
            advice="https://ec2.us-east-1.amazonaws.com",
        )
    return url


def _on_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
