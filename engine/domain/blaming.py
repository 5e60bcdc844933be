"""Blame: which event gave a resource each of the values that it has. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from . import events as ev

_KNOWN_BY: Final = ("name", "port", "kind", "key")
"""Fields by which parts of a list are told apart; those without one are what they are."""
_LEFT_OUT: Final = frozenset({"kind", "event"})
"""Tags of the encoding: what kind of resource it is stands in its name."""
_CLOUD: Final = "cloud."


class Blamed(msgspec.Struct, frozen=True, kw_only=True):
    """A value and the event that set it. `gone`: the event took it away, and it is not there any more."""

    field: str
    value: Any
    recorded: ev.Recorded
    gone: bool = False


def blame(events: Iterable[ev.Recorded]) -> list[Blamed]:
    """Return the values that a resource has after these events, which are all about it, in order.

    What is at the cloud is called ``cloud.`` and the field where the resource is declared, too. Values
    that are gone come last, those that went last first.
    """
    told = list(events)
    declared = any(isinstance(item.event, ev.Intent) for item in told)
    values: dict[str, Blamed] = {}
    gone: dict[str, Blamed] = {}
    for item in told:
        found = _values(item.event)
        if found is None:
            continue
        prefix, whole, new = found
        prefix = prefix if declared else ""
        fields = {f"{prefix}{name}": value for name, value in new.items()}
        for name, value in fields.items():
            if name not in values or values[name].value != value:
                values[name] = Blamed(field=name, value=value, recorded=item)
                gone.pop(name, None)
        if whole:
            for name in [
                name for name in values if name not in fields and _in(name, prefix, declared=declared)
            ]:
                before = values.pop(name)
                gone[name] = Blamed(field=name, value=before.value, recorded=item, gone=True)
    return [*values.values(), *sorted(gone.values(), key=lambda item: -item.recorded.version)]


def _in(name: str, prefix: str, *, declared: bool) -> bool:
    """Whether a value is among those that an event of this kind tells all of."""
    return not declared or name.startswith(_CLOUD) == bool(prefix)


def _values(event: ev.AnyEvent) -> tuple[str, bool, dict[str, Any]] | None:
    """Return what an event says: where it is, whether it is all there is, and the values."""
    return _declared(event) if isinstance(event, ev.Intent) else _observed(event)


def _declared(event: ev.AnyEvent) -> tuple[str, bool, dict[str, Any]] | None:
    match event:
        case ev.PartWithdrawn() | ev.ClusterRetired():
            return "", True, {}
        case ev.ServerPoolScaled(count=count):
            return "", False, {"count": count}
        case ev.KubernetesVersionDeclared(version=version):
            return "", False, {"kubernetes": version}
        case ev.DriftPolicyDeclared() | ev.ClusterDeclared():
            return "", isinstance(event, ev.ClusterDeclared), leaves(event)
        case ev.RetirementWithdrawn():
            return None
        case _:
            (spec,) = msgspec.structs.astuple(event)
            return "", True, leaves(spec)


def _observed(event: ev.AnyEvent) -> tuple[str, bool, dict[str, Any]] | None:
    match event:
        case ev.ResourceDestroyed() | ev.ResourceLost():
            return _CLOUD, True, {}
        case ev.ResourceProvisioned(resource=resource, resource_id=resource_id):
            return _CLOUD, True, {"id": resource_id, **leaves(resource)}
        case ev.ResourceUpdated(resource=resource, resource_id=resource_id):
            return _CLOUD, False, {"id": resource_id, **leaves(resource)}
        case ev.StepSucceeded(attributes=attributes) if attributes:
            return _CLOUD, False, dict(attributes)
        case _:
            return None


def leaves(value: Any) -> dict[str, Any]:
    """Return every value in a specification by its path: ``size.vcpus``, ``forwards[80].target_port``."""
    found: dict[str, Any] = {}
    _gather(msgspec.to_builtins(value), "", found)
    return found


def _gather(value: Any, path: str, found: dict[str, Any]) -> None:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name not in _LEFT_OUT or path:
                _gather(item, f"{path}.{name}" if path else str(name), found)
    elif isinstance(value, list | tuple):
        for item in value:
            key = _key(item)
            if key is None:
                found[f"{path}[{_text(item)}]"] = item
            else:
                _gather(item, f"{path}[{key}]", found)
    elif value is not None:
        found[path] = value


def _key(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return None
    return next((str(item[name]) for name in _KNOWN_BY if name in item), None)


def _text(item: Any) -> str:
    if isinstance(item, Mapping):
        return " ".join(f"{name} {_text(part)}" for name, part in item.items())
    if isinstance(item, list | tuple):
        return ",".join(map(_text, item))
    return item if isinstance(item, str) else json.dumps(item)
