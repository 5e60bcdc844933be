"""What a machine is: asked with one POSIX script, without root, and believed only after a check.

A size is a class of equal machines, named by what they have: ``4cpu-8gib-100gib``, ``-arm64`` after it
where they are. What Linux tells of memory and disks is a little less than what is built in (the kernel
and the file system keep some), and clouds name their sizes by what is built in; so amounts are rounded
up to the next usual step if less than a twelfth is missing, and else down.
"""

import re
from ipaddress import ip_address

import msgspec

from ...engine.domain.catalogue import ARM64, X86_64
from ..ssh.problems import legible
from .answers import nonsense

_FIELDS = (
    "kubisnap-facts",
    "name",
    "machine",
    "machine_id",
    "system",
    "release",
    "cpus",
    "memory_kib",
    "disk_kib",
    "facts",
)
_ARCHITECTURES = {"x86_64": X86_64, "amd64": X86_64, "aarch64": ARM64, "arm64": ARM64}
_MAJOR_ONLY = frozenset({"rhel", "rocky", "almalinux", "centos", "ol", "sles"})
"""Systems whose releases are one for their users, whatever stands after the point."""

_SYSTEM = re.compile(r"[a-z]+(-[a-z]+)*")
_VERSION = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,6}))?(?:\.[0-9.]*)?")
_NUMBER = re.compile(r"[1-9][0-9]{0,14}")
_LINE = re.compile(r"([a-z_-]{1,32})=([^\x00-\x1f\x7f]{0,4096})")
_MOST_CPUS, _MOST_KIB = 8192, 2**42
_ADDRESSES = 32

_MEMORY_STEPS = ((2048, 256), (16 * 1024, 1024), (64 * 1024, 4 * 1024), (2**62, 16 * 1024))
_DISK_STEPS = ((20, 1), (100, 5), (1000, 10), (2**62, 100))
"""Up to how much the step is what: MiB of memory, GiB of disk."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine told of itself. Memory in MiB and disk in GiB, rounded as sizes are.

    `architecture` and `os` are empty where there is no neutral name for them: no offer can be made of it.
    """

    name: str
    machine_id: str
    architecture: str
    os: str
    vcpus: int
    memory_mib: int
    disk_gib: int

    @property
    def size(self) -> str:
        """Return the name of the class of equal machines.

        >>> facts = Facts(name="", machine_id="", architecture="arm64", os="debian-12",
        ...               vcpus=4, memory_mib=8192, disk_gib=100)
        >>> facts.size
        '4cpu-8gib-100gib-arm64'
        """
        memory = f"{self.memory_mib}mib" if self.memory_mib % 1024 else f"{self.memory_mib // 1024}gib"
        suffix = f"-{self.architecture}" if self.architecture != X86_64 else ""
        return f"{self.vcpus}cpu-{memory}-{self.disk_gib}gib{suffix}"

    @property
    def lacking(self) -> str:
        """Say why no offer can be made of it, or nothing."""
        if not self.architecture:
            return "its processor has an architecture that is not known here"
        if not self.os:
            return "its operating system has no name and number of a release"
        return "" if self.memory_mib and self.disk_gib else "it has next to no memory or disk"


def read(text: bytes, title: str) -> Facts:
    """Return the facts in an answer of the host called `title`. Raises `Rejected` for what cannot be one."""
    answer = lines(text, _FIELDS, title)
    cpus = _number(answer, "cpus", _MOST_CPUS, title)
    memory = _number(answer, "memory_kib", _MOST_KIB, title)
    disk = _number(answer, "disk_kib", _MOST_KIB, title)
    return Facts(
        name=legible(answer["name"])[:253],
        machine_id=legible(answer["machine_id"])[:64],
        architecture=_ARCHITECTURES.get(answer["machine"], ""),
        os=_system(answer["system"], answer["release"]),
        vcpus=cpus,
        memory_mib=rounded(memory // 1024, _MEMORY_STEPS),
        disk_gib=rounded(disk // 1024**2, _DISK_STEPS),
    )


def lines(text: bytes, fields: tuple[str, ...], title: str) -> dict[str, str]:
    """Return the values of a host's answer: these fields, each once, in this order. Raises `Rejected`.

    What stands before the first one is left aside: many shells greet whoever comes in.
    """
    start = text.find(f"{fields[0]}=1\n".encode())
    told = text[start:].split(b"\n") if start >= 0 else []
    if len(told) < len(fields):
        raise nonsense(text, title)
    found = {}
    for field, line in zip(fields, told, strict=False):
        match = _LINE.fullmatch(line.decode("utf-8", "replace"))
        if match is None or match[1] != field:
            raise nonsense(line, title)
        found[field] = match[2]
    return found


def addresses(text: str) -> list[str]:
    """Return the IP addresses in a text of words, without those that only the machine itself can use."""
    found = []
    for word in text.split()[:_ADDRESSES]:
        try:
            address = ip_address(word)
        except ValueError:
            continue
        if not (address.is_loopback or address.is_link_local or address.is_unspecified):
            found.append(str(address))
    return found


def rounded(amount: int, steps: tuple[tuple[int, int], ...]) -> int:
    """Return an amount in steps: the next one up if less than a twelfth of it is missing, else down.

    >>> [rounded(mib, _MEMORY_STEPS) for mib in (957, 3919, 7937, 64_212, 20_000)]
    [1024, 4096, 8192, 65536, 20480]
    """
    step = next(step for limit, step in steps if amount <= limit)
    up = -(-amount // step) * step
    return up if up == amount or 12 * (up - amount) < up else up - step


def _system(name: str, version: str) -> str:
    """Return the neutral name of an operating system's release, or nothing.

    >>> _system("debian", '"12"'), _system('"rocky"', '"9.4"'), _system("alpine", "3.20.1")
    ('debian-12', 'rocky-9', 'alpine-3.20')
    """
    system = name.strip("\"'")
    match = _VERSION.fullmatch(version.strip("\"'"))
    if match is None or not _SYSTEM.fullmatch(system):
        return ""
    minor = f".{match[2]}" if match[2] and system not in _MAJOR_ONLY else ""
    return f"{system}-{match[1]}{minor}"


def _number(answer: dict[str, str], field: str, most: int, title: str) -> int:
    text = answer[field]
    if not _NUMBER.fullmatch(text) or int(text) > most:
        raise nonsense(f"{field} is {text!r}".encode(), title)
    return int(text)
