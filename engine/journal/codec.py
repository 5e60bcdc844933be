"""Events to bytes and back: msgpack, a stable tag, a schema version, upcasters.

A stored event is its tag and one msgpack array, the envelope (`_ENVELOPE`) with the payload as a
map of its fields. A payload of an older schema is brought up step by step by the upcasters below;
one of a newer schema, or with an unknown tag, is refused by name: reading it wrongly would be worse.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import GenericAlias
from typing import Annotated, Any, NamedTuple

import msgspec

from ..domain.events import Event, Recorded, all_event_types, tag_of
from ..errors import MalformedEvent, UnknownEvent

Payload = dict[str, Any]
Upcaster = Callable[[Payload], Payload]


def _as_it_is(payload: Payload) -> Payload:
    """Return what means the same in the next schema, which only has more to say."""
    return payload


UPCASTERS: Mapping[tuple[str, int], Upcaster] = {
    ("OperationStarted", 1): _as_it_is,
    ("OperationStarted", 2): _as_it_is,
    ("ServerPoolDeclared", 1): _as_it_is,
}
"""(tag, schema that it reads) -> the payload in the next schema."""

MAX_EVENT_BYTES = 4 * 1024 * 1024
"""Less than what a block of an archive holds, so that every event can be captured."""


_Number = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
"""Of an envelope: what a database's integer holds. In msgpack there would be room for one bit more."""


class StoredRow(NamedTuple):
    """An event as it is stored and archived: position in its stream, tag, bytes."""

    version: int
    tag: str
    state: bytes


class _Envelope(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The envelope's order on disk. Never reordered; new fields go to the end with a default.

    `Codec.encode` and `_decoder_of_the_whole` write and read the same array without this class.
    """

    schema: _Number
    time: _Number
    actor: str
    operation: _Number
    cause: _Number
    reason: str
    payload: msgspec.Raw


_BEFORE_PAYLOAD = tuple(field.type for field in msgspec.structs.fields(_Envelope))[:-1]


class Reads(NamedTuple):
    """What makes an event of a payload, and the schema that it is in then.

    Where `decode` raises one of `UNREADABLE`, `Codec.decode` raises the error that names the event.
    """

    decode: Callable[[bytes], Event]
    schema: int


UNREADABLE = (
    msgspec.DecodeError,
    RecursionError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)
"""What decoding raises, and an upcaster that meets what its schema never wrote (some are ValueErrors)."""


class Codec:
    """Encodes and decodes events of the types given, by default all of them."""

    def __init__(
        self,
        types: Iterable[type[Event]] | None = None,
        upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS,
    ) -> None:
        self._types = {tag_of(cls): cls for cls in (all_event_types() if types is None else types)}
        self._upcasters = upcasters
        self._encoder = msgspec.msgpack.Encoder()
        self._envelope = msgspec.msgpack.Decoder(_Envelope)
        self._payloads = {tag: msgspec.msgpack.Decoder(cls) for tag, cls in self._types.items()}
        self._tags = {cls: tag for tag, cls in self._types.items()}
        self._whole = {tag: (_decoder_of_the_whole(cls), cls.SCHEMA) for tag, cls in self._types.items()}
        self._check_upcasters()

    def _check_upcasters(self) -> None:
        """Raise ValueError where a schema between 1 and today's has no way up."""
        for tag, cls in self._types.items():
            missing = [n for n in range(1, cls.SCHEMA) if (tag, n) not in self._upcasters]
            if missing:
                raise ValueError(f"no upcaster for {tag} from schema {missing[0]}")

    def encode(self, recorded: Recorded) -> StoredRow:
        """Return the stored form."""
        event = recorded.event
        tag = self._tags.get(type(event)) or tag_of(event)
        envelope = (  # in the order of `_Envelope`: a tuple is written like it, and payloads in the same go
            recorded.schema,
            recorded.time,
            recorded.actor,
            recorded.operation,
            recorded.cause,
            recorded.reason,
            event,
        )
        state = self._encoder.encode(envelope)
        if len(state) > MAX_EVENT_BYTES:  # nobody could read it again
            raise MalformedEvent(tag, f"{len(state)} bytes are too many for one event")
        return StoredRow(recorded.version, tag, state)

    def decode(self, stream: str, row: tuple[int, str, bytes]) -> Recorded:
        """Return the event of a `StoredRow`, or of a plain tuple like it, in today's schema.

        Raises `UnknownEvent` for what a newer version wrote, `MalformedEvent` for broken bytes.
        """
        version, tag, state = row
        fields = None
        try:
            decode, today = self._whole[tag]
            if len(state) <= MAX_EVENT_BYTES:
                fields = decode(state)
        except (msgspec.DecodeError, RecursionError, LookupError, TypeError, ValueError):
            today = 0
        if fields is None or fields[0] != today:
            fields = self._in_steps(tag, state)
        schema, time, actor, operation, cause, reason, event = fields
        return Recorded(
            stream=stream,
            version=version,
            time=time,
            actor=actor,
            operation=operation,
            cause=cause,
            reason=reason,
            schema=schema,
            event=event,
        )

    def reads(self, tag: str, schema: int) -> Reads | None:
        """Return how payloads of this kind and schema are read, None where they cannot be."""
        cls = self._types.get(tag)
        if cls is None or not 0 < schema <= cls.SCHEMA:
            return None
        if schema == cls.SCHEMA:
            return Reads(self._payloads[tag].decode, cls.SCHEMA)
        return Reads(partial(self._payload, tag, cls, schema), cls.SCHEMA)

    def _in_steps(self, tag: str, state: bytes) -> tuple[Any, ...]:
        """Decode what is not simply an event of today: the envelope, which may tell why, then the payload."""
        cls = self._types.get(tag)
        if cls is None:
            raise UnknownEvent(tag, 0, None)
        try:
            if len(state) > MAX_EVENT_BYTES:
                raise MalformedEvent(tag, f"{len(state)} bytes are too many for one event")
            found = self._envelope.decode(state)
            if found.schema > cls.SCHEMA:
                raise UnknownEvent(tag, found.schema, cls.SCHEMA)
            event = self._payload(tag, cls, found.schema, found.payload)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise MalformedEvent(tag, str(error)) from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            # bytes that are text in the store, or an upcaster that met what its schema never wrote
            raise MalformedEvent(tag, f"{type(error).__name__}: {error}") from error
        return cls.SCHEMA, found.time, found.actor, found.operation, found.cause, found.reason, event

    def _payload(self, tag: str, cls: type[Event], schema: int, raw: msgspec.Raw) -> Any:
        if schema == cls.SCHEMA:
            return self._payloads[tag].decode(raw)
        if schema < 1:
            raise MalformedEvent(tag, f"schema {schema}")
        payload: Payload = msgspec.msgpack.decode(raw, type=dict[str, Any])
        for older in range(schema, cls.SCHEMA):
            payload = self._upcasters[tag, older](payload)
        return msgspec.convert(payload, cls)


def _decoder_of_the_whole(cls: type[Event]) -> Callable[[bytes], Any]:
    """Return a decoder of an envelope and the payload in it in one go: folding a long log is decoding."""
    return msgspec.msgpack.Decoder(GenericAlias(tuple, (*_BEFORE_PAYLOAD, cls))).decode
