"""One run: an operator with wishes, processes with fates, a cloud with weather, and the invariants."""

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

from kubisnap.engine.errors import Locked, RollbackIncomplete

from .commanding import KIND, MAKING, Command, start
from .fates import AWAY, Doom, Fate
from .inspecting import Inspector, foreseen, last_look
from .judging import DamagedError
from .scenario import Story, Wish, stories
from .scheduling import StuckError
from .stage import Stage, Verdict
from .storing import furnish

_TRIES = 30
_MEMORY = Path("/dev/shm")
"""Where nothing is synced to a disk, which nothing here needs: power fails within the simulation."""


def play(seed: int) -> Verdict:
    """Play one seed."""
    verdict = Verdict(seed)
    memory = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="kubisnap-simulation-", dir=memory) as folder:
        verdict.folder = folder
        furnish(Path(folder))
        stage = Stage(seed, Path(folder), verdict)
        with stage.in_place():
            try:
                _play(stage)
            except (StuckError, DamagedError) as error:
                stage.broken([str(error)], type(error).__name__)
                stage.scheduler.end()
            finally:
                stage.count()
                stage.close()
    verdict.trace = stage.scheduler.trace
    return verdict


def _play(stage: Stage) -> None:
    """Tell all stories side by side, then see whether all is as it should be."""
    stage.furnish()
    foreign = stage.foreign()
    stage.sky.begin()
    told = stories(stage.random("stories"))
    operators = [Operator(stage, story) for story in told]
    tasks = [
        stage.scheduler.spawn(f"operator {operator.name}", stage.scheduler.world, operator.live)
        for operator in operators
    ]
    stage.scheduler.join(tasks)
    for error in filter(None, [task.exception() for task in tasks]):
        raise error
    stage.sky.calm()
    stage.shelf.full = stage.shelf.power_fails = False
    stage.scheduler.sleep(1500.0)
    for operator in operators:
        operator.apply_to_the_end()
    last_look(stage, foreign)


class Operator:
    """Who looks after one cluster, and runs a command again as the documentation says."""

    def __init__(self, stage: Stage, story: Story) -> None:
        self.name = story.name
        self._stage = stage
        self._story = story
        self._chance = stage.random(f"operator of {story.name}")
        self._inspector = Inspector(stage, story.name)

    def live(self) -> None:
        """Wish for one thing after the other."""
        for wish in self._story.wishes:
            if wish.kind in MAKING or self._stage.exists(self.name):  # else it was given up
                self._fulfil(wish)
                self._stage.scheduler.sleep(self._chance.choice((5.0, 200.0)))

    def _fulfil(self, wish: Wish) -> None:
        self._stage.scheduler.tell(f"── {self.name}: {wish.told}")
        self._inspector.wishing()
        for attempt in range(_TRIES):
            calm = attempt >= wish.patience
            if calm:
                self._stage.sky.calm()
            command = self._attempt(wish, again=attempt > 0, calm=calm)
            if command.succeeded and command.kind is not KIND.ROLLBACK and not command.left:
                return
            self._stage.shelf.full = False
            wish = _as_told(wish, command)
        self._stage.broken([f"{wish.kind} never came to its end"], self.name)

    def _attempt(self, wish: Wish, *, again: bool, calm: bool) -> Command:
        """Run the command once, sometimes beside a colleague."""
        chance, scheduler = self._chance, self._stage.scheduler
        doom = None if calm or chance.random() < 0.35 else Doom.drawn(chance)
        self._inspector.starting()
        command = start(self._stage, self.name, wish, chance, again=again, doom=doom)
        commands, rivals = [command], []
        away = doom is not None and doom.fate in {*AWAY, Fate.JUMP}
        if not calm and chance.random() < (0.8 if away else 0.1):
            rival = partial(self._rival, wish, commands)
            rivals.append(scheduler.spawn(f"rival {self.name}", scheduler.world, rival))
        scheduler.join([command.task, *rivals])
        for one in commands:
            foreseen(one)
        self._stage.sky.settle()
        self._inspector.ended(command, alone=len(commands) == 1)
        if isinstance(command.error, Locked):
            scheduler.sleep(150.0)
        elif command.error is not None:
            scheduler.sleep(chance.choice((5.0, 30.0, 300.0)))
        return command

    def _rival(self, wish: Wish, commands: list[Command]) -> None:
        """Let a colleague type the same a moment later, perhaps on a host whose clock is wrong."""
        chance, scheduler = self._chance, self._stage.scheduler
        scheduler.sleep(chance.choice((0.0, 1.0, 10.0, 130.0)) * chance.random())
        same = Wish(wish.kind, wish.spec)
        for _ in range(4):
            command = start(self._stage, self.name, same, chance, again=True, doom=None)
            commands.append(command)
            if chance.random() < 0.2:
                command.process.wall_error = chance.choice((-1000.0, 60.0, 130.0, 1000.0))
            scheduler.join([command.task])
            if not isinstance(command.error, Locked):
                return
            scheduler.sleep(chance.choice((20.0, 130.0, 130.0)))

    def apply_to_the_end(self) -> None:
        """Apply what is declared until there is nothing to do."""
        for _ in range(6):
            if not self._stage.exists(self.name):
                return
            command = start(self._stage, self.name, Wish(KIND.APPLY), self._chance, again=True, doom=None)
            self._stage.scheduler.join([command.task])
            foreseen(command)
            if command.nothing_to_do:
                return
            self._stage.scheduler.sleep(150.0)
        self._stage.broken(["the last apply never finds nothing to do"], self.name)


def _as_told(wish: Wish, command: Command) -> Wish:
    """Return what to do next: where going back did not come to its end, going forward mends it.

    A server that a repeated request made is in nobody's log, and holds its network for as long as only
    the log is gone by; `apply` and `delete` look at the cloud and find it.
    """
    if not isinstance(command.error, RollbackIncomplete):
        return wish
    return replace(wish, abandons=False, finishes_rollback=False)
