"""A cluster written by hand: YAML text to a spec, every mistake with its line and column.

The file says the same as the specs, in friendlier words: ``size: s-2vcpu-4gb`` or ``memory: 4GiB``,
``from:`` for a rule's sources, ``bootstrap: {file: setup.sh}``. Reading those files is the caller's:
`load` gets a function for it and does no I/O itself.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from ..errors import InvalidInput
from .amounts import mebibytes
from .marked import MAX_BYTES, Marked
from .model import ClusterSpec, DriftPolicy
from .validation import Problem, problems, split_message

__all__ = ["MAX_BYTES", "Manifest", "load"]

_TAINT = re.compile(r"([^=:\s]+)(?:=([^=:\s]*))?:([A-Za-z]+)")

ReadFile = Callable[[str], str]


class Manifest:
    """A cluster specification and where in the file each field stands."""

    def __init__(self, spec: ClusterSpec, marked: Marked) -> None:
        self.spec = spec
        self._marked = marked

    def place(self, error: InvalidInput) -> InvalidInput:
        """Return the error with file, line and column added, if its field is in the file."""
        where = error.where or self._marked.locate(error.field)
        return InvalidInput(error.field, error.problem, where, error.advice)


def load(text: str, *, name: str, read_file: ReadFile) -> Manifest:
    """Read a cluster from YAML; `name` is the file's name for messages.

    `read_file` gets a path as written and returns the text; it may raise `InvalidInput`.
    Raises `InvalidInput` for malformed YAML, unknown or wrong fields and a spec that makes no sense.
    """
    marked = Marked(name)
    content = marked.parse(text, otherwise="a cluster is a mapping: name, cloud, pools and so on")
    try:
        spec = msgspec.convert(_Reader(marked, read_file).cluster(content), ClusterSpec)
    except msgspec.ValidationError as error:
        raise _placed(split_message(error), marked) from error
    for problem in problems(spec):
        raise _placed(problem, marked)
    return Manifest(spec, marked)


def _placed(problem: Problem, marked: Marked) -> InvalidInput:
    # the file has no such part as a placement
    return marked.wrong(problem.field.removeprefix("placement."), problem.problem)


class _Reader:
    """Turns friendly words into the specs'."""

    def __init__(self, marked: Marked, read_file: ReadFile) -> None:
        self.name = marked.name
        self.read_file = read_file
        self._wrong = marked.wrong
        self._cloud = ""

    def cluster(self, raw: dict[str, Any]) -> dict[str, Any]:
        out = dict(raw)
        placement = {key: out.pop(key) for key in ("cloud", "region", "place") if key in out}
        if "cloud" not in placement:
            raise InvalidInput("cloud", "which cloud?", self.name)
        out["placement"] = placement
        self._cloud = str(placement["cloud"])
        if isinstance(out.get("kubernetes"), float):  # YAML reads 1.30 as the number 1.3
            raise self._wrong("kubernetes", 'put the version in quotes: kubernetes: "1.34"')
        each = {
            "ssh_keys": self._ssh_key,
            "pools": self._pool,
            "firewalls": self._firewall,
            "volumes": self._volume,
        }
        for field, convert in each.items():
            if isinstance(out.get(field), list):
                out[field] = [
                    convert(f"{field}[{i}]", dict(item)) if isinstance(item, dict) else item
                    for i, item in enumerate(out[field])
                ]
        if "drift" in out:
            out["drift"] = self._drift(out["drift"])
        return out

    def _drift(self, raw: Any) -> list[dict[str, Any]]:
        """Return ``{firewall: revert}`` as rules."""
        if not isinstance(raw, dict):
            raise self._wrong("drift", "write a policy for each kind, such as firewall: revert")
        for kind, policy in raw.items():
            if policy not in list(DriftPolicy):
                raise self._wrong(f"drift.{kind}", f"{policy!r} is not one of {', '.join(DriftPolicy)}")
        return [{"kind": kind, "policy": policy} for kind, policy in raw.items()]

    def _ssh_key(self, path: str, raw: dict[str, Any]) -> dict[str, Any]:
        if "file" in raw:
            raw["public_key"] = self._file(f"{path}.file", raw.pop("file"))
        if isinstance(raw.get("public_key"), str):
            raw["public_key"] = raw["public_key"].strip()
            if "PRIVATE KEY" in raw["public_key"]:
                raise self._wrong(path, "that is a private key; name the .pub file")
        return raw

    def _pool(self, path: str, raw: dict[str, Any]) -> dict[str, Any]:
        if isinstance(raw.get("size"), str):  # a cloud's own name
            raw["size"] = {"pins": {self._cloud: raw["size"]}}
        elif isinstance(raw.get("size"), dict):
            raw["size"] = self._size(f"{path}.size", raw["size"])
        if isinstance(raw.get("image"), str):
            raw["image"] = {"os": raw["image"]}
        if isinstance(raw.get("bootstrap"), dict):
            inner = raw["bootstrap"]
            if set(inner) != {"file"}:
                raise self._wrong(f"{path}.bootstrap", "write the script here, or {file: PATH}")
            raw["bootstrap"] = self._file(f"{path}.bootstrap.file", inner["file"])
        if isinstance(raw.get("taints"), list):
            raw["taints"] = [
                self._taint(f"{path}.taints[{i}]", item) if isinstance(item, str) else item
                for i, item in enumerate(raw["taints"])
            ]
        return raw

    def _size(self, path: str, raw: dict[str, Any]) -> dict[str, Any]:
        out = dict(raw)
        if "memory" in out:
            out["memory_mib"] = self._amount(f"{path}.memory", out.pop("memory"))
        if "disk" in out:
            out["disk_gib"] = -(-self._amount(f"{path}.disk", out.pop("disk")) // 1024)
        if out.get("architecture") == "x86_64":
            del out["architecture"]  # what nobody says is that
        return out

    def _amount(self, path: str, raw: Any) -> int:
        """Return MiB; a bare number is GiB."""
        amount = mebibytes(str(raw))
        if amount is None:
            raise self._wrong(path, f"{raw!r} is not an amount such as 4GiB or 512MiB")
        return amount

    def _taint(self, path: str, raw: str) -> dict[str, str]:
        match = _TAINT.fullmatch(raw)
        if match is None:
            raise self._wrong(path, f"{raw!r} is not a taint such as dedicated=db:NoSchedule")
        return {"key": match[1], "value": match[2] or "", "effect": match[3]}

    def _firewall(self, _: str, raw: dict[str, Any]) -> dict[str, Any]:
        if isinstance(raw.get("allow"), list):
            raw["allow"] = [_rule(item) if isinstance(item, dict) else item for item in raw["allow"]]
        return raw

    def _volume(self, path: str, raw: dict[str, Any]) -> dict[str, Any]:
        if "size" in raw:
            raw["size_gib"] = -(-self._amount(f"{path}.size", raw.pop("size")) // 1024)
        return raw

    def _file(self, path: str, raw: Any) -> str:
        if not isinstance(raw, str):
            raise self._wrong(path, "which file?")
        try:
            return self.read_file(raw)
        except InvalidInput as error:
            raise self._wrong(path, error.problem) from error


def _rule(raw: dict[str, Any]) -> dict[str, Any]:
    out = dict(raw)
    if "from" in out:
        out["sources"] = out.pop("from")
    if isinstance(out.get("sources"), str):
        out["sources"] = [out["sources"]]
    if isinstance(out.get("ports"), int):
        out["ports"] = str(out["ports"])
    return out
