"""The one way to AWS: boto3's clients, one a service and region, made when first needed.

Every answer is checked before it is believed, every list is read to its end, every error is the engine's.
Knows boto3; knows no resource.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

import msgspec
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from ...engine.errors import CloudError, Rejected, Unavailable
from ...engine.ports import before_sending
from ..transport.bodies import learn
from .answers import failure, refusal, unexpected
from .names import CLOUD, is_region
from .sessions import Access

T = TypeVar("T")

PAGE_SIZE = 1000
MAX_PAGES = 500
AT_ONCE = 8
"""Regions asked at once."""
_READS = ("Describe", "Get", "List")


class Talk:
    """Calls to one account, from any number of threads. `page_size` is that of EC2's lists.

    Every method raises the `CloudError` family only. A call of AWS's that changes something is asked about
    with `before_sending` in botocore's last event before the bytes leave.
    """

    def __init__(self, access: Access, *, page_size: int = PAGE_SIZE) -> None:
        self.access = access
        self._page_size = page_size
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = Lock()

    def close(self) -> None:
        """Close all connections. What is asked afterwards opens new ones."""
        with self._lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def call(self, region: str, operation: str, into: type[T], **parameters: Any) -> T:
        """Make one call and return its answer. Operations are called as in boto3, ``ec2.run_instances``."""
        service, _, method = operation.partition(".")
        write = not method.startswith(tuple(name.lower() for name in _READS))
        problem: CloudError
        try:  # the client first: AWS's error quotes what no error of ours may have in its causes
            answer = getattr(self._client(service, region), method)(**parameters)
        except boto.ClientError as error:
            problem = refusal(error, write=write, secrets=self.access.secrets())
        except (boto.BotoCoreError, ResponseParserError) as error:
            problem = failure(error, write=write)
        else:
            return converted(answer, into, write=write)
        raise problem

    def refused_as(self, region: str, operation: str, **parameters: Any) -> str:
        """Return the code that AWS refuses a call with; a DRY RUN never does anything else."""
        service, _, method = operation.partition(".")
        try:
            getattr(self._client(service, region), method)(DryRun=True, **parameters)
        except boto.ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            return code if isinstance(code, str) else ""
        except (boto.BotoCoreError, ResponseParserError):
            return ""
        return ""

    def listed(self, region: str, operation: str, key: str, into: type[T], **parameters: Any) -> list[T]:
        """Return a whole list of EC2's, or raise: never a part of it. `key` names it in the answer."""
        return self._pages(region, operation, key, into, parameters, ("NextToken", "NextToken"))

    def long_listed(self, region: str, operation: str, key: str, into: type[T], **parameters: Any) -> list[T]:
        """Return a whole list that EC2 gives in pages of a size that is asked for."""
        return self.listed(region, operation, key, into, MaxResults=self._page_size, **parameters)

    def balancers(self, region: str, operation: str, key: str, into: type[T], **parameters: Any) -> list[T]:
        """Return a whole list of ELBv2's."""
        return self._pages(region, operation, key, into, parameters, ("Marker", "NextMarker"))

    def everywhere(self, regions: list[str], look: Callable[[str], list[T]]) -> list[T]:
        """Return what a look in each of several regions finds, at once; the first error is raised."""
        for region in regions:
            self._client("ec2", region)  # made one after the other anyhow
        with ThreadPoolExecutor(min(AT_ONCE, max(1, len(regions)))) as pool:
            return [found for some in pool.map(look, regions) for found in some]

    def _pages(
        self,
        region: str,
        operation: str,
        key: str,
        into: type[T],
        parameters: Mapping[str, Any],
        tokens: tuple[str, str],
    ) -> list[T]:
        asked, told = tokens
        items: list[T] = []
        seen: set[str] = set()
        more = dict(parameters)
        for _ in range(MAX_PAGES):
            answer = self.call(region, operation, dict[str, Any], **more)
            items += converted(answer.get(key) or [], list[into], write=False)  # type: ignore[valid-type]
            token = answer.get(told)
            if not token:
                return items
            if not isinstance(token, str) or token in seen:
                raise Unavailable(CLOUD, f"the pages of {operation} do not come to an end")
            seen.add(token)
            more[asked] = token
        raise Rejected(CLOUD, f"the list of {operation} has more than {MAX_PAGES} pages")

    def _client(self, service: str, region: str) -> Any:
        if not is_region(region):
            raise Rejected(CLOUD, f"there is no region {region[:60]!r}")
        with self._lock:
            if (service, region) not in self._clients:
                client = self.access.client(service, region)
                client.meta.events.register("before-send", _ask)
                self._clients[service, region] = client
            return self._clients[service, region]


def _ask(event_name: str, **_: Any) -> None:
    """Ask whether a change may be sent. The event is ``before-send.SERVICE.Operation``."""
    if not event_name.rpartition(".")[2].startswith(_READS):
        before_sending()


def converted(data: object, into: type[T], *, write: bool) -> T:
    """Return an answer as a type, or raise what says that it is not one."""
    learn(into)
    problem: CloudError
    try:
        return msgspec.convert(data, into)
    except msgspec.ValidationError as error:
        problem = unexpected(str(error), write=write)
    raise problem
