"""Settings: who asks which cloud, from a mapping in the shape of the environment.

What is said in variables is taken as it stands. A file `clouds.yaml` counts only where `OS_CLOUD` names
one of its clouds and no variable says where to log in: the client library would let the file win.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from ...engine.domain.places import PLACES
from ...engine.errors import Denied, InvalidInput
from .answers import ADVICE, CLOUD
from .paths import in_confidence

PLACE = "KUBISNAP_OPENSTACK_PLACE"
EXTERNAL = "KUBISNAP_OPENSTACK_EXTERNAL_NETWORK"

_AUTH = {
    "OS_AUTH_URL": "auth_url",
    "OS_USERNAME": "username",
    "OS_USER_ID": "user_id",
    "OS_PASSWORD": "password",
    "OS_PROJECT_NAME": "project_name",
    "OS_PROJECT_ID": "project_id",
    "OS_USER_DOMAIN_NAME": "user_domain_name",
    "OS_USER_DOMAIN_ID": "user_domain_id",
    "OS_PROJECT_DOMAIN_NAME": "project_domain_name",
    "OS_PROJECT_DOMAIN_ID": "project_domain_id",
}
_APPLICATION = {
    "OS_AUTH_URL": "auth_url",
    "OS_APPLICATION_CREDENTIAL_ID": "application_credential_id",
    "OS_APPLICATION_CREDENTIAL_SECRET": "application_credential_secret",
}
_DEGREES = re.compile(r"\s*([+-]?[0-9]{1,3}(?:\.[0-9]+)?)\s*,\s*([+-]?[0-9]{1,3}(?:\.[0-9]+)?)\s*")


@dataclass(frozen=True)
class Settings:
    """How to log in, and what a site says of itself. Either `cloud` and `files`, or `auth` is set.

    `place` is in degrees north and east. `external` names the network that leads outside, where there
    are several.
    """

    cloud: str = ""
    files: tuple[str, ...] = ()
    auth: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth_type: str = "password"
    region: str = ""
    interface: str = ""
    cacert: str = ""
    place: tuple[float, float] | None = None
    external: str = ""


def read(environment: Mapping[str, str]) -> Settings:
    """Return what the environment says. Raises `Denied` where it names no cloud, and `InvalidInput`."""
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    said = Settings(
        region=given.get("OS_REGION_NAME", ""),
        interface=given.get("OS_INTERFACE", given.get("OS_ENDPOINT_TYPE", "")).removesuffix("URL"),
        cacert=given.get("OS_CACERT", ""),
        place=_place(given.get(PLACE, "")),
        external=given.get(EXTERNAL, ""),
    )
    if "OS_AUTH_URL" in given:
        auth, kind = _explicit(given)
        return replace(said, auth=auth, auth_type=kind)
    if "OS_CLOUD" in given:
        return replace(said, cloud=given["OS_CLOUD"], files=_files(given))
    if "OS_CLIENT_CONFIG_FILE" in given:
        raise Denied(CLOUD, "nothing says which cloud of clouds.yaml", advice="export OS_CLOUD=...")
    raise Denied(CLOUD, "no credentials given", advice=ADVICE)


def _explicit(given: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Return what variables say about logging in, and the client library's name for the way."""
    if "OS_APPLICATION_CREDENTIAL_ID" in given or "OS_APPLICATION_CREDENTIAL_SECRET" in given:
        missing = [name for name in _APPLICATION if name not in given]
        names, kind = _APPLICATION, "v3applicationcredential"
    else:
        missing = [] if {"OS_USERNAME", "OS_USER_ID"} & given.keys() else ["OS_USERNAME"]
        missing += [] if "OS_PASSWORD" in given else ["OS_PASSWORD"]
        missing += [] if {"OS_PROJECT_NAME", "OS_PROJECT_ID"} & given.keys() else ["OS_PROJECT_NAME"]
        names, kind = _AUTH, "password"
    if missing:
        raise Denied(CLOUD, f"missing: {', '.join(missing)}", advice=f"export {missing[0]}=...")
    auth = {field: given[name] for name, field in names.items() if name in given}
    if kind == "password":
        for name, whose in (("username", "user"), ("project_name", "project")):
            if name in auth and not {f"{whose}_domain_name", f"{whose}_domain_id"} & auth.keys():
                auth[f"{whose}_domain_id"] = "default"
    check_auth_url(auth["auth_url"], "OS_AUTH_URL")
    return auth, kind


def _files(given: Mapping[str, str]) -> tuple[str, ...]:
    """Return where clouds.yaml may be: what the client library's documentation says."""
    if "OS_CLIENT_CONFIG_FILE" in given:
        return (given["OS_CLIENT_CONFIG_FILE"],)
    config = given.get("XDG_CONFIG_HOME", "")
    home = Path(config) if config else Path(given.get("HOME", "~")).expanduser() / ".config"
    folders = (Path(), home / "openstack", Path("/etc/openstack"))
    return tuple(str(folder / f"clouds.{end}") for folder in folders for end in ("yaml", "yml"))


def check_auth_url(url: str, name: str) -> None:
    """Raise `InvalidInput` unless it is an absolute URL that credentials may be sent to."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    advice = "for example https://cloud.example:5000/v3"
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
        raise InvalidInput(name, "not an absolute http or https URL without a user", advice=advice)
    if not in_confidence(url):
        problem = f"http to {host} would show the password to everybody on the way; use https"
        raise InvalidInput(name, problem, advice=advice)


def _place(text: str) -> tuple[float, float] | None:
    """Return where a site is: the name of a place, or degrees north and east."""
    if not text:
        return None
    if text in PLACES:
        return PLACES[text]
    match = _DEGREES.fullmatch(text)
    latitude, longitude = (float(match[1]), float(match[2])) if match else (999.0, 999.0)
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise InvalidInput(PLACE, f"{text!r} is no place", advice="a place, such as london, or 51.5,-0.1")
    return latitude, longitude
