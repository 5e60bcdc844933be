"""What the adapter for OpenStack says about itself."""

from ...engine.domain.catalogue import ARM64, X86_64, Feature
from ...engine.domain.resources import Kind
from ..about import About, Setting

ABOUT = About(
    title="OpenStack",
    extra="openstack",
    settings=(
        Setting("OS_CLOUD", "a cloud of `clouds.yaml`"),
        Setting("OS_CLIENT_CONFIG_FILE", "where `clouds.yaml` is"),
        Setting("OS_AUTH_URL", "Keystone, instead of `OS_CLOUD`: https, or on this machine"),
        Setting("OS_USERNAME", "a user, with `OS_PROJECT_NAME`, `OS_USER_DOMAIN_NAME` and the like"),
        Setting("OS_PASSWORD", "the user's password", secret=True),
        Setting("OS_APPLICATION_CREDENTIAL_ID", "an application credential, instead of a user"),
        Setting("OS_APPLICATION_CREDENTIAL_SECRET", "its secret", secret=True),
        Setting("OS_REGION_NAME", "the region, where there are several"),
        Setting("KUBISNAP_OPENSTACK_PLACE", "where the site is: a place, or degrees such as `51.5,-0.1`"),
        Setting(
            "KUBISNAP_OPENSTACK_EXTERNAL_NETWORK", "the network that leads outside, if there are several"
        ),
    ),
    privileges="The role `member` in one project; for load balancers also `load-balancer_member` where the "
    "site asks for it. An application credential will do, and need not be unrestricted.",
    tested="The contract, over HTTP, against a real control plane on loopback (Debian's packages of "
    "Keystone, Nova, Neutron, Glance, Cinder and Octavia) whose hypervisor, volumes and load balancers only "
    "pretend. "
    "Where none is running these tests are skipped and say so.",
    kinds=frozenset({Kind.TAG, Kind.SSH_KEY, Kind.NETWORK, Kind.SUBNET, Kind.FIREWALL, Kind.SERVER}),
    perhaps={
        Kind.VOLUME: "with Cinder",
        Kind.VOLUME_ATTACHMENT: "with Cinder",
        Kind.LOAD_BALANCER: "with Octavia",
        Kind.LOAD_BALANCER_MEMBER: "with Octavia",
        Kind.RESERVED_IP: "with an external network",
        Kind.RESERVED_IP_ASSIGNMENT: "with an external network",
    },
    features=frozenset(Feature) - {Feature.PUBLIC_ADDRESSES, Feature.MANY_SSH_KEYS},
    subnet_needed=True,
    networks=(8, 29),
    smallest_volume=1,
    priced=False,
    architectures=frozenset({X86_64, ARM64}),
    cannot=(
        "Only the site knows prices: extra spec `kubisnap:monthly_usd` tells a flavor's, else it is 0.",
        "Sizes, images and quotas are the site's own: ask it once with `kubisnap clouds refresh openstack`.",
    ),
)
