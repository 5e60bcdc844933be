"""What the adapter for machines that exist already says about itself."""

from ...engine.domain.catalogue import ARM64, X86_64, Feature
from ...engine.domain.resources import Kind
from ..about import About, Setting

ABOUT = About(
    title="Hosts: machines that exist already",
    settings=(
        Setting("KUBISNAP_HOSTS", "the [inventory](hosts.md)"),
        Setting("KUBISNAP_KNOWN_HOSTS", "the hosts' own keys; default: beside the inventory"),
        Setting("SSH_AUTH_SOCK", "ssh-agent, if it is to be asked for keys"),
    ),
    privileges="A user on each host who comes in with a key and may write one folder. No root.",
    tested="The contract, over SSH, against ten real OpenSSH servers on loopback, each with its own address "
    "and key. Servers that fall silent, break off or lie are ours.",
    kinds=frozenset({Kind.SERVER}),
    features=frozenset({Feature.PUBLIC_ADDRESSES}),
    priced=False,
    architectures=frozenset({X86_64, ARM64}),
    cannot=(
        "Creating a server claims a host of the inventory, deleting it gives the host back as it is then.",
        "A host that does not answer holds up every operation, since it may have a claim.",
    ),
)
