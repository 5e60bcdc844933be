"""How long things take at the simulated cloud: what a real cloud needs, times a scale.

Knows: seconds per kind of work. The draw depends on the seed and on what is worked on, not on the
order of calls, so that it is the same however threads interleave.
"""

import random
from typing import Literal

from ...engine.domain.resources import Kind

DEFAULT_SCALE = 0.02
"""Makes a cluster of three servers take about a second."""

Work = Literal["create", "update", "delete"]

_SECONDS: dict[tuple[Work, Kind], tuple[float, float]] = {
    ("create", Kind.NETWORK): (1, 3),
    ("create", Kind.SUBNET): (1, 2),
    ("create", Kind.FIREWALL): (1, 2),
    ("create", Kind.SERVER): (20, 45),
    ("create", Kind.VOLUME): (2, 5),
    ("create", Kind.VOLUME_ATTACHMENT): (3, 8),
    ("create", Kind.LOAD_BALANCER): (30, 50),
    ("create", Kind.RESERVED_IP): (1, 2),
    ("create", Kind.RESERVED_IP_ASSIGNMENT): (2, 5),
    ("update", Kind.FIREWALL): (1, 2),
    ("update", Kind.VOLUME): (3, 8),
    ("update", Kind.LOAD_BALANCER): (5, 10),
    ("delete", Kind.SERVER): (5, 12),
}


class Timing:
    """Draws how long a piece of work takes. What is not listed above is done at once."""

    def __init__(self, seed: int, scale: float) -> None:
        self._seed = seed
        self._scale = scale

    def seconds(self, work: Work, kind: Kind, resource_id: str) -> float:
        """Return the seconds that this work on this resource takes."""
        if (work, kind) not in _SECONDS:
            return 0.0
        low, high = _SECONDS[work, kind]
        draw = random.Random(f"{self._seed}/{work}/{kind}/{resource_id}")  # noqa: S311 - repeatable, not secret
        return self._scale * draw.uniform(low, high)
