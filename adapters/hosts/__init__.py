"""Machines that exist already, named in an inventory and reached over SSH.

Knows the engine's ports and SSH. Importing this package does not load `paramiko`: `Hosts` and what
`factory` needs are imported when first asked for.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.errors import Denied
from ...engine.ports import Cloud

if TYPE_CHECKING:
    from .adapter import Hosts

__all__ = ["Hosts", "factory"]

INVENTORY_SETTING = "KUBISNAP_HOSTS"
KNOWN_HOSTS_SETTING = "KUBISNAP_KNOWN_HOSTS"


def factory(settings: Mapping[str, str]) -> Cloud:
    """Return the machines of the inventory that the settings (an environment, usually) name.

    ``KUBISNAP_HOSTS`` names the inventory, ``KUBISNAP_KNOWN_HOSTS`` the file with the hosts' keys
    (beside the inventory otherwise). ssh-agent is asked where ``SSH_AUTH_SOCK`` is set. Raises `Denied`
    without an inventory, and `InvalidInput` for one that has mistakes.
    """
    named = settings.get(INVENTORY_SETTING, "").strip()
    if not named:
        raise Denied("hosts", "no inventory named", advice="export KUBISNAP_HOSTS=hosts.yaml")
    from .adapter import Hosts
    from .inventory import load

    path = Path(named).expanduser()
    known_hosts = settings.get(KNOWN_HOSTS_SETTING, "").strip()
    home = settings.get("HOME", "")
    return Hosts(
        load(path),
        folder=path.parent,
        known_hosts=Path(known_hosts).expanduser()
        if known_hosts
        else path.with_name(f"{path.name}.known_hosts"),
        home=Path(home) if home else None,
        agent=bool(settings.get("SSH_AUTH_SOCK")),
    )


def __getattr__(name: str) -> Any:
    if name == "Hosts":
        from .adapter import Hosts

        return Hosts
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
