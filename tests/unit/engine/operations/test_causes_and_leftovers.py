"""What led to what in the log; what a cloud never gives up; what cannot be found again by name."""

from collections.abc import Callable

import msgspec
import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.catalogue import Catalogue
from kubisnap.engine.domain.model import ReservedIpSpec
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.errors import KeptByCloud, Unavailable
from tests.unit.engine.world import World, spec


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    return new_world(parallel=1)


def test_every_event_but_an_operations_first_names_an_earlier_one_that_led_to_it(world: World) -> None:
    world.create()
    world.scale(3)

    log = world.log()
    started = {item.operation: item.version for item in log if isinstance(item.event, ev.OperationStarted)}
    for item in log:
        if isinstance(item.event, ev.OperationStarted):
            assert item.cause == 0
        else:
            assert started[item.operation] <= item.cause < item.version


def test_what_came_of_a_step_names_the_steps_start(world: World) -> None:
    world.create()

    log = {item.version: item for item in world.log()}
    outcomes = [
        item for item in log.values() if isinstance(item.event, ev.StepSucceeded | ev.ResourceProvisioned)
    ]
    assert outcomes
    for item in outcomes:
        start = log[item.cause].event
        assert isinstance(start, ev.StepStarted)
        assert start.step == item.event.step  # type: ignore[union-attr]


def test_deleting_lets_go_of_what_the_cloud_never_gives_up_and_says_so(world: World) -> None:
    """DigitalOcean's default network of a region cannot be deleted by anybody."""
    world.create()
    world.cloud.on("delete", Kind.NETWORK, before=KeptByCloud("sandbox", "a default network stays", 403))

    result = world.delete()

    assert [item.split(" ")[0] for item in result.kept] == ["network/main"]
    assert "a default network stays" in result.kept[0]
    [note] = [event.note for event in world.events(ev.ResourceDestroyed) if event.note]
    assert note == "sandbox keeps it: a default network stays"
    assert world.last_outcome().outcome is ev.Outcome.SUCCEEDED
    assert [claim.released for claim in world.journal.claims()] == [True]


def nameless_addresses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cloud be one that keeps no names of reserved addresses, as DigitalOcean."""
    whole: Catalogue = world.cloud.catalogue()
    partly = msgspec.structs.replace(whole, nameless=frozenset({Kind.RESERVED_IP}))
    monkeypatch.setattr(world.cloud, "catalogue", lambda: partly)


def test_what_cannot_be_found_by_name_is_asked_for_once_when_the_answer_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second address would cost money for ever, and nobody would ever find the first."""
    nameless_addresses(world, monkeypatch)
    lost = Unavailable("sandbox", "the answer was lost", ambiguous=True)
    world.cloud.on("create", Kind.RESERVED_IP, after=lost)
    cluster = msgspec.structs.replace(spec(), reserved_ips=(ReservedIpSpec(name="entry"),))

    error = world.failing(lambda: world.create(cluster))

    assert world.cloud.count("create", kind=Kind.RESERVED_IP) == 1
    assert error.partial
    assert [item for item in error.left if item.startswith(str(Key(Kind.RESERVED_IP, "entry")))]
