"""Writes the offers that are shipped: `python -m kubisnap.adapters.hetzner.make_catalogue`.

What the adapter reads off Hetzner's list prices, which the simulator has, so that both have one source. A
catalogue that is asked for is always read from the API itself, where sold-out server types are not offered.
"""

from pathlib import Path

import msgspec

from ...engine.domain.catalogue import Catalogue
from .adapter import Hetzner
from .simulator import HetznerSimulator

SHIPPED = Path(__file__).with_name("catalogue.json")


def made() -> bytes:
    """Return the file's contents: a `Catalogue` as JSON, the same every time."""
    with HetznerSimulator(projects={"list": "prices"}) as simulator:
        cloud = Hetzner("prices", end_point=simulator.url)
        catalogue: Catalogue = cloud.catalogue()
        cloud.close()
    encoded = msgspec.json.encode(catalogue, order="deterministic")
    return msgspec.json.format(encoded, indent=1) + b"\n"


if __name__ == "__main__":
    SHIPPED.write_bytes(made())
