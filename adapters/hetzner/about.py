"""What the adapter for Hetzner Cloud says about itself."""

from ...engine.domain.catalogue import ARM64, X86_64, Feature
from ...engine.domain.resources import Kind
from ..about import About, Setting

ABOUT = About(
    title="Hetzner Cloud",
    extra="hetzner",
    settings=(
        Setting("HCLOUD_TOKEN", "an API token of a project", secret=True),
        Setting("HCLOUD_ENDPOINT", "another end point than Hetzner's own: https, or on this machine"),
        Setting("HCLOUD_SAME_PROJECT", "`OLD=NEW`: what the project was known as before its token changed"),
    ),
    privileges="A token with permission to read and write. Hetzner has no finer ones; a project of its own "
    "keeps other things out of reach.",
    tested="The contract, over HTTP, against a stateful server of ours. Its answers are checked against a "
    "published OpenAPI description (a cleaned copy of Hetzner's own), and read by Hetzner's client `hcloud`, "
    "which refuses answers that lack what today's API has. Hetzner itself was not asked.",
    kinds=frozenset(Kind) - {Kind.TAG, Kind.SUBNET, Kind.LOAD_BALANCER_MEMBER},
    features=frozenset(Feature) - {Feature.FILTERS_WITHIN},
    networks=(8, 24),
    smallest_volume=10,
    architectures=frozenset({X86_64, ARM64}),
    cannot=(
        "No answer tells whose project a token opens: it is known by the token, and the next is a stranger.",
        "A firewall named `kubisnap-project`, made once by hand, makes a project known to all its tokens.",
        "A server does not answer for a floating IP until its own network configuration has the address.",
        "Prices are in euros there, and converted at one rate, which the catalogue's day says the age of.",
    ),
)
