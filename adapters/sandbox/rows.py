"""What one resource is in the sandbox's file, and how it looks at a given moment."""

from typing import Any

import msgspec

from ...engine.domain.resources import Kind, Observed, Status


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What a resource is. `hidden` is what the cloud keeps but never tells (user data, key ids)."""

    properties: dict[str, Any] = {}
    links: dict[str, str] = {}
    attributes: dict[str, str] = {}
    hidden: dict[str, Any] = {}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One resource as stored. Times are in the clock's seconds; `gone_at` is None unless it is leaving."""

    kind: Kind
    id: str
    name: str
    cluster: str
    body: Body
    unique_key: str | None = None
    ready_at: float = 0.0
    busy_until: float = 0.0
    listed_at: float = 0.0
    gone_at: float | None = None
    failure: str = ""

    def status(self, now: float) -> Status:
        """Return how far along it is at `now`."""
        if self.gone_at is not None:
            return Status.DELETING
        if now < self.ready_at:
            return Status.CREATING
        return Status.FAILED if self.failure else Status.READY

    def observed(self, now: float) -> Observed:
        """Return it as the cloud shows it."""
        return Observed(
            kind=self.kind,
            id=self.id,
            name=self.name,
            status=self.status(now),
            properties={name: _as_told(value) for name, value in self.body.properties.items()},
            links=self.body.links,
            attributes=self.body.attributes,
        )


def _as_told(value: Any) -> Any:
    """Return what JSON gave back as `msgspec.to_builtins` had it: the specs hold tuples, never lists."""
    if isinstance(value, list):
        return tuple(_as_told(item) for item in value)
    if isinstance(value, dict):
        return {name: _as_told(item) for name, item in value.items()}
    return value


COLUMNS = "kind, id, name, cluster, unique_key, ready_at, busy_until, listed_at, gone_at, failure, body"
encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Body)


def row_from(values: tuple[Any, ...]) -> Row:
    """Return the row that a SELECT of `COLUMNS` found."""
    names = COLUMNS.split(", ")
    fields = dict(zip(names, values, strict=True))
    return Row(**{**fields, "kind": Kind(fields["kind"]), "body": _decoder.decode(fields["body"])})
