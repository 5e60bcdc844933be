"""A small router: path templates, the call a handler gets, label selectors, and pages of a list."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from .models import Action, Record
from .wire import Answer, ApiError, JsonObject, invalid, not_found
from .world import Project, World, action_view

DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE = 25, 50
_TERM = re.compile(r"\s*(!?)\s*([A-Za-z0-9./_-]+)\s*(?:(!=|==|=)\s*([A-Za-z0-9._-]*))?\s*")

T = TypeVar("T", bound=Record)


@dataclass(frozen=True)
class Call:
    """One request, understood and allowed: what a handler needs to answer it."""

    world: World
    project: Project
    args: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: JsonObject

    @property
    def id(self) -> int:
        """The number in the path."""
        return int(self.args["id"])

    def of(self, items: Mapping[int, T], what: str) -> T:
        """What the number in the path names, or 404."""
        if self.id not in items:
            raise not_found(what, self.id)
        return items[self.id]

    def asked(self, name: str) -> str:
        """A query's value, or an empty string."""
        return (self.query.get(name) or [""])[0]

    def act(self, command: str, *resources: tuple[str, int], **how: Any) -> Action:
        """Begin an action."""
        return self.world.act(self.project, command, *resources, **how)


Handler: TypeAlias = Callable[[Call], Answer]


@dataclass(frozen=True)
class Route:
    """One operation of the API. `{id}` in the template is a number."""

    method: str
    template: str
    handler: Handler
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        regex = self.template.replace("{id}", r"(?P<id>[0-9]{1,16})")
        object.__setattr__(self, "pattern", re.compile(f"/v1{regex}"))


def found(routes: Iterable[Route], method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route that a method and a path ask for, and its path arguments; or 404, or 405."""
    known = False
    for route in routes:
        if match := route.pattern.fullmatch(path):
            if route.method == method:
                return route, match.groupdict()
            known = True
    if known:
        raise ApiError(405, "method_not_allowed", "This method is not allowed here")
    raise ApiError(404, "not_found", "the requested resource could not be found")


def selected(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether labels are as a selector says: all of its terms, which have commas between them."""
    for term in filter(str.strip, selector.split(",")):
        match = _TERM.fullmatch(term)
        if match is None:
            raise invalid("label_selector")
        absent, key, operator, value = match.groups()
        if operator is None:
            holds = (key in labels) != bool(absent)
        else:
            holds = (labels.get(key) == value) != (operator == "!=")
        if not holds:
            return False
    return True


def listed(call: Call, key: str, items: Iterable[T], view: Callable[[T], JsonObject]) -> Answer:
    """One page of what a query asks for, by name and by labels."""
    name, selector = call.asked("name"), call.asked("label_selector")
    selected(selector, {})  # what is no selector is refused, be there nothing to select from
    chosen = [item for item in items if name in {"", item.name} and selected(selector, item.labels)]
    return paged(call, key, [view(item) for item in chosen])


def paged(call: Call, key: str, items: Sequence[JsonObject]) -> Answer:
    """One page of a list."""
    size = min(_positive(call, "per_page", DEFAULT_PAGE_SIZE), LARGEST_PAGE_SIZE)
    page = _positive(call, "page", 1)
    last = max(1, -(-len(items) // size))
    pagination = {
        "page": page,
        "per_page": size,
        "previous_page": page - 1 if page > 1 else None,
        "next_page": page + 1 if page < last else None,
        "last_page": last,
        "total_entries": len(items),
    }
    shown = list(items[(page - 1) * size : page * size])
    return Answer(200, {key: shown, "meta": {"pagination": pagination}})


def _positive(call: Call, name: str, default: int) -> int:
    text = call.asked(name)
    if text and not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise invalid(name)
    return int(text) if text else default


def began(action: Action) -> Answer:
    """The answer to a request for a change: the action that it began."""
    return Answer(201, {"action": action_view(action)})
