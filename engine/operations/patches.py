"""What each operation changed of what is declared: the differences that `log -p` shows."""

import msgspec

from ..domain.comparing import Difference, Sign, compare
from ..domain.model import ClusterSpec
from ..domain.undoing import Past, read_past
from ..journal.log import Journal


class Patches:
    """The changes of every operation of a store; the turns of a cluster's log are read once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._pasts: dict[str, Past] = {}

    def of(self, cluster_id: str, number: int) -> list[Difference]:
        """Return what an operation changed; of one that declared a cluster, all of its parts."""
        if cluster_id not in self._pasts:
            turns = self._journal.audit.turns(cluster_id)
            self._pasts[cluster_id] = read_past(item.recorded for item in turns)
        act = self._pasts[cluster_id].acts.get(number)
        if act is None or not act.changed or not act.after.declared:
            return []
        after = act.after.spec()
        found = list(compare(act.before.spec() if act.before.declared else _blank(after), after))
        if act.before.retired != act.after.retired:
            wanted = {"before": not act.before.retired, "after": not act.after.retired}
            found.append(Difference(sign=Sign.CHANGED, part="cluster", field="wanted", **wanted))
        return found


def _blank(spec: ClusterSpec) -> ClusterSpec:
    """Return a specification without its named parts."""
    empty = {name: () for name in spec.__struct_fields__ if isinstance(getattr(spec, name), tuple)}
    return msgspec.structs.replace(spec, **empty)
