"""From environment-like settings to a sandbox, and the system's clock for it.

Knows: the names of the settings. Knows nothing of what a sandbox does.
"""

import math
import time
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from ...engine.errors import InvalidInput
from .adapter import Sandbox
from .timing import DEFAULT_SCALE

PATH = "KUBISNAP_SANDBOX"
ACCOUNT = "KUBISNAP_SANDBOX_ACCOUNT"
SEED = "KUBISNAP_SANDBOX_SEED"
LATENCY = "KUBISNAP_SANDBOX_LATENCY"

_REAL_CALL_SECONDS = 0.2  # what one request to a real cloud takes, about


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def sandbox_of(settings: Mapping[str, str]) -> Sandbox:
    """Return the sandbox that the settings describe; raises `InvalidInput` for numbers that are none."""
    scale = _latency(settings.get(LATENCY, ""))
    path = settings.get(PATH, "")
    return Sandbox(
        Path(path).expanduser() if path else Path(platformdirs.user_data_dir("kubisnap")) / "sandbox.sqlite",
        account=settings.get(ACCOUNT, "") or "default",
        clock=SystemClock(),
        seed=_seed(settings.get(SEED, "")),
        latency=scale,
        call_seconds=_REAL_CALL_SECONDS * scale,
    )


def _seed(text: str) -> int:
    try:
        return int(text) if text else 0
    except ValueError as error:
        raise InvalidInput(SEED, f"{text!r} is not a whole number") from error


def _latency(text: str) -> float:
    try:
        scale = float(text) if text else DEFAULT_SCALE
    except ValueError as error:
        raise InvalidInput(LATENCY, f"{text!r} is not a number") from error
    if not math.isfinite(scale) or scale < 0:
        raise InvalidInput(
            LATENCY, f"{text!r} is not a number from 0 up", advice="1 is as slow as a real cloud"
        )
    return scale
