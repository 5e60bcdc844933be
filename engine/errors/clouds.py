"""Errors of clouds: what one answered, or that it did not."""

from dataclasses import dataclass, field
from typing import ClassVar

from .base import Facts, KubisnapError


@dataclass(eq=False)
class CloudError(KubisnapError):
    """What a cloud answered. `status` is the HTTP status where there is one.

    `request_id` is the provider's, to quote to its support. `retryable` says whether the same
    call may succeed later; `ambiguous` whether the call may have taken effect all the same.
    """

    cloud: str
    message: str
    status: int | None = None
    request_id: str = ""

    retryable: ClassVar[bool] = False
    ambiguous: bool = field(default=False, kw_only=True)

    def __str__(self) -> str:
        status = f" (HTTP {self.status})" if self.status else ""
        request = f" [request {self.request_id}]" if self.request_id else ""
        return f"{self.cloud}: {self.message}{status}{request}"

    @property
    def facts(self) -> Facts:
        """Return cloud, status and request id."""
        return {
            "cloud": self.cloud,
            "error": type(self).__name__,
            "message": self.message,
            "status": self.status,
            "request_id": self.request_id,
        }


@dataclass(eq=False)
class ResourceMissing(CloudError):
    """The thing asked about is not there (404)."""


@dataclass(eq=False)
class Conflict(CloudError):
    """The name is taken, or the thing is in use."""


@dataclass(eq=False)
class Busy(Conflict):
    """The thing is being changed and takes no second change meanwhile: the same call succeeds in a while."""

    retryable: ClassVar[bool] = True


@dataclass(eq=False)
class RateLimited(CloudError):
    """Too many requests; `retry_after` is in seconds, as the cloud asked, or None."""

    retry_after: float | None = None
    retryable: ClassVar[bool] = True


@dataclass(eq=False)
class QuotaExceeded(CloudError):
    """The account may not have more of this."""

    @property
    def hint(self) -> str:
        """Say what to do about a quota."""
        return f"raise the limit with {self.cloud} or make room, then run the command again"


@dataclass(eq=False)
class Denied(CloudError):
    """Credentials missing, refused or too narrow."""

    kind: ClassVar[str] = "denied"
    advice: str = ""

    @property
    def hint(self) -> str:
        """Name the setting that holds the credentials."""
        return self.advice


@dataclass(eq=False)
class Unavailable(CloudError):
    """No answer, or an answer that says to try later (5xx, reset, timeout)."""

    retryable: ClassVar[bool] = True

    @property
    def hint(self) -> str:
        """Say what to check."""
        return "check the network and the cloud's status page, then run the command again"


@dataclass(eq=False)
class TimedOut(CloudError):
    """The work was accepted and did not end within the time allowed."""

    kind: ClassVar[str] = "timeout"


@dataclass(eq=False)
class Rejected(CloudError):
    """The request is wrong and will stay so (400, 422)."""


@dataclass(eq=False)
class KeptByCloud(Rejected):
    """The cloud never gives this up, and nobody can make it: a region's default network, say.

    Whoever deletes lets go of it instead of failing for ever.
    """
