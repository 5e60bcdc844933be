"""Tags, and putting them on droplets and volumes."""

from collections.abc import Iterable
from dataclasses import replace

from . import checks
from .models import Droplet, Volume
from .routing import Call, Route, paged
from .wire import NO_CONTENT, Answer, JsonObject, bad_request, not_found, unprocessable
from .world import Account

_KINDS_WITHOUT_TAGS = ("images", "volume_snapshots", "databases")  # counted by the API, absent here


def valid(names: Iterable[str]) -> tuple[str, ...]:
    """The names again, or 422 for the first one that no tag may have."""
    wanted = tuple(names)
    for name in wanted:
        if not checks.TAG_PATTERN.fullmatch(name):
            raise unprocessable(
                f'Tag names may only contain letters, numbers, colons, dashes, and underscores: "{name}"'
            )
    return wanted


def ensure(account: Account, names: Iterable[str]) -> tuple[str, ...]:
    """Make the tags that do not exist yet, as creating a tagged resource does."""
    wanted = valid(names)
    for name in wanted:
        account.tags.setdefault(name)
    return wanted


def must_exist(account: Account, names: Iterable[str]) -> tuple[str, ...]:
    """The names again, or 422 for the first one that is no tag of the account."""
    wanted = tuple(names)
    for name in wanted:
        if name not in account.tags:
            raise unprocessable(f'tag "{name}" does not exist')
    return wanted


def view(call: Call, name: str) -> JsonObject:
    """A tag as the API shows it, with the number of resources of each kind."""
    droplets = [f"/v2/droplets/{d.id}" for d in call.account.droplets.values() if name in d.tags]
    volumes = [f"/v2/volumes/{v.id}" for v in call.account.volumes.values() if name in v.tags]
    resources = {
        **_counted(call, [*volumes, *droplets]),
        "droplets": _counted(call, droplets),
        "volumes": _counted(call, volumes),
        **{kind: {"count": 0} for kind in _KINDS_WITHOUT_TAGS},
    }
    return {"name": name, "resources": resources}


def _counted(call: Call, paths: list[str]) -> JsonObject:
    last = {"last_tagged_uri": call.root + paths[-1]} if paths else {}
    return {"count": len(paths), **last}


def _wanted(call: Call) -> str:
    name = call.args["tag"]
    if name not in call.account.tags:
        raise not_found("tag not found")
    return name


def _list(call: Call) -> Answer:
    return paged(call, "tags", [view(call, name) for name in call.account.tags])


def _create(call: Call) -> Answer:
    name = call.body.get("name")
    if not isinstance(name, str) or not checks.TAG_PATTERN.fullmatch(name):
        # The tag service is one of those that explain themselves in a second dialect besides the usual.
        reason = f'Error validating resource tag: "tag-name \\"{name}\\" contains invalid characters"'
        raise bad_request(reason, {"error": reason, "messages": None, "root_causes": [reason]})
    call.account.tags.setdefault(name)
    return Answer(201, {"tag": view(call, name)})


def _get(call: Call) -> Answer:
    return Answer(200, {"tag": view(call, _wanted(call))})


def _delete(call: Call) -> Answer:
    name = _wanted(call)
    account = call.account
    for droplet in tuple(account.droplets.values()):
        account.droplets[droplet.id] = replace(droplet, tags=_without(droplet.tags, name))
    for volume in tuple(account.volumes.values()):
        account.volumes[volume.id] = replace(volume, tags=_without(volume.tags, name))
    for firewall in tuple(account.firewalls.values()):
        account.firewalls[firewall.id] = replace(firewall, tags=_without(firewall.tags, name))
    del account.tags[name]
    return NO_CONTENT


def _without(tags: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(tag for tag in tags if tag != name)


def _named_resources(call: Call) -> list[Droplet | Volume]:
    listed = checks.objects(call.body, "resources")
    if not listed:
        raise unprocessable("resources is required")
    found: list[Droplet | Volume] = []
    for item in listed:
        kind, identifier = item.get("resource_type"), str(item.get("resource_id"))
        resource: Droplet | Volume | None = None
        if kind == "droplet" and identifier.isdecimal():
            resource = call.account.droplets.get(int(identifier))
        elif kind == "volume":
            resource = call.account.volumes.get(identifier)
        if resource is None:
            raise not_found(f"{kind} {identifier} could not be found.")
        found.append(resource)
    return found


def _put(account: Account, resource: Droplet | Volume, tags: tuple[str, ...]) -> None:
    if isinstance(resource, Droplet):
        account.droplets[resource.id] = replace(resource, tags=tags)
    else:
        account.volumes[resource.id] = replace(resource, tags=tags)


def _tag_resources(call: Call) -> Answer:
    name = _wanted(call)
    for resource in _named_resources(call):
        _put(call.account, resource, tuple(dict.fromkeys((*resource.tags, name))))
    return NO_CONTENT


def _untag_resources(call: Call) -> Answer:
    name = _wanted(call)
    for resource in _named_resources(call):
        _put(call.account, resource, _without(resource.tags, name))
    return NO_CONTENT


ROUTES = (
    Route("GET", "/v2/tags", _list),
    Route("POST", "/v2/tags", _create),
    Route("GET", "/v2/tags/{tag}", _get),
    Route("DELETE", "/v2/tags/{tag}", _delete),
    Route("POST", "/v2/tags/{tag}/resources", _tag_resources),
    Route("DELETE", "/v2/tags/{tag}/resources", _untag_resources, reads_body=True),
)
