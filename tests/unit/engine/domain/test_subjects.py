"""What an event is about, and the words that it is found by."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.domain.subjects import LONGEST_WORD, split, subject, word, words, words_of
from tests.golden.make_log import recorded as golden
from tests.property import audited
from tests.property.strategies import events, recorded

EXAMPLES = {ev.tag_of(item.event): item for item in golden()}
ABOUT = {
    "ClusterDeclared": "cluster",
    "KubernetesVersionDeclared": "cluster",
    "ClusterRetired": "cluster",
    "NetworkDeclared": "network/main",
    "SshKeyDeclared": "ssh-key/admin",
    "FirewallDeclared": "firewall/nodes",
    "ServerPoolDeclared": "pool/workers",
    "ServerPoolScaled": "pool/workers",
    "LoadBalancerDeclared": "load-balancer/front",
    "VolumeDeclared": "volume/data",
    "ReservedIpDeclared": "reserved-ip/spare",
}
"""What intents are about; PartWithdrawn is tested apart, the facts have keys."""


# ── what it is about ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ABOUT)
def test_an_intent_is_about_a_part_or_the_cluster(kind: str) -> None:
    assert subject(EXAMPLES[kind].event) == ABOUT[kind]


@pytest.mark.parametrize("part", ev.Part)
def test_a_part_that_is_withdrawn_is_called_as_when_it_was_declared(part: ev.Part) -> None:
    assert subject(ev.PartWithdrawn(part=part, name="x")) == f"{part.value}/x"
    assert part.value in {about.partition("/")[0] for about in ABOUT.values()}


@pytest.mark.parametrize("event", [ev.RetirementWithdrawn(), ev.DriftPolicyDeclared(drift=())])
def test_what_concerns_the_whole_is_about_the_cluster(event: ev.AnyEvent) -> None:
    assert subject(event) == "cluster"


def test_no_intent_is_about_nothing() -> None:
    kinds = {ev.tag_of(cls) for cls in ev.Intent.__subclasses__()}
    assert kinds == {*ABOUT, "PartWithdrawn", "RetirementWithdrawn", "DriftPolicyDeclared"}


@pytest.mark.parametrize("kind", Kind)
def test_a_fact_about_a_resource_names_its_kind_and_its_name(kind: Kind) -> None:
    key = Key(kind, "web-0")
    assert subject(ev.ResourceLost(key=key, resource_id="1")) == f"{kind.value}/web-0"
    assert subject(ev.StepStarted(step=1, action="create", key=key)) == f"{kind.value}/web-0"


@pytest.mark.parametrize(
    "event",
    [
        ev.StepSucceeded(step=1),
        ev.StepFailed(step=1, error="x", message="server/web-0"),
        ev.LeaseRenewed(),
        ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED),
        ev.NameClaimed(name="web", cluster_id="a" * 32),
    ],
)
def test_what_concerns_an_operation_is_about_nothing_else(event: ev.AnyEvent) -> None:
    assert subject(event) == ""


# ── words ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", set()),
        (" \t\n ", set()),
        ("... -- !", {"--"}),
        ("workers-0", {"workers-0", "workers"}),
        ("web-app-0", {"web-app-0", "web", "app"}),
        ("k8s", {"k8s"}),
        ("GRÖSSE größe", {"grösse"}),
        ("Port 443, (tcp).", {"port", "443", "tcp"}),
        ('"quoted" don\'t', {"quoted", "don", "t"}),
        ("10.0.0.0/16", {"10.0.0.0/16"}),
        ("a\x00b\x1fc\x7fd", {"a", "b", "c", "d"}),
        ("a\u00a0b\u3000c\u2028d", {"a", "b", "c", "d"}),
        ("käthe@example.com", {"käthe@example.com", "käthe", "example", "com"}),
        ("サーバー 服务器", {"サーバー", "服务器"}),
        ("(a:ada", {"a:ada", "ada"}),
        ("((((", set()),
        ("x" * 100, {"x" * LONGEST_WORD}),
        ("x" * 100 + "-y", {"x" * LONGEST_WORD}),
        ("-" + "x" * 100, {"-" + "x" * (LONGEST_WORD - 1)}),
    ],
)
def test_the_words_of_a_text(text: str, expected: set[str]) -> None:
    assert words_of(text) == expected


@given(text=st.text(max_size=60))
def test_every_word_of_a_text_is_found_as_it_was_typed_and_in_capitals(text: str) -> None:
    found = words_of(text)
    assert all(word(piece) in found for piece in split(text) if word(piece))
    assert words_of(text.swapcase()) >= {word(piece) for piece in split(text.swapcase())} - {""}


@given(text=st.text(max_size=60))
def test_a_word_is_one_piece_and_begins_with_no_bracket(text: str) -> None:
    """So that the index takes it for one, and never for a mark."""
    for found in words_of(text):
        assert split(found) == [found]
        assert found[0] not in "([{<`.,;:!?"
        assert 0 < len(found) <= LONGEST_WORD


def test_the_words_are_those_of_the_kind_of_all_texts_and_of_all_numbers_but_nought() -> None:
    key = Key(Kind.SERVER, "workers-0")
    failed = ev.StepFailed(step=0, error="QuotaExceeded", message="no room", status=422, ambiguous=True)
    started = ev.StepStarted(step=7, action="create", key=key, provider_name="web-workers-0")
    succeeded = ev.StepSucceeded(step=1, attributes={"public-ip": "192.0.2.1"})
    first, second, third = map(words, recorded([failed, started, succeeded]))
    assert first == {"stepfailed", "quotaexceeded", "no", "room", "422"}
    assert second == {"stepstarted", "create", "server", "workers-0", "workers", "web-workers-0", "web"}
    assert third == {"stepsucceeded", "public-ip", "public", "192.0.2.1"}


def test_letters_in_a_long_word_say_nothing() -> None:
    assert words_of("4e4d9f1189-9bc8-4e4d-abc1-8e6e0cfcf6a4") == {"4e4d9f1189-9bc8-4e4d-abc1-8e6e0cfcf6a4"}
    assert words_of("shop-batch-32-817f2193") == {"shop-batch-32-817f2193", "shop", "batch"}


def test_the_operators_why_is_told_once_where_the_operation_begins() -> None:
    started = audited.EVENTS[0]
    items = [
        msgspec.structs.replace(item, reason="Ticket-77") for item in recorded([started, ev.LeaseRenewed()])
    ]
    assert "ticket-77" in words(items[0])
    assert "ticket-77" not in words(items[1])


@settings(max_examples=max(10, settings().max_examples // 2))
@given(event=events)
def test_the_words_of_any_event_are_those_that_a_second_reading_finds(event: ev.AnyEvent) -> None:
    (item,) = recorded([event])
    assert words(item) == audited.words(item)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_kind_of_event_has_words_and_its_kind_is_one(kind: str) -> None:
    assert words(EXAMPLES[kind]) == audited.words(EXAMPLES[kind])
    assert kind.lower() in words(EXAMPLES[kind])
