"""Finding what `kubisnap blame` is asked about: a resource, and perhaps one of its fields."""

from typing import NamedTuple

from ..engine.domain.blaming import Blamed, blame
from ..engine.errors import NotFound
from ..engine.journal.log import Journal
from .as_of import Then


class Asked(NamedTuple):
    """A resource, and its values that were asked for."""

    resource: str
    values: list[Blamed]


def find(journal: Journal, then: Then, text: str) -> Asked:
    """Return the resource that is meant by the longest beginning of `text`, and its values in the rest.

    Without a field, those that are gone are left out, unless all are. Raises `NotFound`.
    """
    for end in (len(text), *(at for at in range(len(text) - 1, 0, -1) if text[at] == ".")):
        resource, field = text[:end], text[end + 1 :]
        events = journal.audit.about(then.cluster_id, resource, upto=then.moment.position)
        if events:
            return Asked(resource, _fitting(resource, field, blame(item.recorded for item in events)))
    there = journal.audit.resources(then.cluster_id, text.partition("/")[0])
    advice = "" if there else f"kubisnap log {then.name} --events      tells of all"
    raise NotFound("resource", text, tuple(there), advice)


def _fitting(resource: str, field: str, values: list[Blamed]) -> list[Blamed]:
    if not field:
        living = [item for item in values if not item.gone]
        return living or values
    found = [
        item for item in values if item.field == field or item.field.startswith((f"{field}.", f"{field}["))
    ]
    if not found:
        there = tuple(dict.fromkeys(item.field.partition("[")[0] for item in values))
        raise NotFound("field", f"{resource}.{field}", there)
    return found
