"""Who works on the cluster of the generated log, from where, and what they say about it."""

from benchmarks.archive.draw import Draw
from kubisnap.engine.domain.events import Holder

ACTORS = (
    "ci-autoscaler",
    "ci-deploy",
    "kaethe",
    "m.okafor@example.com",
    "yusuf",
    "anneliese.brandt@example.com",
    "tomasz.w",
    "priya",
    "oncall",
    "s.lindqvist@example.com",
    "jmartin",
    "root",
)
HOSTS = ("runner", "runner-arm", "bastion", "workstation")
REASONS = (
    "queue depth above threshold ({n} jobs)",
    "",
    "nightly batch",
    "INC-{n}: latency in checkout",
    "OPS-{n}: quarterly capacity review",
    "evening traffic",
    "CHG{n}: approved in the change meeting",
    "scale down after the sale",
    "see OPS-{n}",
    "image with the fix for CVE-2025-{n}",
    "somebody clicked in the console again",
    "test of the runbook, step {n}",
)
TOOLS = ("kubisnap 0.1.0", "kubisnap 0.1.3", "kubisnap 0.2.0", "kubisnap 0.2.1", "kubisnap 0.3.0")


def actor(draw: Draw) -> str:
    """Return who does it."""
    return draw.often_first(ACTORS)


def reason(draw: Draw) -> str:
    """Return why, which is often not said."""
    text = draw.often_first(REASONS)
    return text.format(n=draw.between(1000, 49_999)) if "{n}" in text else text


def holder(draw: Draw) -> Holder:
    """Return a process: runners come and go, and have a new name each time."""
    host = draw.often_first(HOSTS)
    if host.startswith("runner"):
        host = f"{host}-{draw.word(5)}"
    return Holder(host=host, pid=draw.between(300, 65_000), scope=draw.hexed(16))
