"""Amazon Web Services, spoken to over the APIs of EC2, ELBv2, STS and Service Quotas.

Knows the engine's ports and AWS. Importing this package loads no boto3: what `factory` needs is
imported when it is first asked for.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engine.errors import InvalidInput
from ...engine.ports import Cloud

if TYPE_CHECKING:
    from .adapter import Aws

__all__ = ["Aws", "factory"]


def factory(settings: Mapping[str, str]) -> Cloud:
    """Return the cloud that the settings (an environment, usually) give access to.

    ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY`` and ``AWS_SESSION_TOKEN``, else ``AWS_PROFILE``, else
    whatever else boto3 finds; ``AWS_REGION`` or ``AWS_DEFAULT_REGION`` answers account-wide questions;
    ``AWS_ENDPOINT_URL`` is another end point than AWS's own. Raises `Denied` without credentials, and
    `InvalidInput` without boto3 or for an end point that is neither https nor on this machine.
    """
    try:
        import boto3  # noqa: F401
    except ImportError:
        raise InvalidInput(
            "cloud", "aws needs boto3, which is not installed", advice="pip install 'kubisnap[aws]'"
        ) from None
    from .adapter import Aws
    from .sessions import Access

    return Aws(Access.of(settings))


def __getattr__(name: str) -> Any:
    if name == "Aws":
        from .adapter import Aws

        return Aws
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
