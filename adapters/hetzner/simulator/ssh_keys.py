"""SSH keys, and what all records have in common: being made, renamed, labelled."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from . import checks
from .models import Record, SshKey
from .routing import Call, Route, listed
from .wire import NO_CONTENT, Answer, JsonObject, invalid, taken
from .world import stamp

_TYPE = re.compile(r"(ssh|ecdsa|sk)-[a-zA-Z0-9@.-]+")


def base(call: Call, kind: str, items: Mapping[int, Record], *, name: str | None = None) -> dict[str, Any]:
    """What every new record has; its name must be new in the project."""
    chosen = checks.name(call.body) if name is None else name
    free(chosen, items)
    labels = checks.labels(call.body)
    created = stamp(call.world.now())
    return {"id": call.world.new_id(kind), "name": chosen, "labels": labels, "created": created}


def free(name: str, items: Mapping[int, Record], but: int = 0) -> None:
    """Refuse a name that something else has."""
    if any(item.name == name and item.id != but for item in items.values()):
        raise taken(f"name '{name}'")


def changed(call: Call, record: Record, items: Mapping[int, Record]) -> None:
    """Change name and labels, as far as they are given."""
    if "name" in call.body:
        name = checks.name(call.body)
        free(name, items, record.id)
        record.name = name
    if "labels" in call.body:
        record.labels = checks.labels(call.body)


def common(record: Record) -> JsonObject:
    """What is shown of every record."""
    return {
        "id": record.id,
        "name": record.name,
        "labels": dict(record.labels),
        "created": record.created,
    }


def view(key: SshKey) -> JsonObject:
    """A key as the API shows it."""
    return {**common(key), "public_key": key.public_key, "fingerprint": key.fingerprint}


def _fingerprint(public_key: str) -> str:
    kind, _, rest = public_key.strip().partition(" ")
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
    except binascii.Error:
        blob = b""
    if not _TYPE.fullmatch(kind) or not blob:
        raise invalid("public_key")
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, 32, 2))


def _create(call: Call) -> Answer:
    keys = call.project.ssh_keys
    public_key = checks.text(call.body, "public_key", longest=16_384)
    fingerprint = _fingerprint(public_key)
    if any(key.fingerprint == fingerprint for key in keys.values()):
        raise taken("SSH key with the same fingerprint")
    key = SshKey(**base(call, "ssh_key", keys), public_key=public_key, fingerprint=fingerprint)
    keys[key.id] = key
    return Answer(201, {"ssh_key": view(key)})


def _list(call: Call) -> Answer:
    wanted = call.asked("fingerprint")
    keys = [key for key in call.project.ssh_keys.values() if wanted in {"", key.fingerprint}]
    return listed(call, "ssh_keys", keys, view)


def _get(call: Call) -> Answer:
    return Answer(200, {"ssh_key": view(call.of(call.project.ssh_keys, "SSH key"))})


def _put(call: Call) -> Answer:
    key = call.of(call.project.ssh_keys, "SSH key")
    changed(call, key, call.project.ssh_keys)
    return Answer(200, {"ssh_key": view(key)})


def _delete(call: Call) -> Answer:
    del call.project.ssh_keys[call.of(call.project.ssh_keys, "SSH key").id]
    return NO_CONTENT


ROUTES = (
    Route("GET", "/ssh_keys", _list),
    Route("POST", "/ssh_keys", _create),
    Route("GET", "/ssh_keys/{id}", _get),
    Route("PUT", "/ssh_keys/{id}", _put),
    Route("DELETE", "/ssh_keys/{id}", _delete),
)
