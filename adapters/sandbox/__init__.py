"""`sandbox`: a simulated cloud that keeps its account in one SQLite file.

Nothing here is real and nothing costs money. It answers as real clouds do: resources take a while,
names collide, quotas run out, volumes refuse to shrink, and, when asked to, answers get lost. It is
what demos, property tests and fault injection run on.

Settings (`factory`): ``KUBISNAP_SANDBOX`` is the path of its file, ``KUBISNAP_SANDBOX_ACCOUNT`` the
account's name, ``KUBISNAP_SANDBOX_SEED`` a whole number that all of its chance comes from, and
``KUBISNAP_SANDBOX_LATENCY`` how fast its time goes: 1 is as slow as a real cloud, 0 is at once.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...engine.ports import Cloud

if TYPE_CHECKING:
    from .adapter import Sandbox
    from .faults import Fault, Faults, Scripted

__all__ = ["Fault", "Faults", "Sandbox", "Scripted", "factory"]


def factory(settings: Mapping[str, str]) -> Cloud:
    """Return the sandbox that the settings describe; its file is made at the first call."""
    from .settings import sandbox_of

    return sandbox_of(settings)


def __getattr__(name: str) -> object:
    # Loaded when first asked for: finding the adapter must not cost what using it does.
    if name == "Sandbox":
        from .adapter import Sandbox

        return Sandbox
    if name in {"Fault", "Faults", "Scripted"}:
        from . import faults

        return getattr(faults, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
