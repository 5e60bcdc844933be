"""Manifests: what is dumped is loaded as the same; no text does worse than `InvalidInput`."""

import datetime as dt
import re
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from kubisnap.engine.domain.manifest import load
from kubisnap.engine.domain.model import ClusterSpec
from kubisnap.engine.errors import InvalidInput
from tests.property.strategies import specs

PLACE = re.compile(r"c\.yaml(:[1-9][0-9]*:[1-9][0-9]*)?")
SNIPPETS = (
    *"&*!|>%@`#?:-,[]{}\"'~=\\ \n\t\x00\x85\ufeff\U0010ffff",
    *("- ", ": ", "? ", "&a ", "*a", "--- ", "\n...\n", "%YAML 9.9\n---\n", "<<: *a", "!x ", "!<y> ", "\r\n"),
    *(
        f"!!{tag} "
        for tag in (
            "bool",
            "int",
            "float",
            "timestamp",
            "binary",
            "null",
            "map",
            "seq",
            "set",
            "omap",
            "python/object:x",
        )
    ),
    *(
        "true",
        "no",
        "1.30",
        "0x" + "f" * 5000,
        "9" * 400,
        "1e999",
        ".nan",
        "-.inf",
        "2026-99-99",
        "2026-01-02",
    ),
    *('"\\uD800"', '"\\0"', "4TiB", "-1GiB", "0.5", "18446744073709551616", "12:30:45", "0o7", "_"),
    *("name", "cloud:", "pools:", "size: {memory: ", "taints: [a]", "bootstrap: {file: ", "from: ", "file: "),
)


def read_file(name: str) -> str:
    raise InvalidInput("", f"cannot read {name}")


def dumped(spec: ClusterSpec) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.to_builtins(spec)
    placement = content.pop("placement")
    # a file names a region or a place; coordinates are what a catalogue adds
    assert (placement.pop("latitude"), placement.pop("longitude")) == (None, None)
    drift = {rule["kind"]: rule["policy"] for rule in content.pop("drift")}
    return {**placement, **content, "drift": drift}


def tried(text: str) -> None:
    """Load it, or be told what is wrong with it and where: in one line, without a trailing period."""
    try:
        load(text, name="c.yaml", read_file=read_file)
    except InvalidInput as error:
        refused = error
    else:
        return
    assert PLACE.fullmatch(refused.where), refused.where
    assert refused.problem
    assert not refused.problem.endswith(".")


@given(specs(), st.booleans())
def test_a_cluster_that_is_dumped_and_loaded_is_the_same_cluster(spec: ClusterSpec, flow: bool) -> None:
    text = yaml.safe_dump(dumped(spec), default_flow_style=flow, sort_keys=flow)

    assert load(text, name="c.yaml", read_file=read_file).spec == spec


@given(st.text())
@example("")
@example("\ud800")
@example("a: \x00")
def test_any_text_is_a_cluster_or_invalid_input(text: str) -> None:
    tried(text)


@given(st.lists(st.sampled_from(SNIPPETS), max_size=12).map("".join))
@example("a: !!bool x")
@example("a: !!timestamp x")
@example('a: !!int ""')
@example("a: &a [*a]")
def test_any_odd_yaml_is_a_cluster_or_invalid_input(text: str) -> None:
    tried(text)


@given(specs(), st.data())
def test_any_damaged_manifest_is_a_cluster_or_invalid_input(spec: ClusterSpec, data: st.DataObject) -> None:
    text = yaml.safe_dump(dumped(spec))
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(text)))
        end = begin + data.draw(st.sampled_from((0, 0, 1, 5)))
        text = text[:begin] + data.draw(st.sampled_from(SNIPPETS)) + text[end:]
    tried(text)


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from((2**63, -(2**64), 10**400))
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(("4GiB", "0.1MiB", "a=b:NoSchedule", "-----BEGIN OPENSSH PRIVATE KEY-----"))
    | st.just(dt.date(2026, 1, 2))
    | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(("file", "memory", "disk", "size", "from", "pins", "os", "name", "value")),
            inner,
            max_size=2,
        )
    ),
    max_leaves=4,
)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a tree."""
    items = list(value.items()) if isinstance(value, dict) else []
    items += list(enumerate(value)) if isinstance(value, (list, tuple)) else []
    return [path, *(found for key, item in items for found in paths_of(item, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, dict):
        return {**value, path[0]: replaced(value[path[0]], path[1:], new)}
    return [replaced(item, path[1:], new) if n == path[0] else item for n, item in enumerate(value)]


@given(specs(), _VALUES, st.data())
def test_any_value_in_any_place_is_a_cluster_or_invalid_input(
    spec: ClusterSpec, value: Any, data: st.DataObject
) -> None:
    content = dumped(spec)
    path = data.draw(st.sampled_from(paths_of(content)))
    tried(yaml.safe_dump(replaced(content, path, value)))


@pytest.mark.parametrize("pattern", ["[*{0}, *{0}, *{0}, *{0}]", "{{x: *{0}, y: *{0}, z: *{0}}}"])
def test_aliases_of_aliases_are_refused_before_they_fill_the_memory(pattern: str) -> None:
    levels = ["a0: &a0 [1]", *(f"a{n}: &a{n} {pattern.format(f'a{n - 1}')}" for n in range(1, 30))]
    with pytest.raises(InvalidInput, match="aliases stand for far too many values") as caught:
        load("\n".join(levels), name="c.yaml", read_file=read_file)
    assert PLACE.fullmatch(caught.value.where)
