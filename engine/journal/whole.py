"""A whole log from outside, checked before it may be kept: every event read, the state that they make."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ..domain.state import ClusterState, apply_event
from ..errors import MalformedEvent
from .codec import Codec, StoredRow


@dataclass(frozen=True)
class WholeLog:
    """The log of one cluster from its first event on. Made by `checked`, so that it makes sense."""

    rows: tuple[StoredRow, ...]
    state: ClusterState

    @classmethod
    def checked(cls, cluster_id: str, rows: Iterable[StoredRow], codec: Codec | None = None) -> Self:
        """Decode and fold the rows, each once.

        Raises `UnknownEvent` for what a newer version wrote, `MalformedEvent` for what makes no sense.
        """
        decode = (codec or Codec()).decode
        kept: list[StoredRow] = []
        state = ClusterState()
        for row in rows:
            try:
                apply_event(state, decode(cluster_id, row))
            except ValueError as error:
                raise MalformedEvent(row.tag, str(error)) from error
            kept.append(row)
            if state.cluster_id not in {"", cluster_id}:
                raise MalformedEvent(row.tag, f"the log is not the one of {cluster_id}")
        return cls(tuple(kept), state)
