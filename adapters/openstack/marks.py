"""Marks: what everything that is made here says of itself, and how it is read back. Pure.

Neutron has a description, Nova and Cinder have metadata, Octavia has tags; the words are the same.
Names of OpenStack's resources are not unique and anybody may change them, so both are believed.
"""

import re
from collections.abc import Iterable, Mapping

from ...engine.domain.resources import ClusterRef, Kind, Request, logical_name

_WORD = re.compile(r"([a-z-]{1,20})=([A-Za-z0-9_./:-]{1,200})")
UNFINISHED = "unfinished"
"""Said of what takes several requests until all of them had their effect."""


def marks(request: Request, **more: str) -> dict[str, str]:
    """Return what a resource says of itself."""
    resource = request.resource
    said = {"cluster": request.cluster.id, "of": request.cluster.name, "logical": request.key.name}
    role = getattr(resource, "role", None)
    if role is not None:
        said["role"] = str(role)
    return {**said, **{name: value for name, value in more.items() if value}}


def description(request: Request, **more: str) -> str:
    """Return the marks as a line of text, for Neutron."""
    words = " ".join(f"{name}={value}" for name, value in marks(request, **more).items())
    return f"Made by kubisnap: {words}"


def described(text: str | None) -> dict[str, str]:
    """Return the marks in a line of text.

    >>> described("Made by kubisnap: cluster=7f3a role=worker")
    {'cluster': '7f3a', 'role': 'worker'}
    """
    return dict(_WORD.findall(text or ""))


def metadata(request: Request, **more: str) -> dict[str, str]:
    """Return the marks as metadata, for Nova and Cinder."""
    return {f"kubisnap-{name}": value for name, value in marks(request, **more).items()}


def read_metadata(data: Mapping[str, str]) -> dict[str, str]:
    """Return the marks in metadata."""
    return {
        name.removeprefix("kubisnap-"): value for name, value in data.items() if name.startswith("kubisnap-")
    }


def tags(request: Request, **more: str) -> list[str]:
    """Return the marks as tags, for Octavia; the cluster's own tag is the first, to look for it."""
    return [request.tag(), *(f"{name}={value}" for name, value in marks(request, **more).items())]


def tagged(found: Iterable[str] | None) -> dict[str, str]:
    """Return the marks in tags."""
    return {match[1]: match[2] for tag in found or () if (match := _WORD.fullmatch(tag))}


def belongs(cluster: ClusterRef, kind: Kind, name: str, said: Mapping[str, str]) -> bool:
    """Whether something is a cluster's, by its name or by what it says of itself."""
    return said.get("cluster") == cluster.id or logical_name(cluster, kind, name) is not None
