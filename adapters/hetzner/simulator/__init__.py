"""A simulator of Hetzner Cloud's API, for tests and demos. Not Hetzner: nothing is real, nothing costs.

    with HetznerSimulator(projects={"first": "token-1"}) as cloud:
        os.environ["HCLOUD_ENDPOINT"] = cloud.url

It keeps its state in memory, speaks HTTP on loopback, and goes by the published description of the API;
the contract tests hold it to that. `python -m kubisnap.adapters.hetzner.simulator` runs it by itself.
"""

from ...simulation.faults import FaultCount, FaultRule
from .api import Exchange
from .server import HetznerSimulator
from .world import Project

__all__ = ["Exchange", "FaultCount", "FaultRule", "HetznerSimulator", "Project"]
