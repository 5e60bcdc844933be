"""What a step writes into the log, moment by moment: the call's intent, what came of it, how it ended."""

from collections.abc import Iterator

from benchmarks.archive.draw import Draw
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Key, Kind, Resource

CLOUD, ACCOUNT, REGION = "openstack", "9f1c3b7e52d84a6c8e0b4d7fa2c65e13", "eu-nl-1"

Moment = tuple[int, tuple[ev.AnyEvent, ...]]
"""How many microseconds after the moment before, and what is written in one append."""
Story = Iterator[Moment]

TROUBLE = (
    ("Unavailable", "Service Unavailable (HTTP 503): the server is currently unavailable"),
    ("RateLimited", "This request was rate-limited. Over limit: 120 requests a minute"),
    ("Unavailable", "read timed out after 30 s"),
    ("Unavailable", "Connection reset by peer"),
    ("Conflict", "Instance is locked by another task: task_state=spawning"),
)
FATAL = (
    ("QuotaExceeded", "Quota exceeded for cores: Requested 4, but already used 398 of 400 cores", 403),
    ("Unavailable", "No valid host was found. There are not enough hosts available.", 500),
    ("Rejected", "Flavor's disk is too small for requested image", 400),
)
_CALL = (180_000, 1_600_000)
_BOOT = (17_000_000, 64_000_000)


def _retries(draw: Draw, step: int) -> Story:
    """Yield what failed in a way that passes: one call in about thirty, a few times in a row at most."""
    attempt = 0
    while draw.chance(0.03 if attempt == 0 else 0.4):
        attempt += 1
        error, message = draw.often_first(TROUBLE)
        yield (
            draw.between(*_CALL),
            (
                ev.StepRetried(
                    step=step,
                    attempt=attempt,
                    error=error,
                    message=message,
                    wait_ms=draw.between(300, 900) * 2**attempt,
                    ambiguous=False,
                ),
            ),
        )


def _attributes(draw: Draw, kind: Kind) -> dict[str, str]:
    """Return the addresses that a cloud gives."""
    if kind is Kind.SERVER:
        inside = f"10.100.{draw.between(0, 15)}.{draw.between(2, 254)}"
        block = draw.pick(("185.34", "185.35", "91.208", "193.141"))
        outside = f"{block}.{draw.between(0, 255)}.{draw.between(1, 254)}"
        return {"private_ip": inside, "public_ip": outside}
    if kind in {Kind.LOAD_BALANCER, Kind.RESERVED_IP}:
        return {"ip": f"185.36.{draw.between(0, 255)}.{draw.between(1, 254)}"}
    return {}


def create(draw: Draw, step: int, key: Key, name: str, resource_id: str, resource: Resource) -> Story:
    """Tell how a resource is made."""
    yield draw.between(900, 6_000), (ev.StepStarted(step=step, action="create", key=key, provider_name=name),)
    yield from _retries(draw, step)
    yield (
        draw.between(*_CALL),
        (
            ev.ResourceProvisioned(
                step=step,
                key=key,
                resource_id=resource_id,
                provider_name=name,
                cloud=CLOUD,
                account=ACCOUNT,
                region=REGION,
                resource=resource,
            ),
        ),
    )
    wait = _BOOT if key.kind in {Kind.SERVER, Kind.LOAD_BALANCER} else _CALL
    yield draw.between(*wait), (ev.StepSucceeded(step=step, attributes=_attributes(draw, key.kind)),)


def fail(draw: Draw, step: int, key: Key, name: str) -> Story:
    """Tell how a resource is not made."""
    yield draw.between(900, 6_000), (ev.StepStarted(step=step, action="create", key=key, provider_name=name),)
    error, message, status = draw.often_first(FATAL)
    failed = ev.StepFailed(
        step=step, error=error, message=message, status=status, request_id=f"req-{draw.uuid()}"
    )
    yield draw.between(*_CALL), (failed,)


def delete(draw: Draw, step: int, key: Key, resource_id: str, *, compensates: bool = False) -> Story:
    """Tell how a resource goes."""
    started = ev.StepStarted(
        step=step, action="delete", key=key, resource_id=resource_id, compensates=compensates
    )
    yield draw.between(900, 6_000), (started,)
    yield from _retries(draw, step)
    yield (
        draw.between(2_000_000, 14_000_000),
        (
            ev.ResourceDestroyed(step=step, key=key, resource_id=resource_id),
            ev.StepSucceeded(step=step),
        ),
    )


def update(
    draw: Draw,
    step: int,
    key: Key,
    name: str,
    resource_id: str,
    *,
    changed: str,
    before: Resource,
    after: Resource,
) -> Story:
    """Tell how a resource is changed in place."""
    yield (
        draw.between(900, 6_000),
        (
            ev.StepStarted(
                step=step,
                action="update",
                key=key,
                provider_name=name,
                resource_id=resource_id,
                changed=(changed,),
                before=before,
            ),
        ),
    )
    yield from _retries(draw, step)
    yield (
        draw.between(*_CALL),
        (
            ev.ResourceUpdated(
                step=step, key=key, resource_id=resource_id, resource=after, changed=(changed,)
            ),
            ev.StepSucceeded(step=step),
        ),
    )
