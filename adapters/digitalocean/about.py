"""What the adapter for DigitalOcean says about itself."""

from ...engine.domain.catalogue import Feature
from ...engine.domain.resources import Kind
from ..about import About, Setting

ABOUT = About(
    title="DigitalOcean",
    settings=(
        Setting("DIGITALOCEAN_TOKEN", "an API token", secret=True),
        Setting("DIGITALOCEAN_ACCESS_TOKEN", "the same, where the other is not set", secret=True),
        Setting(
            "DIGITALOCEAN_END_POINT", "another end point than DigitalOcean's own: https, or on this machine"
        ),
    ),
    privileges="A token with full access, or with custom scopes: `read` of `account`, `actions`, `image`, "
    "`regions` and `sizes`; `create`, `read` and `delete` of `block_storage`, `ssh_key` and `tag`; these and "
    "`update` of `droplet`, `firewall`, `load_balancer`, `reserved_ip` and `vpc`; `create` and `read` of "
    "`block_storage_action`. The API does not tell what a token may do, so a plan cannot say what it lacks.",
    tested="The contract, over HTTP, against a stateful server of ours that ships with kubisnap "
    "(`kubisnap demo --server`). The server's answers are checked against DigitalOcean's published OpenAPI "
    "description, and DigitalOcean's own client `pydo` drives it. DigitalOcean itself was not asked.",
    kinds=frozenset(Kind) - {Kind.SUBNET, Kind.LOAD_BALANCER_MEMBER},
    features=frozenset(Feature),
    nameless=frozenset({Kind.RESERVED_IP}),
    networks=(16, 28),
    smallest_volume=1,
    cannot=(
        "A reserved IP has neither name nor tags. It is listed with its cluster while it points to a server.",
        "One that was asked for without an answer cannot be found; kubisnap says so and asks for no second.",
        "No two networks of an account may overlap, in whatever region; taken ranges are renumbered.",
        "Nothing is read of quotas but those of droplets, volumes and reserved IPs.",
    ),
)
