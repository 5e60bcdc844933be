"""``kubisnap create``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..session import Session

if TYPE_CHECKING:
    from ...engine.domain.model import ClusterSpec


def create(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new cluster's name.", show_default=False)],
    cloud: Annotated[
        str, typer.Option("--cloud", help="The cloud to create it on.", show_default=False)
    ] = "",
    region: Annotated[str, typer.Option("--region", help="The region.", show_default="the profile's")] = "",
    nodes: Annotated[
        int | None, typer.Option("--nodes", min=0, help="How many workers.", show_default="the profile's")
    ] = None,
    size: Annotated[
        str, typer.Option("--size", help="The cloud's name for the workers' size.", show_default=False)
    ] = "",
    k8s: Annotated[
        str, typer.Option("--k8s", metavar="VERSION", help="Kubernetes version.", show_default=False)
    ] = "",
    profile: Annotated[
        str, typer.Option("--profile", help="A built-in profile.", show_default="the cloud's small one")
    ] = "",
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="A cluster.yaml instead of a profile.")
    ] = None,
    ssh_key: Annotated[
        Path | None,
        typer.Option("--ssh-key", help="A public key file.", show_default="~/.ssh, or one is made"),
    ] = None,
    budget: options.Budget = "",
    message: options.Message = "",
    parallel: options.Parallel = 16,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
) -> None:
    """Declare a cluster and create it.

    Shows the plan with its cost and asks before anything is made.

    Examples:
      kubisnap create web --cloud sandbox --yes

      kubisnap create shop --cloud sandbox --nodes 3 --budget 80 -m "new shop" --yes
    """
    from ...engine.domain.events import OperationKind
    from ...engine.errors import InvalidInput
    from ...engine.operations.changing import prepare_create
    from .. import changes, wiring

    if file is None:
        spec = _from_profile(session, name, cloud, region, profile, ssh_key)
        spec = _adjusted(spec, nodes, size, k8s)
        place = None
    else:
        if cloud or region or profile or size or k8s or nodes is not None or ssh_key:
            raise InvalidInput("--file", "the file says what the cluster is; leave the other options out")
        manifest = wiring.read_manifest(file)
        spec, place = manifest.spec, manifest.place
        if spec.name != name:
            raise InvalidInput("name", f"the file calls it {spec.name!r}, the command {name!r}", str(file))
    context = wiring.context(session, message=message, parallel=parallel)
    with changes.opened(wiring.cloud(spec.placement.cloud)) as opened:
        with wiring.journal(session) as existing:
            try:
                prepared = prepare_create(existing, opened, spec, context)
            except InvalidInput as error:
                raise (error if place is None else place(error)) from error
        with wiring.journal(session, create=not dry_run) as journal:
            ran = changes.change(
                session,
                journal,
                opened,
                prepared,
                context,
                kind=OperationKind.CREATE,
                summary="",
                yes=yes,
                budget=budget,
                dry_run=dry_run,
            )
    if ran:
        session.next(f"kubisnap get {name}")


def _from_profile(
    session: Session, name: str, cloud: str, region: str, profile: str, ssh_key: Path | None
) -> "ClusterSpec":
    from ...adapters.registry import clouds
    from ...adapters.ssh.keys import made_public_key, read_public_key, usual_public_key
    from ...engine.domain.profiles import PROFILES, default_profile, with_ssh_key
    from ...engine.errors import InvalidInput
    from .. import wiring

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
    spec = found.build(name, region or found.region)
    key = ssh_key or usual_public_key(Path.home())
    if key is None:
        key, made = made_public_key(wiring.data_folder() / "keys")
        if made:
            session.tell(f"made an SSH key: {key.with_suffix('')} (keep it; it opens the servers)")
    return with_ssh_key(spec, read_public_key(key))


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
