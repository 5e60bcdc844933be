"""Migration: a cluster made anew on another cloud while the first one goes on serving.

Steps that are numbered and can be resumed, each an event in the logs of both clusters under one id:
preflight, capture, create, verify, cut-over and, only if it was asked for, retire. The list is open
(`STEPS`): bootstrapping Kubernetes and moving its workloads will join it. Until then it moves the
intended infrastructure and nothing else, and says so.

Nothing is asked of the source's cloud before it is retired: whatever fails before leaves it serving.
"""

from .checking import Finding, Level
from .journeys import Journey, MigrationStep, Retirement, Taken, Witness
from .plans import MigrationPlan, Translate, prepare_migration, under_way
from .preparing import INFRASTRUCTURE_ONLY
from .running import STEPS, MigrationReport, StepReport, migrate, step_names

__all__ = [
    "INFRASTRUCTURE_ONLY",
    "STEPS",
    "Finding",
    "Journey",
    "Level",
    "MigrationPlan",
    "MigrationReport",
    "MigrationStep",
    "Retirement",
    "StepReport",
    "Taken",
    "Translate",
    "Witness",
    "migrate",
    "prepare_migration",
    "step_names",
    "under_way",
]
