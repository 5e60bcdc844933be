"""kubisnap: an event-sourced state engine for Kubernetes clusters.

Every infrastructure change is an append-only event; the state of a cluster is the fold of its log;
a snapshot is that log in one file, replayable against any cloud.

    import kubisnap

    with kubisnap.open_journal("sqlite:///store.sqlite") as journal:
        state = journal.state(journal.cluster_id("web"))
        print(state.spec())

The names below are the public face; they are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .adapters.registry import open_cloud
    from .archives import open_snapshot, save_snapshot
    from .engine.domain.manifest import load as load_manifest
    from .engine.domain.model import (
        ClusterSpec,
        DriftPolicy,
        DriftRule,
        FirewallSpec,
        Forward,
        Image,
        LoadBalancerSpec,
        NetworkSpec,
        Placement,
        PoolSpec,
        Protocol,
        ReservedIpSpec,
        Role,
        Rule,
        Size,
        SshKeySpec,
        SubnetSpec,
        Taint,
        VolumeSpec,
        neutral,
    )
    from .engine.domain.profiles import PROFILES
    from .engine.domain.state import ClusterState, fold
    from .engine.domain.validation import validate
    from .engine.errors import KubisnapError
    from .engine.journal.audit.asking import Audit
    from .engine.journal.audit.queries import Query
    from .engine.journal.log import Journal, open_journal
    from .engine.operations.abandoning import carry_out_rollback, prepare_rollback
    from .engine.operations.changing import (
        carry_out,
        prepare_change,
        prepare_create,
        prepare_delete,
        refuse_mass_deletion,
        refuse_over_budget,
    )
    from .engine.operations.context import Context, Pace
    from .engine.operations.saved import load_plan, prepare_saved, save_plan
    from .engine.operations.snapshots import capture, prepare_restore, unpack
    from .engine.operations.undoing import prepare_redo, prepare_revert, prepare_undo, reversal_of

__version__ = "0.1.0"

_HOME = {
    "Audit": "engine.journal.audit.asking",
    "ClusterSpec": "engine.domain.model",
    "ClusterState": "engine.domain.state",
    "Context": "engine.operations.context",
    "DriftPolicy": "engine.domain.model",
    "DriftRule": "engine.domain.model",
    "FirewallSpec": "engine.domain.model",
    "Forward": "engine.domain.model",
    "Image": "engine.domain.model",
    "Journal": "engine.journal.log",
    "KubisnapError": "engine.errors",
    "LoadBalancerSpec": "engine.domain.model",
    "NetworkSpec": "engine.domain.model",
    "PROFILES": "engine.domain.profiles",
    "Pace": "engine.operations.context",
    "Placement": "engine.domain.model",
    "PoolSpec": "engine.domain.model",
    "Protocol": "engine.domain.model",
    "Query": "engine.journal.audit.queries",
    "ReservedIpSpec": "engine.domain.model",
    "Role": "engine.domain.model",
    "Rule": "engine.domain.model",
    "Size": "engine.domain.model",
    "SshKeySpec": "engine.domain.model",
    "SubnetSpec": "engine.domain.model",
    "Taint": "engine.domain.model",
    "VolumeSpec": "engine.domain.model",
    "capture": "engine.operations.snapshots",
    "carry_out": "engine.operations.changing",
    "carry_out_rollback": "engine.operations.abandoning",
    "fold": "engine.domain.state",
    "load_manifest": "engine.domain.manifest:load",
    "load_plan": "engine.operations.saved",
    "neutral": "engine.domain.model",
    "open_cloud": "adapters.registry",
    "open_journal": "engine.journal.log",
    "open_snapshot": "archives",
    "prepare_change": "engine.operations.changing",
    "prepare_create": "engine.operations.changing",
    "prepare_delete": "engine.operations.changing",
    "prepare_redo": "engine.operations.undoing",
    "prepare_restore": "engine.operations.snapshots",
    "prepare_revert": "engine.operations.undoing",
    "prepare_rollback": "engine.operations.abandoning",
    "prepare_saved": "engine.operations.saved",
    "prepare_undo": "engine.operations.undoing",
    "refuse_mass_deletion": "engine.operations.changing",
    "refuse_over_budget": "engine.operations.changing",
    "reversal_of": "engine.operations.undoing",
    "save_plan": "engine.operations.saved",
    "save_snapshot": "archives",
    "unpack": "engine.operations.snapshots",
    "validate": "engine.domain.validation",
}

__all__ = [
    "PROFILES",
    "Audit",
    "ClusterSpec",
    "ClusterState",
    "Context",
    "DriftPolicy",
    "DriftRule",
    "FirewallSpec",
    "Forward",
    "Image",
    "Journal",
    "KubisnapError",
    "LoadBalancerSpec",
    "NetworkSpec",
    "Pace",
    "Placement",
    "PoolSpec",
    "Protocol",
    "Query",
    "ReservedIpSpec",
    "Role",
    "Rule",
    "Size",
    "SshKeySpec",
    "SubnetSpec",
    "Taint",
    "VolumeSpec",
    "__version__",
    "capture",
    "carry_out",
    "carry_out_rollback",
    "fold",
    "load_manifest",
    "load_plan",
    "neutral",
    "open_cloud",
    "open_journal",
    "open_snapshot",
    "prepare_change",
    "prepare_create",
    "prepare_delete",
    "prepare_redo",
    "prepare_restore",
    "prepare_revert",
    "prepare_rollback",
    "prepare_saved",
    "prepare_undo",
    "refuse_mass_deletion",
    "refuse_over_budget",
    "reversal_of",
    "save_plan",
    "save_snapshot",
    "unpack",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for, so that `kubisnap --help` loads none of them."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = home.partition(":")
    value = getattr(import_module(f".{module}", __name__), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
