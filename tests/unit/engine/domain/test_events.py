"""Events are facts: immutable, known by a tag that never changes, of exactly one family."""

import msgspec
import pytest

from kubisnap.engine.domain import events as ev
from tests.property.strategies import recorded

TAGS = """
ClusterDeclared KubernetesVersionDeclared NetworkDeclared SshKeyDeclared FirewallDeclared ServerPoolDeclared
ServerPoolScaled LoadBalancerDeclared VolumeDeclared ReservedIpDeclared PartWithdrawn ClusterRetired
RetirementWithdrawn DriftPolicyDeclared
OperationStarted LeaseRenewed RollbackStarted PlanAccepted OperationFinished SnapshotCaptured
MigrationStepTaken
TranslationChosen StepStarted StepRetried StepSettled StepSucceeded StepFailed
ResourceProvisioned ResourceUpdated ResourceDestroyed ResourceLost DriftObserved
NameClaimed NameReleased
""".split()  # noqa: SIM905 - a table of words


def test_the_tags_are_these_and_are_never_changed() -> None:
    assert [ev.tag_of(kind) for kind in ev.all_event_types()] == TAGS


def test_every_event_class_is_one_that_a_log_may_hold() -> None:
    assert set(ev.all_event_types()) == set(ev.AnyEvent.__args__)
    assert {kind.__name__ for kind in ev.all_event_types()} <= set(ev.__all__)


@pytest.mark.parametrize("kind", ev.all_event_types(), ids=ev.tag_of)
def test_every_event_has_a_family_a_schema_and_a_docstring_of_its_own(kind: type[ev.Event]) -> None:
    assert kind.FAMILY in {"intent", "course", "fact", "registry"}
    assert kind.SCHEMA >= 1
    assert kind.__doc__
    assert kind.__struct_config__.frozen


@pytest.mark.parametrize(
    "kind", [kind for kind in ev.all_event_types() if kind.FAMILY == "intent"], ids=ev.tag_of
)
def test_no_intent_has_a_field_for_what_only_a_cloud_knows(kind: type[ev.Event]) -> None:
    assert not {"resource_id", "provider_name", "account", "attributes", "address"} & set(
        kind.__struct_fields__
    )


def test_an_event_cannot_be_changed_after_it_was_made() -> None:
    (item,) = recorded([ev.ClusterRetired()])

    with pytest.raises(AttributeError):
        item.version = 2  # type: ignore[misc]


def test_an_old_event_that_lacks_a_newer_field_gets_a_constant() -> None:
    old = {
        "event": "OperationStarted",
        "kind": "create",
        "summary": "",
        "holder": {"host": "a", "pid": 1},
        "tool": "x",
    }

    assert msgspec.convert(old, ev.OperationStarted) == ev.OperationStarted(
        kind=ev.OperationKind.CREATE,
        summary="",
        holder=ev.Holder(host="a", pid=1),
        tool="x",
        cloud="",
        account="",
    )
    assert str(ev.Holder(host="a", pid=1)) == "process 1 on a"
