"""What machines tell of themselves, and what is made of it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubisnap.adapters.hosts.facts import _DISK_STEPS, _MEMORY_STEPS, Facts, addresses, read, rounded
from kubisnap.engine.errors import Rejected

TOLD = """\
kubisnap-facts=1
name=node-1
machine=x86_64
machine_id=0123456789abcdef0123456789abcdef
system=debian
release="12"
cpus=4
memory_kib=8127508
disk_kib=103012345
facts=end
"""


def told(**changed: str) -> bytes:
    lines = dict(line.split("=", 1) for line in TOLD.splitlines())
    return "".join(f"{name}={value}\n" for name, value in (lines | changed).items()).encode()


def test_facts_are_read_and_rounded_to_what_is_built_in() -> None:
    facts = read(told(), "node-1")

    assert facts == Facts(
        name="node-1",
        machine_id="0123456789abcdef0123456789abcdef",
        architecture="x86_64",
        os="debian-12",
        vcpus=4,
        memory_mib=8192,
        disk_gib=100,
    )
    assert facts.size == "4cpu-8gib-100gib"
    assert facts.lacking == ""


def test_what_a_shell_greets_with_is_left_aside() -> None:
    assert read(b"Welcome!\nname=evil\n" + told(), "node-1") == read(told(), "node-1")


def test_equal_machines_are_one_class_though_their_kernels_keep_different_parts() -> None:
    kernels = ("8127508", "8022916", "7905000", "8388608")

    assert {read(told(memory_kib=kib), "x").size for kib in kernels} == {"4cpu-8gib-100gib"}


@pytest.mark.parametrize(
    ("system", "release", "name"),
    [
        ("ubuntu", '"24.04"', "ubuntu-24.04"),
        ('"rhel"', '"9.4"', "rhel-9"),
        ("fedora", "41", "fedora-41"),
        ("alpine", "3.20.1", "alpine-3.20"),
        ('"opensuse-leap"', '"15.6"', "opensuse-leap-15.6"),
        ("debian", "", ""),
        ("arch", "rolling", ""),
        ("$(reboot)", "1", ""),
    ],
)
def test_a_release_has_a_neutral_name_or_none(system: str, release: str, name: str) -> None:
    assert read(told(system=system, release=release), "x").os == name


def test_architectures_have_one_name_and_unknown_ones_make_no_offer() -> None:
    assert read(told(machine="aarch64"), "x").size == "4cpu-8gib-100gib-arm64"
    assert "architecture" in read(told(machine="riscv64"), "x").lacking
    assert "release" in read(told(release=""), "x").lacking
    assert "memory" in read(told(disk_kib="1024"), "x").lacking


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"kubisnap-facts=1\n",
        told(cpus="0"),
        told(cpus="many"),
        told(cpus="99999999"),
        told(memory_kib="-1"),
        told(memory_kib=""),
        told(disk_kib="1e9"),
        told(name="two\nname=lines"),
        told(name="\x1b[31mred"),
        told().replace(b"cpus=", b"cpu="),
        told().replace(b"facts=end\n", b""),
        b"\xff\xfe" * 1000,
    ],
)
def test_an_answer_that_cannot_be_one_is_refused_and_names_its_host(answer: bytes) -> None:
    with pytest.raises(Rejected, match="node-1 answered something unexpected") as caught:
        read(answer, "node-1")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 600


@given(st.binary(max_size=300))
def test_no_answer_whatever_is_anything_but_facts_or_refused(answer: bytes) -> None:
    try:
        msgspec.json.encode(read(b"kubisnap-facts=1\n" + answer, "x"))
    except Rejected:
        return


@given(st.integers(0, 2**40), st.sampled_from([_MEMORY_STEPS, _DISK_STEPS]))
def test_rounding_never_promises_a_twelfth_more_than_there_is(
    amount: int, steps: tuple[tuple[int, int], ...]
) -> None:
    promised = rounded(amount, steps)

    assert 11 * promised <= 12 * amount
    assert rounded(promised, steps) == promised


def test_addresses_are_those_that_others_can_use() -> None:
    assert addresses("127.0.0.1 10.0.0.7 fe80::1 2001:db8::7 nonsense 10.0.0.7/24 ") == [
        "10.0.0.7",
        "2001:db8::7",
    ]
