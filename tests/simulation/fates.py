"""What befalls a process: the moment is counted in the points that it passes."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from .cloud import Sky
from .scheduling import Process
from .storing import Shelf


class Fate(StrEnum):
    """One way for a process to be disturbed."""

    CRASH = "crash"
    CALL = "killed while a request is on its way"
    POWER = "power failure"
    CTRL_C = "Ctrl-C"
    CTRL_C_TWICE = "Ctrl-C twice"
    FREEZE = "frozen beyond its lease"
    SUSPEND = "suspended beyond its lease"
    JUMP = "clock jump"
    FULL = "disk full"


AWAY = frozenset({Fate.FREEZE, Fate.SUSPEND})
"""The process is there and does nothing for so long that others may think otherwise."""

_OFTEN = (*Fate, Fate.CRASH, Fate.CRASH, Fate.CRASH, Fate.FREEZE, Fate.FREEZE, Fate.SUSPEND)


@dataclass(frozen=True)
class Doom:
    """A fate and its moment; `seconds` is how long, or how far."""

    fate: Fate
    at: int
    seconds: float = 0.0

    @classmethod
    def drawn(cls, random: Random) -> "Doom":
        """Draw one; early moments are as likely as late ones."""
        fate = random.choice(_OFTEN)
        at = random.randint(1, random.choice((20, 100, 400)))
        seconds = 0.0
        if fate in AWAY:
            seconds = random.uniform(100.0, 400.0)
        elif fate is Fate.JUMP:
            seconds = random.choice((-1.0, 1.0)) * random.choice((1.0, 90.0, 1000.0))
        return cls(fate, at, seconds)

    def befall(self, process: Process, shelf: Shelf, sky: Sky) -> None:
        """Let it happen when its moment has come."""
        if process.points != self.at:
            return
        sky.strike(self.fate.value)
        match self.fate:
            case Fate.CRASH:
                process.die("killed")
                process.point()
            case Fate.CALL:
                process.dies_in_call = True
            case Fate.POWER:
                shelf.power_fails = True
            case Fate.CTRL_C:
                process.pressed = 1
                process.scheduler.stir()
            case Fate.CTRL_C_TWICE:
                process.pressed = 2
                process.scheduler.stir()
            case Fate.FREEZE | Fate.SUSPEND:
                process.slept = self.seconds if self.fate is Fate.SUSPEND else 0.0
                process.frozen_until = process.scheduler.time + self.seconds
                process.scheduler.rest()
            case Fate.JUMP:
                process.wall_error += self.seconds
            case Fate.FULL:
                shelf.full = True
