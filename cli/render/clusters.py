"""Clusters and their resources, as `get` shows them."""

from typing import Any

import msgspec

from ...engine.domain.history import drift_text
from ...engine.domain.resources import Key, Kind
from ...engine.domain.state import Binding, ClusterState, Unfinished
from ...engine.errors import Locked
from .drift import told_document
from .style import moment, printable, table

_TREE = (Kind.NETWORK, Kind.SUBNET, Kind.FIREWALL, Kind.SSH_KEY, Kind.LOAD_BALANCER, Kind.RESERVED_IP)


def status_of(state: ClusterState) -> str:
    """Say in one word how a cluster is, by its log."""
    if state.gone:
        return "deleted"
    if state.retired:
        return "deleting"
    pending = state.pending()
    if pending is not None:
        return f"#{pending.numbers[-1]} unfinished"
    wanted = set(state.spec().servers())
    have = {key.name for key in state.bindings if key.kind is Kind.SERVER}
    if not have:
        return "declared"
    return "ready" if wanted == have else "incomplete"


def servers_text(state: ClusterState) -> str:
    """Return how many servers there are of how many wanted."""
    have = sum(key.kind is Kind.SERVER for key in state.bindings)
    return f"{have}/{len(state.spec().servers())}"


def place_of(state: ClusterState) -> str:
    """Return ``cloud/region``."""
    return "" if state.placement is None else f"{state.placement.cloud}/{state.placement.region}"


def clusters_text(states: list[ClusterState], now: int, *, utc: bool) -> str:
    """Return the list of clusters."""
    rows = [
        [
            state.name,
            place_of(state),
            state.kubernetes,
            servers_text(state),
            status_of(state),
            f"#{state.operations}",
            moment(state.updated, now, utc=utc),
        ]
        for state in states
    ]
    return table(rows, header=["NAME", "PLACE", "KUBERNETES", "SERVERS", "STATUS", "LOG", "CHANGED"])


def unfinished_text(pending: Unfinished) -> str:
    """Name the operations that did not come to their end: the first, and those that went on with it."""
    first, *rest = pending.numbers
    return ", ".join([f"#{first} {pending.kind}", *(f"#{number}" for number in rest)])


def ways_on(state: ClusterState) -> tuple[str, str]:
    """Return the command that goes on with what is unfinished, and the one that takes it back."""
    pending = state.pending()
    deleting = state.retired and pending is not None and pending.before.declared
    on = f"kubisnap delete {state.name}" if deleting else f"kubisnap apply {state.name} --resume"
    return on, f"kubisnap apply {state.name} --abandon"


def _unfinished(state: ClusterState, held: Locked | None, *, past: bool) -> list[str]:
    """Say what is unfinished, and what can be done about it: to wait, as long as it is held."""
    pending = state.pending()
    if pending is None:
        return []
    if past:
        return [f"  ! {unfinished_text(pending)} had not come to its end"]
    if held is not None:
        since = f"since {held.since} ({held.age})"
        return [
            f"  ! {unfinished_text(pending)} is being carried out by {held.actor}, {held.holder}, {since}",
            f"      held until {held.expires} unless it writes again",
        ]
    on, back = ways_on(state)
    lines = [f"  ! {unfinished_text(pending)} did not come to its end"]
    effect = "keeps what is left" if state.retired and pending.before.declared else "takes it back"
    return [*lines, f"      {on}      goes on with it", f"      {back}      {effect}"]


def unfinished_document(
    state: ClusterState, held: Locked | None, *, past: bool = False
) -> dict[str, Any] | None:
    """Return what is unfinished as JSON, with both ways on, if it is now; `held` says who is at it."""
    pending = state.pending()
    if pending is None:
        return None
    on, back = ("", "") if past else ways_on(state)
    return {
        "operations": pending.numbers,
        "operation_kind": pending.kind.value,
        "rolling_back": pending.rolling_back,
        "resume": on,
        "abandon": back,
        "held": None if held is None else dict(held.facts),
    }


def cluster_text(state: ClusterState, held: Locked | None = None, *, past: bool = False) -> str:
    """Return one cluster as a tree; problems are named, equal things are not hidden."""
    lines = [
        f"{state.name}  {place_of(state)}  Kubernetes {state.kubernetes}  {status_of(state)}",
        f"  id       {state.cluster_id}  log #{state.operations}",
        f"  account  {state.account or '-'}",
        *_origin(state),
        *_unfinished(state, held, past=past),
    ]
    rows: list[list[str]] = []
    for pool in state.spec().pools:
        rows.append([f"  pool {pool.name}", f"{pool.count} × {_size(pool.size.pins, state)}", ""])
        rows += [_server(state, name) for name in pool.servers()]
    wanted = set(state.spec().servers())
    left = [key.name for key in sorted(state.bindings) if key.kind is Kind.SERVER and key.name not in wanted]
    if left:
        rows.append(["  not declared any more", "", ""])
        rows += [_server(state, name) for name in left]
    others = [
        [f"  {key}", binding.resource_id, told(binding), "" if binding.owned else "not ours"]
        for kind in _TREE
        for key, binding in sorted(state.bindings.items())
        if key.kind is kind
    ]
    for volume in state.spec().volumes:
        binding = state.bindings.get(Key(Kind.VOLUME, volume.name))
        others.append([f"  volume/{volume.name}", _id(binding), f"{volume.size_gib} GiB", volume.server])
    drifted = [f"  ! {printable(drift_text(event))}" for _, event in sorted(state.drifted.items())]
    return "\n".join(part for part in (*lines, table(rows), table(others), *drifted) if part)


def _origin(state: ClusterState) -> list[str]:
    """Say from which moment of which cluster this one was made, and from which archive, if from one."""
    origin = state.origin
    if origin is None:
        return []
    archive = f", {origin.archive[:19]}" if origin.archive else ", from the log"
    return [f"  made as  {origin.cluster_name} at event {origin.position}{archive}"]


def _size(pins: dict[str, str], state: ClusterState) -> str:
    return pins.get("" if state.placement is None else state.placement.cloud, "?")


def _id(binding: Binding | None) -> str:
    return "missing" if binding is None else binding.resource_id


def told(binding: Binding) -> str:
    """Return what the cloud told of a resource: addresses and the like."""
    return printable(", ".join(f"{name} {value}" for name, value in sorted(binding.attributes.items())))


def _server(state: ClusterState, name: str) -> list[str]:
    binding = state.bindings.get(Key(Kind.SERVER, name))
    addresses = "" if binding is None else told(binding)
    note = "" if binding is None or binding.ready else "not ready"
    return [f"    {name}", _id(binding), ", ".join(part for part in (note, addresses) if part)]


def cluster_document(
    state: ClusterState, held: Locked | None = None, *, past: bool = False
) -> dict[str, Any]:
    """Return a cluster as JSON: intent, and what it is bound to."""
    return {
        "name": state.name,
        "id": state.cluster_id,
        "status": status_of(state),
        "account": state.account,
        "log": {"operation": state.operations, "position": state.position},
        "unfinished": unfinished_document(state, held, past=past),
        "spec": msgspec.to_builtins(state.spec()),
        "origin": msgspec.to_builtins(state.origin),
        "resources": [resource_document(key, binding) for key, binding in sorted(state.bindings.items())],
        "drift": [told_document(event) for _, event in sorted(state.drifted.items())],
    }


def resource_document(key: Key, binding: Binding) -> dict[str, Any]:
    """Return one resource as JSON."""
    return {
        "kind": key.kind.value,
        "name": key.name,
        "id": binding.resource_id,
        "provider_name": binding.provider_name,
        "owned": binding.owned,
        "ready": binding.ready,
        "attributes": binding.attributes,
        "applied": msgspec.to_builtins(binding.resource),
    }
