"""A simulator of DigitalOcean's API, for tests and demos. Not DigitalOcean: nothing is real, nothing costs.

    with DigitalOceanSimulator(accounts={"first": "token-1"}) as cloud:
        os.environ["DIGITALOCEAN_END_POINT"] = cloud.url

It keeps its state in memory, speaks HTTP on loopback, and goes by DigitalOcean's published description of
the API; the contract tests hold it to that. `python -m kubisnap.adapters.digitalocean.simulator` runs it
by itself.
"""

from .control import RequestRecord
from .faults import FaultCount, FaultRule
from .server import DigitalOceanSimulator
from .world import Account

__all__ = ["Account", "DigitalOceanSimulator", "FaultCount", "FaultRule", "RequestRecord"]
