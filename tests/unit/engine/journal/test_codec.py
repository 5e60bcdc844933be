"""Events to bytes and back, and what is refused on the way."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.errors import MalformedEvent, UnknownEvent
from kubisnap.engine.journal.codec import MAX_EVENT_BYTES, UPCASTERS, Codec, Payload, StoredRow
from tests.golden.make_log import recorded, recorded_later, recorded_second, recorded_third

FROZEN = {
    "ClusterDeclared": 1,
    "ClusterRetired": 1,
    "DriftObserved": 1,
    "DriftPolicyDeclared": 1,
    "FirewallDeclared": 1,
    "KubernetesVersionDeclared": 1,
    "LeaseRenewed": 1,
    "LoadBalancerDeclared": 1,
    "MigrationStepTaken": 1,
    "NameClaimed": 1,
    "NameReleased": 1,
    "NetworkDeclared": 1,
    "OperationFinished": 1,
    "OperationStarted": 3,
    "PartWithdrawn": 1,
    "PlanAccepted": 1,
    "ReservedIpDeclared": 1,
    "ResourceDestroyed": 1,
    "ResourceLost": 1,
    "ResourceProvisioned": 1,
    "ResourceUpdated": 1,
    "RetirementWithdrawn": 1,
    "RollbackStarted": 1,
    "ServerPoolDeclared": 2,
    "ServerPoolScaled": 1,
    "SnapshotCaptured": 1,
    "SshKeyDeclared": 1,
    "StepFailed": 1,
    "StepRetried": 1,
    "StepSettled": 1,
    "StepStarted": 1,
    "StepSucceeded": 1,
    "TranslationChosen": 1,
    "VolumeDeclared": 1,
}
"""Every tag that is in somebody's log, and its schema. A new one joins; none ever leaves or is renamed."""

EXAMPLES = [
    msgspec.structs.replace(item, schema=item.event.SCHEMA)
    for item in (*recorded(), *recorded_later(), *recorded_second(), *recorded_third())
]
FAILED = ev.StepFailed(step=1, error="Rejected", message="no")


def enveloped(event: Any, **changes: Any) -> Any:
    values = {
        "stream": "c" * 32,
        "version": 7,
        "time": 1_700_000_000_000_000,
        "actor": "käthe",
        "operation": 3,
        "cause": 2,
        "reason": "why not",
        "schema": event.SCHEMA,
        "event": event,
    }
    return ev.Recorded(**{**values, **changes})


def stored(payload: bytes, *, schema: int = 1, tag: str = "StepFailed") -> StoredRow:
    envelope = [schema, 5, "actor", 1, 0, "", msgspec.Raw(payload)]
    return StoredRow(1, tag, msgspec.msgpack.encode(envelope))


# ── round trips ──────────────────────────────────────────────────────────────────────────────


def test_there_is_an_example_of_every_event() -> None:
    assert {type(item.event) for item in EXAMPLES} == set(ev.all_event_types())


@pytest.mark.parametrize("item", EXAMPLES, ids=lambda item: f"{item.version}-{ev.tag_of(item.event)}")
def test_every_event_comes_back_as_it_was(item: ev.Recorded) -> None:
    row = Codec().encode(item)
    assert Codec().decode(item.stream, row) == item
    assert (row.version, row.tag) == (item.version, ev.tag_of(item.event))


_texts = st.text(st.characters(codec="utf-8"))


@given(
    message=_texts,
    error=_texts,
    status=st.integers(-(2**63), 2**64 - 1),
    ambiguous=st.booleans(),
    actor=_texts,
    operation=st.integers(0, 2**63 - 1),
    when=st.integers(-(2**63), 2**63 - 1),
)
def test_any_values_come_back_as_they_were(
    *, message: str, error: str, status: int, ambiguous: bool, actor: str, operation: int, when: int
) -> None:
    event = ev.StepFailed(step=1, error=error, message=message, status=status, ambiguous=ambiguous)
    item = enveloped(event, actor=actor, operation=operation, time=when)
    assert Codec().decode(item.stream, Codec().encode(item)) == item


@given(attributes=st.dictionaries(_texts, _texts), name=_texts)
def test_maps_and_keys_come_back_as_they_were(attributes: dict[str, str], name: str) -> None:
    for event in (
        ev.StepSucceeded(step=1, attributes=attributes),
        ev.ResourceLost(key=Key(Kind.SERVER, name), resource_id=name),
    ):
        item = enveloped(event)
        assert Codec().decode(item.stream, Codec().encode(item)) == item


def test_the_same_event_is_always_the_same_bytes() -> None:
    assert Codec().encode(enveloped(FAILED)) == Codec().encode(enveloped(FAILED))


# ── what never changes ───────────────────────────────────────────────────────────────────────


def test_tags_and_schemas_are_the_frozen_ones() -> None:
    now = {ev.tag_of(cls): cls.SCHEMA for cls in ev.all_event_types()}
    assert {tag: now.get(tag) for tag in FROZEN} == FROZEN
    assert set(now) == set(FROZEN), "a new event: freeze its tag here, and add it to the golden log"


def test_no_two_events_share_a_tag() -> None:
    types = ev.all_event_types()
    assert len({ev.tag_of(cls) for cls in types}) == len(types)


def test_a_tag_does_not_depend_on_the_name_of_the_class() -> None:
    made = msgspec.defstruct("Renamed", [("step", int)], bases=(ev.Event,), tag="Kept", kw_only=True)
    renamed: Any = made
    assert ev.tag_of(renamed) == "Kept"
    assert Codec([renamed], {}).encode(enveloped(renamed(step=1))).tag == "Kept"


# ── refused by name ──────────────────────────────────────────────────────────────────────────


def test_an_unknown_tag_is_refused_by_name() -> None:
    with pytest.raises(UnknownEvent, match="ClusterTeleported") as caught:
        Codec().decode("c", stored(b"\x80", tag="ClusterTeleported"))
    assert caught.value.known_schema is None


def test_a_newer_schema_is_refused_by_name() -> None:
    with pytest.raises(UnknownEvent, match=r"StepFailed in schema 2; .* up to 1") as caught:
        Codec().decode("c", stored(b"\x80", schema=2))
    assert (caught.value.tag, caught.value.schema, caught.value.known_schema) == ("StepFailed", 2, 1)


@pytest.mark.parametrize("schema", [0, -1, -(2**63)])
def test_a_schema_that_never_was_is_malformed(schema: int) -> None:
    with pytest.raises(MalformedEvent, match="schema"):
        Codec().decode("c", stored(b"\x80", schema=schema))


# ── malformed bytes ──────────────────────────────────────────────────────────────────────────


@given(state=st.binary(max_size=200), tag=st.sampled_from(sorted(FROZEN)))
def test_any_bytes_are_an_event_or_malformed(state: bytes, tag: str) -> None:
    with suppress(MalformedEvent, UnknownEvent):
        Codec().decode("c", StoredRow(1, tag, state))


_junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(payload=_junk, tag=st.sampled_from(sorted(FROZEN)))
def test_any_payload_is_an_event_or_malformed(payload: Any, tag: str) -> None:
    fields = payload if isinstance(payload, dict) else {"event": tag, "step": payload, "key": payload}
    try:
        encoded = msgspec.msgpack.encode({"event": tag, **fields})
    except UnicodeEncodeError:
        return
    with suppress(MalformedEvent):
        Codec().decode("c", stored(encoded, tag=tag))


@pytest.mark.parametrize("item", EXAMPLES[:6] + EXAMPLES[-1:], ids=lambda item: ev.tag_of(item.event))
def test_an_event_cut_short_anywhere_is_malformed(item: ev.Recorded) -> None:
    row = Codec().encode(item)
    for length in range(len(row.state)):
        with pytest.raises(MalformedEvent):
            Codec().decode("c", row._replace(state=row.state[:length]))


def test_bytes_after_the_end_are_malformed() -> None:
    row = Codec().encode(enveloped(FAILED))
    with pytest.raises(MalformedEvent):
        Codec().decode("c", row._replace(state=row.state + b"\x00"))


def test_the_payload_of_another_event_is_malformed() -> None:
    row = Codec().encode(enveloped(ev.ServerPoolScaled(pool="workers", before=1, count=2)))
    with pytest.raises(MalformedEvent, match="StepFailed"):
        Codec().decode("c", row._replace(tag="StepFailed"))


def test_deep_nesting_is_malformed_and_does_not_end_the_process() -> None:
    deep = b"\x91" * 200_000 + b"\x00"
    payload = b"\x81" + msgspec.msgpack.encode("step") + deep
    for row in (StoredRow(1, "StepFailed", deep), stored(payload), stored(deep, tag="PlanAccepted")):
        with pytest.raises(MalformedEvent):
            Codec().decode("c", row)


def test_text_in_place_of_bytes_is_malformed() -> None:
    """SQLite keeps whatever it is given, whatever the column's type says."""
    text: Any = "not bytes"
    with pytest.raises(MalformedEvent):
        Codec().decode("c", StoredRow(1, "StepFailed", text))


def test_an_event_too_large_is_neither_read_nor_written() -> None:
    with pytest.raises(MalformedEvent, match="too many"):
        Codec().decode("c", StoredRow(1, "StepFailed", bytes(MAX_EVENT_BYTES + 1)))
    huge = ev.StepFailed(step=1, error="", message="x" * MAX_EVENT_BYTES)
    with pytest.raises(MalformedEvent, match="too many"):
        Codec().encode(enveloped(huge))


# ── old schemas ──────────────────────────────────────────────────────────────────────────────


class ToyV1(ev.Event, frozen=True, kw_only=True, tag="Toy"):
    size: str


class ToyV2(ev.Event, frozen=True, kw_only=True, tag="Toy"):
    SCHEMA: ClassVar[int] = 2
    gib: int


class ToyV3(ev.Event, frozen=True, kw_only=True, tag="Toy"):
    SCHEMA: ClassVar[int] = 3
    mib: int
    unit: str = "MiB"


def _to_2(payload: Payload) -> Payload:
    size = payload.pop("size")
    return {**payload, "gib": int(size.removesuffix("GiB"))}


def _to_3(payload: Payload) -> Payload:
    return {"event": payload["event"], "mib": payload["gib"] * 1024}


CHAIN = {("Toy", 1): _to_2, ("Toy", 2): _to_3}


def test_an_old_event_is_brought_up_step_by_step() -> None:
    first = Codec([ToyV1], {}).encode(enveloped(ToyV1(size="3GiB")))
    second = Codec([ToyV2], CHAIN).encode(enveloped(ToyV2(gib=5)))
    today = Codec([ToyV3], CHAIN)
    found = today.decode("c" * 32, first)
    assert found == enveloped(ToyV3(mib=3072))
    assert found.schema == 3
    assert today.decode("c" * 32, second).event == enveloped(ToyV3(mib=5120)).event
    assert today.decode("c" * 32, today.encode(enveloped(ToyV3(mib=1)))) == enveloped(ToyV3(mib=1))


def test_an_old_version_refuses_what_a_newer_one_wrote() -> None:
    row = Codec([ToyV3], CHAIN).encode(enveloped(ToyV3(mib=1)))
    with pytest.raises(UnknownEvent, match="schema 3"):
        Codec([ToyV2], CHAIN).decode("c", row)


@pytest.mark.parametrize("missing", [1, 2])
def test_a_gap_in_the_chain_is_refused_at_once(missing: int) -> None:
    gappy = {key: up for key, up in CHAIN.items() if key[1] != missing}
    with pytest.raises(ValueError, match=f"no upcaster for Toy from schema {missing}"):
        Codec([ToyV3], gappy)


@pytest.mark.parametrize("payload", [{}, {"size": 3}, {"size": "many"}, {"size": None}, {"gib": 1}])
def test_an_old_event_that_its_schema_never_allowed_is_malformed(payload: dict[str, Any]) -> None:
    row = stored(msgspec.msgpack.encode({"event": "Toy", **payload}), schema=1, tag="Toy")
    with pytest.raises(MalformedEvent, match="Toy"):
        Codec([ToyV3], CHAIN).decode("c", row)


def test_every_event_of_today_has_its_way_up() -> None:
    Codec()
    tags = {ev.tag_of(cls): cls.SCHEMA for cls in ev.all_event_types()}
    assert all(schema < tags[tag] for tag, schema in UPCASTERS), "an upcaster that leads nowhere"


# ── nothing of today gets into yesterday's events ────────────────────────────────────────────


def _factories(cls: Any, seen: set[Any]) -> Iterator[tuple[str, Any]]:
    if cls in seen:
        return
    seen.add(cls)
    for field in msgspec.structs.fields(cls):
        if field.default_factory is not msgspec.NODEFAULT:
            yield f"{cls.__name__}.{field.name}", field.default_factory
        for part in _structs(field.type):
            yield from _factories(part, seen)


def _structs(kind: Any) -> Iterator[Any]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for part in getattr(kind, "__args__", ()):
        yield from _structs(part)


def test_no_default_is_computed_from_the_surroundings() -> None:
    """A default factory also runs when an old event without the field is decoded."""
    seen: set[Any] = set()
    for cls in ev.all_event_types():
        for field, factory in _factories(cls, seen):
            assert factory in {dict, list, set, tuple}, field
    assert len(seen) > len(ev.all_event_types()), "nested values were looked at, too"


def test_an_old_event_means_the_same_tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Codec().encode(item) for item in EXAMPLES]
    before = [Codec().decode("c", row) for row in rows]
    for name in ("USER", "LOGNAME", "HOME", "TZ", "KUBISNAP_ACTOR"):
        monkeypatch.setitem(os.environ, name, "somebody-else")
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert [Codec().decode("c", row) for row in rows] == before


@pytest.mark.parametrize("field", ["schema", "time", "operation", "cause"])
def test_a_number_that_no_store_can_hold_is_malformed(field: str) -> None:
    """There is room for one bit more than in a database's integers; an archive may bring one."""
    envelope = {"schema": 1, "time": 5, "actor": "a", "operation": 1, "cause": 0, "reason": ""}
    values = [*(envelope | {field: 1 << 63}).values(), {"event": "LeaseRenewed"}]
    with pytest.raises(MalformedEvent, match="LeaseRenewed"):
        Codec().decode("c" * 32, StoredRow(1, "LeaseRenewed", msgspec.msgpack.encode(values)))
