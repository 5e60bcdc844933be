"""Faults for the simulator: an answer of ours to one action, or a cut connection."""

from kubisnap.adapters.aws.simulator import Answer, Call, Fault


def failing(action: str, answer: object) -> Fault:
    """Return a fault that gives this answer whenever an action is asked for."""

    def fault(call: Call) -> Answer | object | None:
        return answer if call.action == action else None

    return fault


def nothing(_: Call) -> None:
    """Let everything through."""
