"""The invariants: what must be so after each command, and at the end of each run.

All is compared with what the cloud itself says it holds and with the log on disk.
"""

from collections import Counter
from typing import Any

import msgspec

from kubisnap.adapters.sandbox.catalogue import CATALOGUE
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Kind, Observed, provider_name
from kubisnap.engine.domain.state import ClusterState, fold
from kubisnap.engine.operations.blueprint import blueprint
from kubisnap.engine.operations.settling import key_of
from kubisnap.engine.operations.steps import fields_of

Item = dict[str, Any]


class DamagedError(Exception):
    """The store is not what was promised: nothing that is read from it can be judged."""


def folded(recorded: list[ev.Recorded]) -> ClusterState:
    """Return the state that a log adds up to."""
    try:
        return fold(recorded)
    except ValueError as error:
        raise DamagedError(f"the log does not fold: {error}") from error


def of_cluster(dump: list[Item], cluster_id: str) -> list[Item]:
    """Return what the cloud holds of a cluster, but for what is leaving."""
    return [item for item in dump if item["cluster"] == cluster_id and item["status"] != "deleting"]


def well_formed(recorded: list[ev.Recorded]) -> list[str]:
    """See that a log has no gap, and that operations begin and end in it as they must."""
    problems = []
    if [item.version for item in recorded] != list(range(1, len(recorded) + 1)):
        problems.append("the log has a gap")
    started: dict[int, int] = {}
    ended: Counter[int] = Counter()
    for item in recorded:
        if isinstance(item.event, ev.OperationStarted):
            if item.operation in started:
                problems.append(f"#{item.operation} begins twice")
            started[item.operation] = item.version
        elif item.operation not in started:
            problems.append(f"{item.version} is of #{item.operation}, which never began")
        if isinstance(item.event, ev.OperationFinished):
            ended[item.operation] += 1
    problems += [f"#{number} ends {times} times" for number, times in ended.items() if times > 1]
    return problems


def at_rest(recorded: list[ev.Recorded]) -> list[str]:
    """See that every operation has an end, and every step an outcome if its operation succeeded."""
    outcomes: dict[int, ev.Outcome | None] = {}
    begun: dict[tuple[int, int], ev.StepStarted] = {}
    for item in recorded:
        event = item.event
        if isinstance(event, ev.OperationStarted):
            outcomes[item.operation] = None
        elif isinstance(event, ev.OperationFinished):
            outcomes[item.operation] = event.outcome
        elif isinstance(event, ev.StepStarted):
            begun[item.operation, event.step] = event
        elif isinstance(event, ev.StepSucceeded | ev.StepFailed):
            begun.pop((item.operation, event.step), None)
        elif isinstance(event, ev.StepSettled):
            begun.pop((event.operation, event.step), None)
    problems = [f"#{number} has no end" for number, outcome in outcomes.items() if outcome is None]
    problems += [
        f"#{number} succeeded, and its step {step} ({event.key}) has no outcome"
        for (number, step), event in begun.items()
        if outcomes.get(number) is ev.Outcome.SUCCEEDED
    ]
    return problems


def same_as_log(state: ClusterState, recorded: list[ev.Recorded]) -> list[str]:
    """See that the state that was kept is the fold of what was written."""
    return [] if state == folded(recorded) else ["the state that was kept is not the fold of the log"]


def explained(dump: list[Item], state: ClusterState) -> list[str]:
    """See that there is nothing of the cluster that the log knows nothing of."""
    keys = {*state.bindings, *state.strays.values()}
    pending = state.pending()
    if pending is not None:
        keys |= {key for key, _ in pending.work.made}
        keys |= {step.key for step in pending.work.unknown.values()}
    if state.open is not None:
        keys |= {step.key for step in state.open.steps.values()}
    return [
        f"orphan: {item['kind']} {item['name']} ({item['id']}) is in no log"
        for item in of_cluster(dump, state.cluster_id)
        if key_of(state.ref, _observed(item)) not in keys
    ]


def _observed(item: Item) -> Observed:
    return Observed(kind=Kind(item["kind"]), id=item["id"], name=item["name"])


def converged(dump: list[Item], state: ClusterState) -> list[str]:
    """See that what is declared is there, once, as declared and ready, and nothing else is."""
    problems = []
    wanted = {item.key: item.resource for item in blueprint(state.spec(), CATALOGUE)}
    held = {(item["kind"], item["id"]): item for item in dump}
    problems += [f"{key} is declared and not bound" for key in sorted(wanted.keys() - state.bindings.keys())]
    problems += [f"{key} is bound and not declared" for key in sorted(state.bindings.keys() - wanted.keys())]
    for key, binding in state.bindings.items():
        item = held.get((key.kind.value, binding.resource_id))
        if item is None:
            problems.append(f"{key} ({binding.resource_id}) is bound and not there")
        elif item["status"] != "ready" or not binding.ready:
            problems.append(f"{key} is {item['status']}; the log has it ready: {binding.ready}")
        elif key in wanted:
            asked = msgspec.json.decode(msgspec.json.encode(fields_of(wanted[key])))
            problems += [
                f"{key}: {name} is {value!r}, declared {asked[name]!r}"
                for name, value in item["properties"].items()
                if asked[name] != value and name != "public_key"
            ]
    mine = Counter((item["kind"], item["name"]) for item in of_cluster(dump, state.cluster_id))
    named = Counter(
        (key.kind.value, provider_name(state.ref, key))
        for key, bound in state.bindings.items()
        if bound.owned
    )
    problems += [f"{count} of {what} too many" for what, count in (mine - named).items()]
    problems += [f"{count} of {what} missing" for what, count in (named - mine).items()]
    return problems


def nothing(dump: list[Item], cluster_id: str) -> list[str]:
    """See that a cluster that is gone left nothing."""
    return [
        f"left behind: {item['kind']} {item['name']} ({item['id']})" for item in of_cluster(dump, cluster_id)
    ]


def unchanged(before: list[Item], after: list[Item]) -> list[str]:
    """See that what was there before is there again, and nothing more."""
    old = {(item["kind"], item["id"]): item for item in before}
    new = {(item["kind"], item["id"]): item for item in after}
    problems = [f"{where} was there before and is not" for where in old.keys() - new.keys()]
    problems += [f"{where} was not there before" for where in new.keys() - old.keys()]
    problems += [
        f"{where} is not what it was"
        for where in old.keys() & new.keys()
        if old[where]["properties"] != new[where]["properties"]
    ]
    return sorted(problems)
