"""A mapping: what somebody wants for what when a cluster is translated, instead of what is chosen.

regions:
  digitalocean/fra1: eu-central-1           # for what is there now: a name at the target
sizes:
  digitalocean/s-2vcpu-4gb: {aws: t3.medium, hetzner: cpx21}    # or one for each target
  workers: t3.large                         # a pool's name goes before a size's
images:
  ubuntu-22.04: ubuntu-24.04                # a system, or a target's own name for an image
network:
  10.244.0.0/20: 10.150.0.0/20
"""

import ipaddress
from typing import Any, NamedTuple

from ..errors import InvalidInput
from .marked import Marked

SECTIONS = ("regions", "sizes", "images", "network")
_EXAMPLE = "a mapping says what becomes what, for example sizes: {digitalocean/s-2vcpu-4gb: t3.medium}"
_FIELD = "mapping."
"""What names of fields begin with in errors of translation, to tell them from those of a cluster."""


class Mapped(NamedTuple):
    """What a mapping says of something: the target's `name`, under `key` in `section`."""

    section: str
    key: str
    name: str

    @property
    def field(self) -> str:
        """Return how errors of translation call it."""
        return f"{_FIELD}{self.section}.{self.key}"


class Mapping:
    """The entries of a mapping by section, key and target cloud; the empty cloud is any."""

    def __init__(self, entries: dict[str, dict[str, dict[str, str]]], marked: Marked | None = None) -> None:
        self._entries = entries
        self._marked = marked

    def find(self, section: str, cloud: str, *keys: str) -> Mapped | None:
        """Return what is mapped for the first of the keys that is there and says something of the cloud."""
        for key in keys:
            names = self._entries.get(section, {}).get(key, {})
            if (name := names.get(cloud, names.get(""))) is not None:
                return Mapped(section, key, name)
        return None

    def of(self, cloud: str) -> list[Mapped]:
        """Return everything that says something of a target cloud, as it is written."""
        return [
            found
            for section, keys in self._entries.items()
            for key in keys
            if (found := self.find(section, cloud, key)) is not None
        ]

    def place(self, error: InvalidInput) -> InvalidInput:
        """Return an error of translation with file, line and column, if it is about this mapping."""
        if self._marked is None or not error.field.startswith(_FIELD):
            return error
        field = error.field.removeprefix(_FIELD)
        return InvalidInput(field, error.problem, self._marked.locate(field), error.advice)


NO_MAPPING = Mapping({})


def load_mapping(text: str, *, name: str) -> Mapping:
    """Read a mapping from YAML; `name` is the file's name for messages.

    Raises `InvalidInput` for malformed YAML, unknown sections and what is no name or range.
    """
    marked = Marked(name)
    try:
        return Mapping(_entries(marked, text), marked)
    except InvalidInput as error:
        raise InvalidInput(error.field, error.problem, error.where, error.advice or _EXAMPLE) from error


def _entries(marked: Marked, text: str) -> dict[str, dict[str, dict[str, str]]]:
    content = marked.parse(text, otherwise=f"a mapping has sections: {', '.join(SECTIONS)}")
    entries: dict[str, dict[str, dict[str, str]]] = {}
    for section, raw in content.items():
        if section not in SECTIONS:
            raise marked.wrong(section, f"there is no such section; sections: {', '.join(SECTIONS)}")
        if not isinstance(raw, dict):
            raise marked.wrong(section, "write what becomes what, such as fra1: eu-central-1")
        entries[section] = {
            key: _names(marked, f"{section}.{key}", section, key, value) for key, value in raw.items()
        }
    return entries


def _names(marked: Marked, field: str, section: str, key: str, value: Any) -> dict[str, str]:
    """Return the names by target cloud."""
    names = value if isinstance(value, dict) else {"": value}
    if not names:
        raise marked.wrong(field, "becomes what?")
    for cloud, name in names.items():
        inner = f"{field}.{cloud}" if cloud else field
        if not isinstance(name, str) or not name.strip():
            raise marked.wrong(inner, f"{name!r} is not a name; put it in quotes")
        if section == "network":
            _range(marked, inner, name)
    if section == "network":
        _range(marked, field, key)
    return names


def _range(marked: Marked, field: str, text: str) -> None:
    try:
        found = ipaddress.IPv4Network(text)
    except ValueError:
        raise marked.wrong(field, f"{text!r} is not a range such as 10.150.0.0/20") from None
    if str(found) != text:
        raise marked.wrong(field, f"{text!r} is not how that range is written; did you mean {found}?")
    if not found.is_private or not 16 <= found.prefixlen <= 28:
        raise marked.wrong(field, f"{found} is not a private range between /16 and /28")
