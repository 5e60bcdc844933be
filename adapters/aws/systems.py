"""Images by a name that says what is in them: a system and an architecture, ``ubuntu-24.04-arm64``. Pure.

The newest image of the makers' own account counts: anybody may publish one under their names. Sources:
Ubuntu's and Debian's pages on EC2 images.
"""

from typing import NamedTuple

from ...engine.domain.catalogue import ARM64, X86_64

CANONICAL, DEBIAN = "099720109477", "136693071363"


class Source(NamedTuple):
    """Where images of a system come from; `pattern` is of EC2's filter, with the architecture left open."""

    owner: str
    pattern: str


SYSTEMS: dict[str, Source] = {
    "ubuntu-24.04": Source(CANONICAL, "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{}-server-*"),
    "ubuntu-22.04": Source(CANONICAL, "ubuntu/images/hvm-ssd*/ubuntu-jammy-22.04-{}-server-*"),
    "debian-12": Source(DEBIAN, "debian-12-{}-*"),
}
DPKG = {X86_64: "amd64", ARM64: "arm64"}
"""What Debian and Ubuntu call an architecture."""


def symbolic(system: str, architecture: str) -> str:
    """Return the name of an image.

    >>> symbolic("debian-12", "x86_64")
    'debian-12-amd64'
    """
    return f"{system}-{DPKG[architecture]}"
