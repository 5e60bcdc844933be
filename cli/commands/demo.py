"""``kubisnap demo``."""

from typing import Annotated

import typer

from ..session import Session


def demo(
    session: Session,
    server: Annotated[
        bool, typer.Option("--server", help="Only run the simulated DigitalOcean, until Ctrl-C.")
    ] = False,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="With --server: its port.")
    ] = 8765,
) -> None:
    """Show the main job on a simulated cloud.

    Creates, scales, captures, loses and restores a cluster on a simulated DigitalOcean. Needs no
    account and changes nothing of yours: everything happens in a temporary folder, against a
    server on this machine. With --server that server runs alone, to try commands by hand.

    Examples:
      kubisnap demo
      kubisnap demo --server --port 8765
    """
    from ..demonstration import run_demo, serve

    if server:
        serve(port)
        return
    raise typer.Exit(run_demo(session))
