"""SSH keys of the account."""

import base64
import hashlib
from dataclasses import replace

from . import checks
from .models import SshKey
from .routing import Call, Route, paged
from .wire import NO_CONTENT, Answer, JsonObject, not_found, unprocessable
from .world import Account

_KINDS = frozenset(
    {
        "ssh-rsa",
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    }
)


def fingerprint(public_key: str) -> str:
    """The MD5 fingerprint with colons, which is what the API calls a key by; 422 when it is no key."""
    wrong = unprocessable("Key invalid, key should be of the format `type key [comment]`")
    kind, _, rest = public_key.strip().partition(" ")
    encoded = rest.strip().partition(" ")[0]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise wrong from None
    # The key's own first field repeats its type: a length and the text.
    if kind not in _KINDS or not blob.startswith(len(kind).to_bytes(4, "big") + kind.encode()):
        raise wrong
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[index : index + 2] for index in range(0, 32, 2))


def find(account: Account, identifier: object) -> SshKey | None:
    """A key by its number (as a number or as text) or by its fingerprint."""
    for key in account.keys.values():
        if identifier in (key.id, str(key.id), key.fingerprint):
            return key
    return None


def view(key: SshKey) -> JsonObject:
    """A key as the API shows it."""
    return {"id": key.id, "fingerprint": key.fingerprint, "public_key": key.public_key, "name": key.name}


def _wanted(call: Call) -> SshKey:
    key = find(call.account, call.args["key"])
    if key is None:
        raise not_found()
    return key


def _list(call: Call) -> Answer:
    return paged(call, "ssh_keys", [view(key) for key in call.account.keys.values()])


def _create(call: Call) -> Answer:
    name = checks.text(call.body, "name")
    public_key = checks.text(call.body, "public_key", longest=16384).strip()
    print_of_key = fingerprint(public_key)
    if find(call.account, print_of_key):
        raise unprocessable("SSH Key is already in use on your account")
    key = SshKey(call.world.new_int("ssh_key"), name, public_key, print_of_key)
    call.account.keys[key.id] = key
    return Answer(201, {"ssh_key": view(key)})


def _get(call: Call) -> Answer:
    return Answer(200, {"ssh_key": view(_wanted(call))})


def _rename(call: Call) -> Answer:
    key = replace(_wanted(call), name=checks.text(call.body, "name"))
    call.account.keys[key.id] = key
    return Answer(200, {"ssh_key": view(key)})


def _delete(call: Call) -> Answer:
    del call.account.keys[_wanted(call).id]
    return NO_CONTENT


ROUTES = (
    Route("GET", "/v2/account/keys", _list),
    Route("POST", "/v2/account/keys", _create),
    Route("GET", "/v2/account/keys/{key}", _get),
    Route("PUT", "/v2/account/keys/{key}", _rename),
    Route("DELETE", "/v2/account/keys/{key}", _delete),
)
