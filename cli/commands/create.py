"""``kubisnap create``."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from .. import options
from ..session import Session

if TYPE_CHECKING:
    from ...engine.domain.model import ClusterSpec
    from ...engine.errors import InvalidInput
    from ...engine.journal.log import Journal


def create(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new cluster's name.", show_default=False)],
    cloud: Annotated[
        str, typer.Option("--cloud", metavar="CLOUD", help="The cloud to create it on.", show_default=False)
    ] = "",
    region: Annotated[
        str, typer.Option("--region", metavar="REGION", help="The region.", show_default="the profile's")
    ] = "",
    nodes: Annotated[
        int | None,
        typer.Option("--nodes", metavar="N", min=0, help="How many workers.", show_default="the profile's"),
    ] = None,
    size: Annotated[
        str,
        typer.Option(
            "--size", metavar="SIZE", help="The cloud's name for the workers' size.", show_default=False
        ),
    ] = "",
    k8s: Annotated[
        str, typer.Option("--k8s", metavar="VERSION", help="Kubernetes version.", show_default=False)
    ] = "",
    profile: Annotated[
        str,
        typer.Option(
            "--profile", metavar="PROFILE", help="A built-in profile.", show_default="the cloud's small one"
        ),
    ] = "",
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="A cluster.yaml instead of a profile.")
    ] = None,
    ssh_key: Annotated[
        Path | None,
        typer.Option(
            "--ssh-key", metavar="FILE", help="A public key file.", show_default="~/.ssh, or one is made"
        ),
    ] = None,
    budget: options.Budget = "",
    message: options.Message = "",
    parallel: options.Parallel = 16,
    timeout: options.Timeout = "",
    step_timeout: options.StepTimeout = "",
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
) -> None:
    """Declare a cluster and create it.

    Shows the plan with its cost and asks before anything is made.

    Examples:
      kubisnap create web --cloud sandbox --yes
      kubisnap create shop --cloud sandbox --nodes 3 --budget 80 -m "new shop" --yes
    """
    from ...engine.errors import InvalidInput
    from ...engine.operations.changing import prepare_create
    from .. import changes, wiring

    with ExitStack() as stack:
        if file is None:
            spec = _adjusted(_from_profile(name, cloud, region, profile), nodes, size, k8s)
            wanted = _with_key(spec, ssh_key, stack)
        else:
            if cloud or region or profile or size or k8s or nodes is not None or ssh_key:
                raise InvalidInput("--file", "the file says what the cluster is; leave the other options out")
            wanted = _from_file(file, name)
        context = wiring.context(
            session, message=message, parallel=parallel, timeout=timeout, step_timeout=step_timeout
        )
        with wiring.journal(session) as journal:
            try:
                cloud_there = wiring.cloud(wanted.spec.placement.cloud, field="cloud")
                opened = stack.enter_context(changes.opened(cloud_there))
                prepared = prepare_create(journal, opened, wanted.spec, context)
            except InvalidInput as error:
                raise wanted.place(error) from error
        what = changes.Change(kind="create", budget=budget, yes=yes, dry_run=dry_run)

        def keep_key(_: "Journal") -> None:
            kept = wanted.keep()
            if kept is not None:
                session.tell(f"made an SSH key that opens the servers, keep it: {kept}")

        ran = changes.change(session, opened, prepared, context, what, before=keep_key)
    if ran:
        session.next(f"kubisnap get {name}")


class _Wanted(NamedTuple):
    """The cluster to create, where its fields were said, and what keeps a new SSH key."""

    spec: "ClusterSpec"
    place: "Callable[[InvalidInput], InvalidInput]"
    keep: Callable[[], Path | None] = lambda: None


def _from_file(file: Path, name: str) -> _Wanted:
    from ...engine.errors import InvalidInput
    from .. import wiring

    manifest = wiring.read_manifest(file)
    if manifest.spec.name != name:
        problem = f"the file calls it {manifest.spec.name!r}, the command {name!r}"
        raise InvalidInput("name", problem, str(file))
    return _Wanted(manifest.spec, manifest.place)


def _with_key(spec: "ClusterSpec", ssh_key: Path | None, stack: ExitStack) -> _Wanted:
    from ...engine.domain.profiles import with_ssh_key
    from .. import changes, wiring
    from ..keys import OperatorKey

    key = stack.enter_context(OperatorKey(ssh_key, wiring.data_folder() / "keys"))
    return _Wanted(
        with_ssh_key(spec, key.public), partial(changes.in_options, spec=spec, options=_OPTIONS), key.keep
    )


_OPTIONS = {
    "name": "NAME",
    "cloud": "--cloud",
    "region": "--region",
    "kubernetes": "--k8s",
    "pools[1].count": "--nodes",
    "pools[1].size": "--size",
    "ssh_keys[0].public_key": "--ssh-key",
}
"""What stands for a field of the specification that a profile makes."""


def _from_profile(name: str, cloud: str, region: str, profile: str) -> "ClusterSpec":
    from ...adapters.registry import clouds
    from ...engine.domain.profiles import PROFILES, default_profile
    from ...engine.errors import InvalidInput

    if not cloud and not profile:
        raise InvalidInput("--cloud", "which cloud?", advice=f"clouds: {', '.join(clouds())}")
    if cloud and cloud not in clouds():
        raise InvalidInput("--cloud", f"there is no cloud {cloud!r}", advice=f"clouds: {', '.join(clouds())}")
    found = PROFILES.get(profile) if profile else default_profile(cloud)
    if found is None:
        problem = f"there is no profile {profile!r}" if profile else f"there is no profile for {cloud}"
        raise InvalidInput("--profile", problem, advice=f"profiles: {', '.join(PROFILES)}")
    if cloud and found.cloud != cloud:
        raise InvalidInput("--profile", f"{profile} is for {found.cloud}, not for {cloud}")
    return found.build(name, region or found.region)


def _adjusted(spec: "ClusterSpec", nodes: int | None, size: str, k8s: str) -> "ClusterSpec":
    import msgspec

    from ...engine.domain.model import Role, Size

    pools = []
    for pool in spec.pools:
        worker = pool.role is Role.WORKER
        pools.append(
            msgspec.structs.replace(
                pool,
                count=nodes if worker and nodes is not None else pool.count,
                size=Size.pinned(spec.placement.cloud, size) if worker and size else pool.size,
            )
        )
    return msgspec.structs.replace(spec, kubernetes=k8s or spec.kubernetes, pools=tuple(pools))
