"""A manifest says the same as a spec in friendlier words; each mistake is told with line and column."""

import pytest

from kubisnap.engine.domain.manifest import MAX_BYTES, load
from kubisnap.engine.domain.model import (
    ClusterSpec,
    Image,
    PoolSpec,
    Protocol,
    Role,
    Rule,
    Size,
    SshKeySpec,
    Taint,
    TaintEffect,
    VolumeSpec,
)
from kubisnap.engine.errors import InvalidInput
from tests.unit.engine.examples import KEY

HEAD = """\
name: web
kubernetes: "1.34"
cloud: acme
region: east
"""
POOL = "pools:\n- {name: cp, role: control-plane, count: 1, size: small"
GOOD = f"{HEAD}{POOL}}}\n"


def read_file(name: str) -> str:
    if name == "setup.sh":
        return "#!/bin/sh\n"
    if name == "admin.pub":
        return f"{KEY} ada@example.com\n"
    if name == "id_ed25519":
        return "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n"
    raise InvalidInput("", f"cannot read {name}: No such file or directory")


def spec(text: str) -> ClusterSpec:
    return load(text, name="c.yaml", read_file=read_file).spec


def pool(words: str) -> PoolSpec:
    return spec(f"{HEAD}{POOL}, {words}}}\n").pools[0]


def refusal(text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        load(text, name="c.yaml", read_file=read_file)
    return caught.value


# ── friendly words ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ("small", Size(pins={"acme": "small"})),
        ("{vcpus: 2, memory: 4GiB}", Size(vcpus=2, memory_mib=4096)),
        ("{memory: 4}", Size(memory_mib=4096)),
        ("{memory: 1.5 gb}", Size(memory_mib=1536)),
        ("{memory: 512MiB}", Size(memory_mib=512)),
        ("{memory: 512Mi}", Size(memory_mib=512)),
        ("{memory_mib: 512}", Size(memory_mib=512)),
        ("{vcpus: 1, disk: 50GiB}", Size(vcpus=1, disk_gib=50)),
        ("{vcpus: 1, disk: 50}", Size(vcpus=1, disk_gib=50)),
        ("{vcpus: 1, disk: 1500MiB}", Size(vcpus=1, disk_gib=2)),
        ("{vcpus: 1, pins: {other: big}}", Size(vcpus=1, pins={"other": "big"})),
    ],
)
def test_a_size_is_a_name_or_what_is_needed_and_is_never_rounded_down(words: str, size: Size) -> None:
    found = spec(f"{HEAD}pools: [{{name: cp, role: control-plane, count: 1, size: {words}}}]")

    assert found.pools[0].size == size


def test_an_image_is_the_name_of_a_system_and_has_a_default() -> None:
    assert pool("image: debian-12").image == Image(os="debian-12")
    assert pool("image: {os: debian-12, pins: {acme: x}}").image == Image(os="debian-12", pins={"acme": "x"})
    assert pool("labels: {}").image == Image(os="ubuntu-24.04")


def test_a_taint_is_written_as_kubectl_writes_it_or_in_full() -> None:
    full = "{key: a, effect: PreferNoSchedule}"

    assert pool(f"taints: [dedicated=db:NoSchedule, 'example.com/gpu:NoExecute', {full}]").taints == (
        Taint(key="dedicated", value="db"),
        Taint(key="example.com/gpu", effect=TaintEffect.NO_EXECUTE),
        Taint(key="a", effect=TaintEffect.PREFER_NO_SCHEDULE),
    )


def test_a_script_stands_here_or_in_a_file() -> None:
    assert pool("bootstrap: {file: setup.sh}").bootstrap == "#!/bin/sh\n"
    assert pool('bootstrap: "#!/bin/sh"').bootstrap == "#!/bin/sh"


def test_a_key_stands_here_or_in_a_file_and_its_line_break_does_not_count() -> None:
    found = spec(f"{GOOD}ssh_keys:\n- {{name: a, file: admin.pub}}\n")
    also = spec(f"{GOOD}ssh_keys:\n- name: a\n  public_key: |\n    {KEY} ada@example.com\n")

    assert found.ssh_keys == also.ssh_keys == (SshKeySpec(name="a", public_key=f"{KEY} ada@example.com"),)


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("ports: 22, from: worker", Rule(protocol=Protocol.TCP, ports="22", sources=("worker",))),
        (
            "ports: 80-90, from: [10.0.0.0/8]",
            Rule(protocol=Protocol.TCP, ports="80-90", sources=("10.0.0.0/8",)),
        ),
        ("sources: [worker]", Rule(protocol=Protocol.TCP, sources=("worker",))),
    ],
)
def test_a_rule_says_from_where_in_one_word_or_many(words: str, rule: Rule) -> None:
    found = spec(f"{GOOD}firewalls:\n- {{name: f, role: worker, allow: [{{protocol: tcp, {words}}}]}}\n")

    assert found.firewalls[0].allow == (rule,)


def test_a_volume_has_a_size_in_words() -> None:
    volumes = "[{name: a, size: 1PiB}]"
    assert refusal(f"{GOOD}volumes: {volumes}").problem == "'1PiB' is not an amount such as 4GiB or 512MiB"

    assert spec(
        f"{GOOD}volumes: [{{name: a, size: 10GiB}}, {{name: b, size_gib: 5, server: cp-0}}]"
    ).volumes == (
        VolumeSpec(name="a", size_gib=10),
        VolumeSpec(name="b", size_gib=5, server="cp-0"),
    )


def test_an_alias_stands_for_what_was_written_before() -> None:
    text = f"""{HEAD}pools:
- {{name: cp, role: control-plane, count: 1, size: &s {{vcpus: 2, memory: 4}}}}
- {{name: w, role: worker, count: 1, size: *s}}
"""
    one, other = spec(text).pools

    assert one.size == other.size == Size(vcpus=2, memory_mib=4096)
    assert other.role is Role.WORKER


# ── mistakes ─────────────────────────────────────────────────────────────────────────────────────

MISTAKES: dict[str, tuple[str, str, str, str]] = {
    "nothing": ("", "c.yaml", "", "a cluster is a mapping"),
    "a list": ("- a", "c.yaml", "", "a cluster is a mapping"),
    "no cloud": ("name: web", "c.yaml", "cloud", "which cloud?"),
    "no name": (GOOD.replace("name: web\n", ""), "c.yaml", "name", "is missing"),
    "no role": (GOOD.replace("role: control-plane, ", ""), "c.yaml:6:3", "pools[0].role", "is missing"),
    "a bracket that is never closed": (
        "name: [web\n",
        "c.yaml:2:1",
        "",
        "not valid YAML: expected ',' or ']'",
    ),
    "a tab": ("name: web\n\tcloud: x", "c.yaml:2:1", "", "not valid YAML: found character '\\t'"),
    "a tab that indents": (f"{HEAD}network:\n\tcidr: x", "c.yaml:6:1", "", "not valid YAML"),
    "a character that YAML does not have": (
        "name: w\neb: \x07",
        "c.yaml:2:5",
        "",
        "character '\\x07' is not allowed",
    ),
    "two documents": (f"{GOOD}---\n{GOOD}", "c.yaml:7:1", "", "not valid YAML: but found another document"),
    "an unknown alias": ("name: *who", "c.yaml:1:7", "", "found undefined alias 'who'"),
    "an object of Python": (
        "name: !!python/object:os.system x",
        "c.yaml:1:7",
        "",
        "could not determine a constructor",
    ),
    "a value that is not of its type": (
        "name: !!int web",
        "c.yaml:1:7",
        "name",
        "'web' is not a value of type int",
    ),
    "a date that is none": (
        f"{HEAD}name2: 2026-99-99",
        "c.yaml:5:8",
        "name2",
        "not a value of type timestamp",
    ),
    "a number that fills a page": ("cloud: 0x" + "f" * 5000, "c.yaml:1:8", "cloud", "far too large"),
    "memory without end": (
        GOOD.replace("size: small", f"size: {{memory: {'9' * 10}}}"),
        "c.yaml:6:60",
        "pools[0].size.memory",
        "is not an amount",
    ),
    "brackets in brackets": ("[" * 5000, "c.yaml", "", "nested too deeply"),
    "an alias of itself": ("name: &a [*a]", "c.yaml", "", "nested too deeply"),
    "the same field twice": (f"{GOOD}name: web2\n", "c.yaml:7:1", "name", "is there twice"),
    "the same field twice deep down": (
        GOOD.replace("size: small", "size: small, count: 2"),
        "c.yaml:6:58",
        "pools[0].count",
        "is there twice",
    ),
    "a field name that is a number": (f"{GOOD}1: x\n", "c.yaml:7:1", "", "1 is not a field name"),
    "a field name that is a list": (f"{GOOD}? [a]\n: x\n", "c.yaml:7:3", "", "one word"),
    "an unknown field": (f"{GOOD}colour: red\n", "c.yaml:7:9", "colour", "there is no such field"),
    "an unknown field of a pool": (
        GOOD.replace("small", "small, zone: a"),
        "c.yaml:6:64",
        "pools[0].zone",
        "there is no such field",
    ),
    "a number for a name": (GOOD.replace("web", "5"), "c.yaml:1:7", "name", "expected `str`, got `int`"),
    "a number for a cloud": (GOOD.replace("acme", "5"), "c.yaml:3:8", "cloud", "expected `str`, got `int`"),
    "text for a number": (
        GOOD.replace("1, size", "one, size"),
        "c.yaml:6:42",
        "pools[0].count",
        "expected `int`",
    ),
    "a pool for pools": (f"{HEAD}pools: cp", "c.yaml:5:8", "pools", "expected `array`, got `str`"),
    "a word for a pool": (f"{HEAD}pools: [cp]", "c.yaml:5:9", "pools[0]", "expected `object`, got `str`"),
    "a version that YAML takes for a number": (
        GOOD.replace('"1.34"', "1.30"),
        "c.yaml:2:13",
        "kubernetes",
        "put the version in quotes",
    ),
    "yes for a label": (
        GOOD.replace("small", "small, labels: {gpu: yes}"),
        "c.yaml:6:66",
        "pools[0].labels[...]",
        "expected `str`",
    ),
    "an unknown effect": (
        GOOD.replace("small", "small, taints: ['a:Never']"),
        "c.yaml:6:67",
        "pools[0].taints[0].effect",
        "invalid enum value 'Never'",
    ),
    "a taint that is none": (
        GOOD.replace("small", "small, taints: [gpu]"),
        "c.yaml:6:67",
        "pools[0].taints[0]",
        "'gpu' is not a taint such as",
    ),
    "a cluster that makes no sense": (
        GOOD.replace("1, size", "-1, size"),
        "c.yaml:6:42",
        "pools[0].count",
        "-1",
    ),
    "a script from two places": (
        GOOD.replace("small", "small, bootstrap: {file: setup.sh, also: x}"),
        "c.yaml:6:69",
        "pools[0].bootstrap",
        "write the script here, or {file: PATH}",
    ),
    "a script that is not there": (
        GOOD.replace("small", "small, bootstrap: {file: gone.sh}"),
        "c.yaml:6:76",
        "pools[0].bootstrap.file",
        "cannot read gone.sh: No such file or directory",
    ),
    "a file without a name": (
        GOOD.replace("small", "small, bootstrap: {file: 5}"),
        "c.yaml:6:76",
        "pools[0].bootstrap.file",
        "which file?",
    ),
    "a private key": (
        f"{GOOD}ssh_keys:\n- {{name: a, file: id_ed25519}}",
        "c.yaml:8:3",
        "ssh_keys[0]",
        "that is a private key; name the .pub file",
    ),
    "half a character": (
        GOOD.replace("small", 'small, bootstrap: "\\uD800"'),
        "c.yaml:6:69",
        "pools[0].bootstrap",
        "half a character",
    ),
}


@pytest.mark.parametrize(("text", "where", "field", "problem"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_its_place(text: str, where: str, field: str, problem: str) -> None:
    error = refusal(text)

    assert problem in error.problem
    assert (error.field, error.where) == (field, where)


def test_nothing_of_a_private_key_is_repeated() -> None:
    error = refusal(f"{GOOD}ssh_keys:\n- {{name: a, file: id_ed25519}}")

    assert "secret" not in f"{error}{error.facts}{error.hint}"


def test_a_file_of_more_than_a_mebibyte_is_not_even_read() -> None:
    assert refusal("#" * (MAX_BYTES + 1)).problem == f"longer than {MAX_BYTES} bytes"
    assert refusal("€" * (MAX_BYTES // 3 + 1)).problem == f"longer than {MAX_BYTES} bytes"


def test_a_mistake_that_is_found_later_gets_its_place_too() -> None:
    manifest = load(GOOD, name="c.yaml", read_file=read_file)

    assert (
        manifest.place(InvalidInput("pools[0].size", "sold out", advice="take another")).where
        == "c.yaml:6:51"
    )
    assert manifest.place(InvalidInput("pools[0].size.pins", "sold out")).where == "c.yaml:6:51"
    assert manifest.place(InvalidInput("region", "no such region")).where == "c.yaml:4:9"
    assert manifest.place(InvalidInput("elsewhere", "wrong")).where == "c.yaml"
    assert manifest.place(InvalidInput("region", "wrong", "there:1:1")).where == "there:1:1"
    assert manifest.place(InvalidInput("region", "wrong", advice="do this")).hint == "do this"
