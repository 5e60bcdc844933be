"""Behind the scenes: `/simulator/...`, where tests and demos set up accounts, faults, and look on.

No token is asked for: the simulator listens on loopback only. Tokens are never shown.
"""

from collections.abc import Callable, Mapping, MutableSequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

from . import checks
from .faults import FaultBook, rule_from_json
from .limits import RateLimit
from .routing import Route, Router
from .wire import NO_CONTENT, SERVER_NAME, Answer, JsonObject, not_found, unprocessable
from .world import Account, World

BANNER = "This is a simulator of DigitalOcean's API: nothing here is real and nothing costs money."


@dataclass(frozen=True)
class RequestRecord:
    """One request to the API, for tests that ask what was asked. Status 0: it got no answer."""

    method: str
    path: str
    query: str
    status: int
    account: str
    fault: str | None


@dataclass(frozen=True)
class Backstage:
    """What the endpoints here may put their hands on."""

    world: World
    faults: FaultBook
    log: MutableSequence[RequestRecord]
    limit_of: Callable[[str], RateLimit]

    def add_account(
        self, name: str, token: str, *, email: str = "", droplet_limit: int = 25, floating_ip_limit: int = 5
    ) -> Account:
        """Open an account; its name and its token must both be new."""
        with self.world.lock:
            if not name or not token:
                raise unprocessable("an account needs a name and a token")
            if self.world.find(name) or self.world.find(token):
                raise unprocessable("there is an account of this name or token already")
            account = Account(
                name=name,
                token=token,
                uuid=self.world.new_uuid("account"),
                email=email or f"{name}@example.com",
                droplet_limit=droplet_limit,
                floating_ip_limit=floating_ip_limit,
            )
            self.world.accounts[name] = account
            return account

    def account(self, name_or_token: str) -> Account:
        """The account of this name or token with everything done that is due, or 404."""
        account = self.world.find(name_or_token)
        if account is None:
            raise not_found("there is no account of this name or token")
        self.world.settle(account)
        return account

    def wipe(self, name_or_token: str) -> None:
        """Delete everything in the account at once: it was lost."""
        with self.world.lock:
            self.account(name_or_token).wipe()

    def inventory(self, name_or_token: str) -> dict[str, int]:
        """How many resources of each kind the account has."""
        with self.world.lock:
            return self.account(name_or_token).inventory()

    def snapshot(self, name_or_token: str) -> JsonObject:
        """Everything the account has, in full, fit for JSON and for comparing.

        Left out is what is no resource of the user's: the history of actions, and default VPCs.
        """
        with self.world.lock:
            account = self.account(name_or_token)
            vpcs = [vpc for vpc in account.vpcs.values() if not vpc.default]
            kinds: dict[str, list[JsonObject]] = {
                "ssh_keys": [asdict(key) for key in account.keys.values()],
                "tags": [{"name": name} for name in account.tags],
                "vpcs": [asdict(vpc) for vpc in vpcs],
                "firewalls": [asdict(firewall) for firewall in account.firewalls.values()],
                "droplets": [asdict(droplet) for droplet in account.droplets.values()],
                "load_balancers": [asdict(balancer) for balancer in account.load_balancers.values()],
                "volumes": [asdict(volume) for volume in account.volumes.values()],
                "reserved_ips": [asdict(reserved) for reserved in account.reserved_ips.values()],
            }
            return {kind: _plain(records) for kind, records in kinds.items()}


_INNER_CLOCKWORK = frozenset({"created", "changed"})  # finer than what the API shows as created_at


def _plain(value: object) -> object:
    """The value with tuples as lists, as JSON would give it back."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if name not in _INNER_CLOCKWORK}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _about(stage: Backstage, _args: Mapping[str, str], _body: JsonObject) -> Answer:
    return Answer(200, {"server": SERVER_NAME, "about": BANNER, "accounts": list(stage.world.accounts)})


def _account_view(stage: Backstage, account: Account) -> JsonObject:
    limit = stage.limit_of(account.name)
    return {
        "name": account.name,
        "uuid": account.uuid,
        "email": account.email,
        "droplet_limit": account.droplet_limit,
        "floating_ip_limit": account.floating_ip_limit,
        "hourly_limit": limit.hourly,
        "burst_limit": limit.burst,
    }


def _list_accounts(stage: Backstage, _args: Mapping[str, str], _body: JsonObject) -> Answer:
    return Answer(200, {"accounts": [_account_view(stage, each) for each in stage.world.accounts.values()]})


def _set_account(stage: Backstage, _args: Mapping[str, str], body: JsonObject) -> Answer:
    """Open an account, or change the limits of the one of this name."""
    name, most = checks.text(body, "name"), 10**9
    with stage.world.lock:
        account = stage.world.accounts.get(name)
        status = 200 if account else 201
        if account is None:
            account = stage.add_account(
                name, checks.text(body, "token"), email=checks.text(body, "email", default="")
            )
        account.droplet_limit = checks.number(
            body, "droplet_limit", low=0, high=most, default=account.droplet_limit
        )
        account.floating_ip_limit = checks.number(
            body, "floating_ip_limit", low=0, high=most, default=account.floating_ip_limit
        )
        limit = stage.limit_of(name)
        limit.hourly = checks.number(body, "hourly_limit", low=1, high=most, default=limit.hourly)
        if body.get("burst_limit") is not None:
            limit.burst = checks.number(body, "burst_limit", low=1, high=most)
        return Answer(status, {"account": _account_view(stage, account)})


def _wipe(stage: Backstage, args: Mapping[str, str], _body: JsonObject) -> Answer:
    stage.wipe(args["account"])
    return NO_CONTENT


def _inventory(stage: Backstage, args: Mapping[str, str], _body: JsonObject) -> Answer:
    return Answer(200, {"inventory": stage.inventory(args["account"])})


def _snapshot(stage: Backstage, args: Mapping[str, str], _body: JsonObject) -> Answer:
    return Answer(200, {"snapshot": stage.snapshot(args["account"])})


def _list_faults(stage: Backstage, _args: Mapping[str, str], _body: JsonObject) -> Answer:
    return Answer(200, {"faults": [asdict(count) for count in stage.faults.counts]})


def _add_faults(stage: Backstage, _args: Mapping[str, str], body: JsonObject) -> Answer:
    """One rule, or several under `rules`: all of them or, when one is wrong, none."""
    given = checks.objects(body, "rules") if "rules" in body else (body,)
    for rule in [rule_from_json(each) for each in given]:
        stage.faults.add(rule)
    return Answer(201, {"faults": [asdict(count) for count in stage.faults.counts]})


def _clear_faults(stage: Backstage, _args: Mapping[str, str], _body: JsonObject) -> Answer:
    stage.faults.clear()
    return NO_CONTENT


def _list_requests(stage: Backstage, _args: Mapping[str, str], _body: JsonObject) -> Answer:
    return Answer(200, {"requests": [asdict(record) for record in tuple(stage.log)]})


def _forget_requests(stage: Backstage, _args: Mapping[str, str], _body: JsonObject) -> Answer:
    stage.log.clear()
    return NO_CONTENT


ControlHandler: TypeAlias = Callable[[Backstage, Mapping[str, str], JsonObject], Answer]

ROUTER: Router[ControlHandler] = Router(
    (
        Route("GET", "/simulator", _about),
        Route("GET", "/simulator/accounts", _list_accounts),
        Route("POST", "/simulator/accounts", _set_account),
        Route("POST", "/simulator/accounts/{account}/wipe", _wipe),
        Route("GET", "/simulator/accounts/{account}/inventory", _inventory),
        Route("GET", "/simulator/accounts/{account}/snapshot", _snapshot),
        Route("GET", "/simulator/faults", _list_faults),
        Route("POST", "/simulator/faults", _add_faults),
        Route("DELETE", "/simulator/faults", _clear_faults),
        Route("GET", "/simulator/requests", _list_requests),
        Route("DELETE", "/simulator/requests", _forget_requests),
    )
)
