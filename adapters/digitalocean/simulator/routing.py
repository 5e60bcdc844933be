"""A small router: path templates, the call a handler gets, and pages of a list.

Knows URLs and paging; knows no resource.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar
from urllib.parse import unquote, urlencode

from .wire import Answer, ApiError, JsonObject, bad_request, not_found
from .world import Account, World

DEFAULT_PAGE_SIZE = 20
LARGEST_PAGE_SIZE = 200


@dataclass(frozen=True)
class Call:
    """One request, understood and allowed: what a handler needs to answer it."""

    world: World
    account: Account
    path: str
    args: Mapping[str, str]
    query: Mapping[str, str]
    body: JsonObject
    root: str  # "http://127.0.0.1:8080", from the request's Host

    def number(self, name: str) -> int:
        """A path argument whose template says it is a number."""
        return int(self.args[name])


Handler: TypeAlias = Callable[[Call], Answer]
H = TypeVar("H")


@dataclass(frozen=True)
class Route(Generic[H]):
    """One operation of the API. `{name}` in the template is any one segment, `{name:int}` a number."""

    method: str
    template: str
    handler: H
    # Clients send `{}` with every DELETE; only the few that mean something by it are listened to.
    reads_body: bool | None = None
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        regex = re.sub(r"\{(\w+):int\}", r"(?P<\1>[0-9]{1,18})", self.template)
        regex = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", regex)
        object.__setattr__(self, "pattern", re.compile(regex))
        if self.reads_body is None:
            object.__setattr__(self, "reads_body", self.method in {"POST", "PUT", "PATCH"})


class Router(Generic[H]):
    """Finds the operation that a method and a path ask for. The first fitting route wins."""

    def __init__(self, routes: Iterable[Route[H]]) -> None:
        self._routes = tuple(routes)

    def find(self, method: str, path: str) -> tuple[Route[H], dict[str, str]]:
        """The route and its path arguments, or 404, or 405 where only the method is wrong."""
        known = False
        for route in self._routes:
            if match := route.pattern.fullmatch(path):
                if route.method == method:
                    return route, {name: unquote(text) for name, text in match.groupdict().items()}
                known = True
        if known:
            raise ApiError(405, "method_not_allowed", "This method is not supported on this path.")
        raise not_found("The resource you requested could not be found.")


def paged(call: Call, key: str, items: Sequence[JsonObject]) -> Answer:
    """One page of a list, with links to its neighbours and the total."""
    size = min(_positive(call, "per_page", DEFAULT_PAGE_SIZE), LARGEST_PAGE_SIZE)
    page = _positive(call, "page", 1)
    last = max(1, -(-len(items) // size))
    wanted: dict[str, int] = {}
    if page > 1:
        wanted |= {"first": 1, "prev": min(page - 1, last)}
    if page < last:
        wanted |= {"next": page + 1, "last": last}
    links = (
        {"pages": {name: _page_url(call, number, size) for name, number in wanted.items()}} if wanted else {}
    )
    shown = list(items[(page - 1) * size : page * size])
    return Answer(200, {key: shown, "links": links, "meta": {"total": len(items)}})


def _page_url(call: Call, page: int, size: int) -> str:
    query = {**call.query, "page": str(page), "per_page": str(size)}
    return f"{call.root}{call.path}?{urlencode(query)}"


def _positive(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise bad_request(f"invalid {name}")
    return max(1, int(text))
