"""What the sandbox says about itself."""

from ...engine.domain.resources import Kind
from ..about import About, Setting

ABOUT = About(
    title="Sandbox, a simulated cloud in one file",
    settings=(
        Setting("KUBISNAP_SANDBOX", "its file; default: `sandbox.sqlite` in the data folder"),
        Setting("KUBISNAP_SANDBOX_ACCOUNT", "the account's name; a new one is a new, empty account"),
        Setting("KUBISNAP_SANDBOX_SEED", "a whole number that all of its chance comes from"),
        Setting("KUBISNAP_SANDBOX_LATENCY", "how slow it is: 1 as a real cloud, 0 at once"),
    ),
    privileges="None: whoever can write the file.",
    tested="It is ours, and what everything else is tested on: the contract, and thousands of seeded runs in "
    "which calls fail, answers get lost, lists lag behind and processes die.",
    kinds=frozenset(Kind) - {Kind.LOAD_BALANCER_MEMBER},
    networks=(8, 28),
    smallest_volume=1,
    cannot=("Nothing in it is real: no server answers, and nothing costs money.",),
)
