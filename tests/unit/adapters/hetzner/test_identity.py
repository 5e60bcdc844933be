"""Whose account a token opens: never another's, whoever says so."""

from collections.abc import Iterator

import pytest

from kubisnap.adapters import hetzner
from kubisnap.adapters.hetzner.identity import MARK, digest
from kubisnap.adapters.hetzner.simulator import HetznerSimulator
from kubisnap.engine.errors import Denied, InvalidInput
from kubisnap.engine.ports import Account


@pytest.fixture
def simulator() -> Iterator[HetznerSimulator]:
    with HetznerSimulator(projects={"one": "one-1", "two": "two-1"}) as simulator:
        simulator.add_token("one", "one-2")
        yield simulator


def account(simulator: HetznerSimulator, token: str, same: str = "") -> Account:
    settings = {"HCLOUD_TOKEN": token, "HCLOUD_ENDPOINT": simulator.url, "HCLOUD_SAME_PROJECT": same}
    cloud = hetzner.factory(settings)
    found = cloud.account()
    cloud.close()
    return found


def mark(simulator: HetznerSimulator, token: str) -> None:
    cloud = hetzner.Hetzner(token, end_point=simulator.url)
    cloud._transport.request("POST", "/firewalls", json={"name": MARK})
    cloud.close()


def test_a_token_is_known_by_a_digest_that_does_not_show_it(simulator: HetznerSimulator) -> None:
    found = account(simulator, "one-1")
    assert found.id == f"token-{digest('one-1')}"
    assert "one-1" not in f"{found}"
    assert "unmarked" in found.title


def test_tokens_of_one_project_are_several_accounts_until_it_is_marked(simulator: HetznerSimulator) -> None:
    assert account(simulator, "one-1").id != account(simulator, "one-2").id
    mark(simulator, "one-2")
    assert account(simulator, "one-1") == account(simulator, "one-2")
    assert account(simulator, "one-1").id.startswith("project-")


def test_two_marked_projects_are_two_accounts(simulator: HetznerSimulator) -> None:
    mark(simulator, "one-1")
    mark(simulator, "two-1")
    assert account(simulator, "one-1").id != account(simulator, "two-1").id


def test_what_a_project_was_known_as_holds_for_that_project_only(simulator: HetznerSimulator) -> None:
    """The setting may be left in a shell that later has another project's token."""
    before = account(simulator, "one-1").id
    same = f"{before}={account(simulator, 'one-2').id}"
    assert account(simulator, "one-2", same).id == before
    assert account(simulator, "one-1", same).id == before
    assert account(simulator, "two-1", same) == account(simulator, "two-1")
    mark(simulator, "one-1")
    marked = account(simulator, "one-1")
    assert account(simulator, "one-1", same) == marked
    assert account(simulator, "one-1", f"{before}={marked.id}").id == before


@pytest.mark.parametrize("same", ["x", "token-1", "token-1=", "web=project-2", "token-1=project-2=token-3"])
def test_what_names_no_two_accounts_is_refused(same: str) -> None:
    with pytest.raises(InvalidInput) as error:
        hetzner.factory({"HCLOUD_TOKEN": "x", "HCLOUD_SAME_PROJECT": same})
    assert error.value.field == "HCLOUD_SAME_PROJECT"


def test_a_token_that_opens_nothing_is_denied(simulator: HetznerSimulator) -> None:
    with pytest.raises(Denied):
        account(simulator, "nobody's")
