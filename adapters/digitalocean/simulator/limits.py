"""DigitalOcean's two rate limits: so many requests an hour, and so many in a burst of one minute.

A request counts for an hour from its own moment on (a rolling window), for each token by itself.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from .wire import ApiError

HOUR = 3600.0
MINUTE = 60.0


@dataclass
class RateLimit:
    """What one token has used of its limits; a `burst` of None is no limit."""

    hourly: int = 5000
    burst: int | None = 250
    _moments: deque[float] = field(default_factory=deque, repr=False)

    def take(self, now: float) -> int | None:
        """Count a request. None when it may pass; else the seconds to wait, or 0 for "see the reset"."""
        while self._moments and self._moments[0] <= now - HOUR:
            self._moments.popleft()
        if len(self._moments) >= self.hourly:
            return 0
        if self.burst is not None and len(self._moments) >= self.burst:
            # The moments are in order, so the one `burst` places from the end decides.
            oldest = self._moments[-self.burst]
            if oldest > now - MINUTE:
                return max(1, ceil(oldest + MINUTE - now))
        self._moments.append(now)
        return None

    def headers(self, now: float) -> Mapping[str, str]:
        """The three headers that are on every answer."""
        oldest = self._moments[0] if self._moments else now
        return {
            "ratelimit-limit": str(self.hourly),
            "ratelimit-remaining": str(max(0, self.hourly - len(self._moments))),
            "ratelimit-reset": str(ceil(oldest + HOUR)),
        }


def too_many(wait: int) -> ApiError:
    """The refusal of one request too many; `retry-after` is given for a burst only."""
    headers = {"retry-after": str(wait)} if wait else {}
    return ApiError(429, "too_many_requests", "API Rate limit exceeded.", headers=headers)
