"""What the API server adds to an object: ids, versions, owners of fields, the configuration last applied."""

from base64 import b64encode
from typing import Any

import msgspec

from benchmarks.archive.draw import Draw

Object = dict[str, Any]
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MANAGERS = (
    "argocd-controller",
    "helm",
    "kubectl-client-side-apply",
    "kustomize-controller",
    "Terraform",
)


def text(value: Any) -> str:
    """Return compact JSON."""
    return msgspec.json.encode(value).decode()


def coded(data: bytes) -> str:
    """Return base64, as the values of a Secret are."""
    return b64encode(data).decode()


def moment(draw: Draw) -> str:
    """Return a time of the last two years, as Kubernetes writes it."""
    return (
        f"202{draw.between(4, 5)}-{draw.between(1, 12):02}-{draw.between(1, 28):02}"
        f"T{draw.between(0, 23):02}:{draw.between(0, 59):02}:{draw.between(0, 59):02}Z"
    )


def owned_fields(value: Any) -> Object:
    """Return who-owns-what of an object, as `managedFields` spells it."""
    if isinstance(value, dict):
        return {f"f:{name}": owned_fields(item) for name, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        return {f"k:{text({'name': item['name']})}": {".": {}, **owned_fields(item)} for item in value}
    return {}


def served(draw: Draw, wanted: Object, status: Object | None = None, *, applied: bool = True) -> Object:
    """Return the object as the API server gives it back."""
    metadata: Object = dict(wanted["metadata"])
    made = moment(draw)
    manager = draw.often_first(MANAGERS)
    if applied:
        metadata["annotations"] = {**metadata.get("annotations", {}), LAST_APPLIED: text(wanted) + "\n"}
    fields = {name: value for name, value in wanted.items() if name not in {"apiVersion", "kind"}}
    fields["metadata"] = {name: metadata[name] for name in ("annotations", "labels") if name in metadata}
    managed = [_managed(wanted, manager, made, fields)]
    if status:
        entry = _managed(wanted, "kube-controller-manager", moment(draw), {"status": status})
        managed.append({**entry, "subresource": "status"})
    metadata |= {
        "creationTimestamp": made,
        "managedFields": managed,
        "resourceVersion": str(draw.between(1_000_000, 9_999_999)),
        "uid": draw.uuid(),
    }
    rest = {name: value for name, value in wanted.items() if name != "metadata"}
    found: Object = {**rest, "metadata": metadata}
    if "spec" in wanted:
        metadata["generation"] = draw.between(1, 40)
    if status:
        found["status"] = status
    return found


def _managed(wanted: Object, manager: str, time: str, fields: Object) -> Object:
    return {
        "apiVersion": wanted["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": owned_fields(fields),
        "manager": manager,
        "operation": "Update",
        "time": time,
    }
