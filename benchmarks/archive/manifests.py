"""Kubernetes manifests as the API server returns them, and how a few of them change. Seeded.

2,000 manifests are those of forty applications in thirty namespaces: 3.8 KB each, of which 406 KB in
all are random: most of it keys, certificates and Helm's releases, the rest ids, versions and times.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from benchmarks.archive.apps import APPS, App
from benchmarks.archive.draw import Draw
from benchmarks.archive.served import LAST_APPLIED, Object, moment, text
from benchmarks.archive.templates import SHARES, image_tag

SEED = 20240501
_TENANTS = tuple(
    f"{tenant}-{stage}"
    for tenant in (
        "acme",
        "borealis",
        "cobalt",
        "dunlin",
        "ember",
        "fjord",
        "garnet",
        "heron",
        "iris",
        "juniper",
    )
    for stage in ("prod", "staging", "dev")
)
"""Namespaces. Each tenant has its own copy of the applications."""


class Manifest(NamedTuple):
    """An object's name, ``apps/v1/Deployment/namespace/name``, and its JSON."""

    name: str
    data: bytes


def manifests(count: int = 2000, seed: int = SEED, draw: Draw | None = None) -> list[Manifest]:
    """Return `count` manifests, sorted by name, as lists of the API server are."""
    draw = draw or Draw(seed)
    apps = [App(name) for name in APPS]
    found: dict[str, Manifest] = {}
    while len(found) < count:
        make = draw.weighted(SHARES)
        item = _manifest(make(draw, draw.pick(apps), draw.pick(_TENANTS)))
        found.setdefault(item.name, item)
    return [found[name] for name in sorted(found)]


def changed(given: Sequence[Manifest], share: float = 0.01, seed: int = SEED) -> list[Manifest]:
    """Return the manifests some time later: in this share of them a Deployment has a new image."""
    draw = Draw(seed + 1)
    left = [place for place, item in enumerate(given) if item.name.startswith("apps/v1/Deployment/")]
    wanted = round(len(given) * share)
    if len(left) < wanted:
        raise ValueError(f"{wanted} are to change and only {len(left)} are Deployments")
    later = list(given)
    for _ in range(wanted):
        place = draw.pick(left)
        left.remove(place)
        later[place] = _redeployed(draw, given[place])
    return later


def _manifest(value: Object) -> Manifest:
    metadata = value["metadata"]
    place = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return Manifest(
        f"{value['apiVersion']}/{value['kind']}/{place}{metadata['name']}", msgspec.json.encode(value)
    )


def _redeployed(draw: Draw, item: Manifest) -> Manifest:
    value: Object = msgspec.json.decode(item.data)
    metadata, spec, status = value["metadata"], value["spec"], value["status"]
    container = spec["template"]["spec"]["containers"][0]
    container["image"] = f"{container['image'].rpartition(':')[0]}:{image_tag(draw)}"
    spec["replicas"] += 1
    for name in ("replicas", "availableReplicas", "readyReplicas", "updatedReplicas"):
        status[name] = spec["replicas"]
    metadata["generation"] += 1
    status["observedGeneration"] = metadata["generation"]
    metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + draw.between(1, 1_000_000))
    for entry in metadata["managedFields"]:
        entry["time"] = moment(draw)
    if LAST_APPLIED in metadata.get("annotations", {}):
        applied = msgspec.json.decode(metadata["annotations"][LAST_APPLIED])
        metadata["annotations"][LAST_APPLIED] = text({**applied, "spec": spec}) + "\n"
    return _manifest(value)
