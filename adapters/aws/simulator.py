"""A server that speaks AWS's API on loopback: moto in this process, behind a gate of ours.

    with AwsSimulator() as simulator:
        account = simulator.add_account("AKIAFIRST")
        cloud = factory({"AWS_ACCESS_KEY_ID": "AKIAFIRST", "AWS_SECRET_ACCESS_KEY": "any",
                         "AWS_ENDPOINT_URL": simulator.url})

moto does the work; its models are not safe from threads, so one request is answered at a time. The gate
adds what moto leaves out: access keys that open nothing, accounts apart from each other, the regions of an
account, rehearsals (DryRun) and faults. Nobody checks signatures. What moto does not simulate stays so:
delays, throttling, quotas, client tokens, the health of targets, and most refusals to remove what is in
use.

moto's state belongs to the process, so two simulators tell each other apart by the numbers of their accounts.
Needs moto, which only tests and demonstrations do: nothing else imports this module.
"""

import itertools
import json
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from threading import RLock, Thread
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from ...engine.domain.catalogue import ARM64, X86_64
from ...engine.errors import InvalidInput
from .systems import DPKG, SYSTEMS

REGIONS = ("eu-central-1", "us-east-1", "us-west-2")
"""The regions of an account, unless told otherwise; each that is used costs moto a moment and some memory."""

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/[0-9]+/([a-z0-9-]+)/([a-z0-9-]+)/")
_ACCOUNTS = itertools.count(100000000001)
_LOCK = RLock()
"""One for the process, as moto's state is."""
_CHANGES = ("Describe", "Get", "List")
_BACKENDS = {
    "ec2": "ec2",
    "elasticloadbalancing": "elbv2",
    "sts": "sts",
    "servicequotas": "service-quotas",
}
"""Services by the names that requests are signed for, and what moto calls them."""
_FLAGS = ("ENABLE_AMI_VALIDATION", "EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "ENABLE_KEYPAIR_VALIDATION")

Environ = dict[str, Any]
Start = Callable[..., Any]


class Answer(NamedTuple):
    """An answer of the gate's own."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def error(cls, code: str, message: str, status: int = 400, *, service: str = "ec2") -> "Answer":
        """Return a refusal as a service writes it."""
        if service == "servicequotas":
            return cls(status, json.dumps({"__type": code, "message": message}).encode())
        inner = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        if service == "ec2":
            text = f"<Response><Errors>{inner}</Errors><RequestID>gate</RequestID></Response>"
        else:
            text = f"<ErrorResponse>{inner}<RequestId>gate</RequestId></ErrorResponse>"
        return cls(status, text.encode())


@dataclass(frozen=True)
class Call:
    """A request that came: what is asked for, of which service and region, by whose key."""

    action: str
    service: str
    region: str
    access_key: str
    parameters: Mapping[str, str]

    @property
    def changes(self) -> bool:
        """Whether it changes something."""
        return not self.action.startswith(_CHANGES)


Cut = object()
"""What a fault returns to have the connection cut."""
Fault = Callable[[Call], Answer | object | None]


@dataclass
class SimulatedAccount:
    """An account: its number, and what its keys may not do."""

    number: str
    denied: set[str] = field(default_factory=set)


class AwsSimulator:
    """The server; a context manager. `regions` are those that accounts have enabled.

    `before` is asked before a request reaches moto, `after` when moto has done it and nobody has been told:
    each may return an `Answer` to be sent instead, or `Cut`. Raises `InvalidInput` where moto is missing.
    """

    def __init__(self, *, regions: Iterable[str] = REGIONS) -> None:
        self.regions = tuple(regions)
        self.before: Fault = _nothing
        self.after: Fault = _nothing
        self.calls: list[Call] = []
        self.accounts: dict[str, SimulatedAccount] = {}
        self._stack = ExitStack()
        self._url = ""

    @property
    def url(self) -> str:
        """Return the end point."""
        return self._url

    def __enter__(self) -> Self:
        try:
            from moto.moto_server import werkzeug_app
            from werkzeug.serving import WSGIRequestHandler, make_server
        except ImportError as error:
            raise InvalidInput(
                "simulator", f"moto is not whole: {error}", advice="pip install 'moto[server,ec2,elbv2]'"
            ) from None

        class Quiet(WSGIRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
                pass

        self._stack.enter_context(_moto_told())
        # moto's own dispatcher looks through all of AWS at each request, which takes longer than the answer
        make: Any = werkzeug_app.create_backend_app
        self._apps = {name: make(backend) for name, backend in _BACKENDS.items()}
        server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        self._stack.callback(server.server_close)
        self._stack.callback(thread.join)
        self._stack.callback(server.shutdown)
        self._url = f"http://127.0.0.1:{server.server_port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add_account(self, access_key: str, *, number: str = "") -> str:
        """Let an access key open an account, a new one unless its 12 digits are given; return them."""
        found = number or str(next(_ACCOUNTS))
        self.accounts[access_key] = SimulatedAccount(found)
        return found

    def deny(self, access_key: str, *actions: str) -> None:
        """Let an access key no longer do this, such as ``RunInstances``."""
        self.accounts[access_key].denied.update(actions)

    def reset(self) -> None:
        """Empty the accounts; they stay."""
        from moto.ec2.models import ec2_backends
        from moto.elbv2.models import elbv2_backends

        with _LOCK:
            for number in {account.number for account in self.accounts.values()}:
                for backends in (ec2_backends, elbv2_backends):
                    if number in backends:
                        backends[number].reset()
            self.calls.clear()

    def inventory(self, number: str) -> dict[str, list[str]]:
        """Return what an account holds, by AWS's ids, without what every account has from its start."""
        with _LOCK:
            found = sorted(item for region in self.regions for item in _held(number, region))
        kinds = sorted({kind for kind, _ in found})
        return {kind: [name for other, name in found if other == kind] for kind in kinds}

    def _answer(self, environ: Environ, start: Start) -> Iterable[bytes]:
        call = _call_of(environ)
        with _LOCK:
            self.calls.append(call)
            said = self._gate(call) or self.before(call)
            if said is None:
                environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.accounts[call.access_key].number
                done = _run(self._apps[call.service], environ)
                said = self.after(call) or done
        if not isinstance(said, Answer):
            with suppress(OSError):
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError
        kept = [pair for pair in said.headers if pair[0].lower() != "content-length"]
        start(f"{said.status} Said", [*kept, ("Content-Length", str(len(said.body)))])
        return [said.body]

    def _gate(self, call: Call) -> Answer | None:
        """Return what AWS answers before anything is looked at, or None."""
        account = self.accounts.get(call.access_key)
        if account is None:
            code = "AuthFailure" if call.service == "ec2" else "InvalidClientTokenId"
            return Answer.error(
                code, "AWS was not able to validate the access key", 401, service=call.service
            )
        if call.action in account.denied:
            code = "UnauthorizedOperation" if call.service == "ec2" else "AccessDenied"
            return Answer.error(
                code, f"You are not authorized to do {call.action}", 403, service=call.service
            )
        if call.parameters.get("DryRun") == "true":
            return Answer.error("DryRunOperation", "Request would have succeeded, but DryRun is set", 412)
        if call.action == "DescribeRegions":
            items = "".join(
                f"<item><regionName>{region}</regionName><regionEndpoint>{region}</regionEndpoint></item>"
                for region in self.regions
            )
            text = f"<DescribeRegionsResponse><regionInfo>{items}</regionInfo></DescribeRegionsResponse>"
            return Answer(200, text.encode(), (("Content-Type", "text/xml"),))
        return None


def _nothing(_: Call) -> None:
    return None


def _call_of(environ: Environ) -> Call:
    """Read who asks for what; the body is put back."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = BytesIO(body)
    match = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    key, region, service = match.groups() if match else ("", "", "")
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    fields = {} if target else {name: values[0] for name, values in parse_qs(body.decode()).items()}
    action = target.rpartition(".")[2] or fields.get("Action", "")
    return Call(action, service, region, key, fields)


def _run(app: Any, environ: Environ) -> Answer:
    told: list[Any] = []
    chunks = app(environ, lambda status, headers, *_: told.extend((status, headers)))
    body = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    return Answer(int(told[0].partition(" ")[0]), body, tuple(told[1]))


def _held(number: str, region: str) -> Iterator[tuple[str, str]]:
    from moto.ec2.models import ec2_backends
    from moto.elbv2.models import elbv2_backends

    ec2, elb = ec2_backends[number][region], elbv2_backends[number][region]
    default = {vpc.id for vpc in ec2.describe_vpcs() if str(vpc.is_default).lower() == "true"}
    yield from (("vpc", vpc.id) for vpc in ec2.describe_vpcs() if vpc.id not in default)
    yield from (("subnet", item.id) for item in ec2.describe_subnets() if item.vpc_id not in default)
    yield from (("internet-gateway", item.id) for item in ec2.describe_internet_gateways())
    groups = [item for item in ec2.describe_security_groups() if item.name != "default"]
    yield from (("security-group", item.id) for item in groups)
    every = (item for reservation in ec2.all_reservations() for item in reservation.instances)
    yield from (("instance", item.id) for item in every if item._state.name != "terminated")  # noqa: SLF001
    yield from (("volume", item.id) for item in ec2.describe_volumes())
    yield from (("elastic-ip", str(item.allocation_id)) for item in ec2.describe_addresses())
    yield from (("key-pair", item.key_name) for item in ec2.describe_key_pairs([]))
    yield from (("load-balancer", item.arn) for item in elb.load_balancers.values())
    yield from (("target-group", item.arn) for item in elb.target_groups.values())


@contextmanager
def _moto_told() -> Iterator[None]:
    """Let moto check images, sizes and keys, and know our images only; afterwards as it was."""
    from moto import settings
    from moto.core import responses as core
    from moto.ec2.models import amis

    responses: Any = core
    methods = responses.method_names_from_class
    kept = {name: getattr(settings, name) for name in _FLAGS}
    images, path = amis.AMIS, os.environ.get("MOTO_AMIS_PATH")
    try:
        for name in _FLAGS:
            setattr(settings, name, True)
        responses.method_names_from_class = cache(methods)  # a fifth of moto's time, each time the same
        amis.AMIS = list(_images())
        os.environ["MOTO_AMIS_PATH"] = "in this process"  # read once, at moto's import: now only a sign
        yield
    finally:
        for name, value in kept.items():
            setattr(settings, name, value)
        responses.method_names_from_class = methods
        amis.AMIS = images
        os.environ.pop("MOTO_AMIS_PATH")
        if path is not None:
            os.environ["MOTO_AMIS_PATH"] = path


def _images() -> Iterator[dict[str, Any]]:
    """Yield two builds of each image, and one that somebody else published under the same name."""
    number = itertools.count(1)
    for source in SYSTEMS.values():
        for architecture in (X86_64, ARM64):
            stem = source.pattern.replace("ssd*", "ssd").format(DPKG[architecture]).removesuffix("*")
            for owner, day in (
                (source.owner, "20250301"),
                (source.owner, "20250901"),
                ("666666666666", "20250930"),
            ):
                yield {
                    "ami_id": f"ami-{next(number):017x}",
                    "name": f"{stem}{day}",
                    "description": "",
                    "owner_id": owner,
                    "architecture": architecture,
                    "virtualization_type": "hvm",
                    "hypervisor": "xen",
                    "root_device_type": "ebs",
                    "root_device_name": "/dev/sda1" if "ubuntu" in stem else "/dev/xvda",
                    "public": True,
                    "state": "available",
                    "image_type": "machine",
                    "creation_date": f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00.000Z",
                }
