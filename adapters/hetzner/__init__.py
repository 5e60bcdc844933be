"""Hetzner Cloud, spoken to over its API v1.

Knows the engine's ports and Hetzner. Importing this package loads neither `hcloud` nor `requests`:
`Hetzner` and what `factory` needs are imported when first asked for.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engine.errors import Denied, InvalidInput
from ...engine.ports import Cloud

if TYPE_CHECKING:
    from .adapter import Hetzner

__all__ = ["Hetzner", "factory"]

TOKEN_SETTING = "HCLOUD_TOKEN"  # noqa: S105 - the name of a setting
END_POINT_SETTING = "HCLOUD_ENDPOINT"
SAME_PROJECT_SETTING = "HCLOUD_SAME_PROJECT"


def factory(settings: Mapping[str, str]) -> Cloud:
    """Return the cloud that the settings (an environment, usually) give access to.

    ``HCLOUD_TOKEN`` holds the token, ``HCLOUD_ENDPOINT`` another end point than Hetzner's own,
    ``HCLOUD_SAME_PROJECT`` what a project was known as before its token was changed; see `identity`.
    Raises `Denied` without a token, and `InvalidInput` for an end point that a token must not be sent to,
    or without the package ``hcloud``.
    """
    token = settings.get(TOKEN_SETTING, "").strip()
    if not token:
        raise Denied("hetzner", "no token given", advice=f"export {TOKEN_SETTING}=...")
    hetzner = _adapter()
    end_point = settings.get(END_POINT_SETTING, "").strip()
    same_project = settings.get(SAME_PROJECT_SETTING, "").strip()
    if end_point:
        return hetzner(token, end_point=end_point, same_project=same_project)
    return hetzner(token, same_project=same_project)


def _adapter() -> "type[Hetzner]":
    try:
        from .adapter import Hetzner
    except ModuleNotFoundError as error:
        if error.name != "hcloud":
            raise
        raise InvalidInput(
            "cloud", "hetzner needs the package hcloud", advice="pip install 'kubisnap[hetzner]'"
        ) from error
    return Hetzner


def __getattr__(name: str) -> Any:
    if name == "Hetzner":
        return _adapter()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
