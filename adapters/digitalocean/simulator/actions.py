"""Actions: what takes time, and the list of what has been done.

Other modules start an action and say what shall be true when it is over; this one keeps the time.
"""

from collections.abc import Callable
from dataclasses import replace

from .catalog import region_view
from .models import Action
from .routing import Call, Route, paged
from .wire import Answer, JsonObject, not_found
from .world import Account, World, stamp


def start(
    world: World,
    account: Account,
    *,
    kind: str,
    subject: str,
    region: str,
    resource: tuple[str, int | None],
    finish: Callable[[], bool],
    seconds: float | None = None,
) -> Action:
    """Begin an action. `finish` is called when its time has come, and says whether it came to anything."""
    action = Action(
        id=world.new_int("action"),
        type=kind,
        status="in-progress",
        started_at=stamp(world.now()),
        completed_at=None,
        resource_id=resource[1],
        resource_type=resource[0],
        region=region,
        subject=subject,
    )
    account.actions[action.id] = action

    def over(due: float) -> None:
        done = finish()
        account.actions[action.id] = replace(
            action, status="completed" if done else "errored", completed_at=stamp(due)
        )

    world.later(account, world.timing.action_seconds if seconds is None else seconds, over)
    return action


def view(action: Action) -> JsonObject:
    """An action as the API shows it."""
    return {
        "id": action.id,
        "status": action.status,
        "type": action.type,
        "started_at": action.started_at,
        "completed_at": action.completed_at,
        "resource_id": action.resource_id,
        "resource_type": action.resource_type,
        "region": region_view(action.region),
        "region_slug": action.region,
    }


def link(call: Call, action: Action, rel: str) -> JsonObject:
    """The pointer to an action that an answer carries in `links.actions`."""
    return {"id": action.id, "rel": rel, "href": f"{call.root}/v2/actions/{action.id}"}


def about(account: Account, subject: str) -> list[Action]:
    """All actions on one resource, the newest first."""
    return [action for action in reversed(account.actions.values()) if action.subject == subject]


def one_about(call: Call, subject: str) -> Answer:
    """The answer to `…/actions/{action}` below a resource."""
    action = call.account.actions.get(call.number("action"))
    if action is None or action.subject != subject:
        raise not_found()
    return Answer(200, {"action": view(action)})


def _list(call: Call) -> Answer:
    return paged(call, "actions", [view(action) for action in reversed(call.account.actions.values())])


def _get(call: Call) -> Answer:
    action = call.account.actions.get(call.number("action"))
    if action is None:
        raise not_found()
    return Answer(200, {"action": view(action)})


ROUTES = (
    Route("GET", "/v2/actions", _list),
    Route("GET", "/v2/actions/{action:int}", _get),
)
