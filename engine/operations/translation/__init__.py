"""Translation: from what is wanted to what a cloud's catalogue has. Pure.

`complete` fits a spec to its own cloud when it is declared; `translate` fits it to another one when
it is restored. Both pick the cheapest size that satisfies, the nearest region and the image of the
same OS release; both write the choice into the spec as a pin, so that tomorrow's catalogue cannot
change a running cluster. `translate` lists every choice with its reason, and every loss.
"""

from .completing import complete, inherit
from .losses import lacking
from .ranges import renumbered
from .sizes import describe_size
from .translating import Translation, destination, refuse_losses, translate

__all__ = [
    "Translation",
    "complete",
    "describe_size",
    "destination",
    "inherit",
    "lacking",
    "refuse_losses",
    "renumbered",
    "translate",
]
