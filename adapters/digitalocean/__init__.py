"""DigitalOcean, spoken to over its API v2.

Knows the engine's ports and DigitalOcean. Importing this package loads neither `digitalocean` nor
`requests`: `DigitalOcean` and what `factory` needs are imported when first asked for.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engine.errors import Denied
from ...engine.ports import Cloud

if TYPE_CHECKING:
    from .adapter import DigitalOcean

__all__ = ["DigitalOcean", "factory"]

TOKEN_SETTINGS = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN")
END_POINT_SETTING = "DIGITALOCEAN_END_POINT"


def factory(settings: Mapping[str, str]) -> Cloud:
    """Return the cloud that the settings (an environment, usually) give access to.

    ``DIGITALOCEAN_TOKEN``, else ``DIGITALOCEAN_ACCESS_TOKEN``, holds the token;
    ``DIGITALOCEAN_END_POINT`` another end point than DigitalOcean's own. Raises `Denied` without
    a token, and `InvalidInput` for an end point that a token must not be sent to.
    """
    token = next((settings[name].strip() for name in TOKEN_SETTINGS if settings.get(name, "").strip()), "")
    if not token:
        raise Denied("digitalocean", "no token given", advice="export DIGITALOCEAN_TOKEN=...")
    from .adapter import DigitalOcean

    end_point = settings.get(END_POINT_SETTING, "").strip()
    return DigitalOcean(token, end_point=end_point) if end_point else DigitalOcean(token)


def __getattr__(name: str) -> Any:
    if name == "DigitalOcean":
        from .adapter import DigitalOcean

        return DigitalOcean
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
