"""Every error that is raised on purpose: drawn in one tree, told in one sentence, with facts for machines."""

import dataclasses
import json
import re
from typing import Any, get_type_hints

import pytest

from kubisnap.engine import errors
from kubisnap.engine.errors import (
    CloudError,
    KubisnapError,
    OperationFailed,
    RateLimited,
    Unavailable,
    facts_of,
)


def tree_of(text: str) -> dict[str, str]:
    """Return each class that a drawing shows, with the class above it."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in text.splitlines():
        found = re.match(r"    ((?:[│ ]   )*)(?:[├└]── )?([A-Z][A-Za-z]+)\b", line)
        if found and (line.strip()[0] in "├└│" or found[2] == "KubisnapError"):
            depth = len(found[1]) // 4 + (found[2] != "KubisnapError")
            above[depth:] = [found[2]]
            if depth:
                parents[found[2]] = above[depth - 1]
    return parents


def classes() -> list[type[KubisnapError]]:
    """Return every error class of the engine, the root first."""
    found: list[type[KubisnapError]] = [KubisnapError]
    for cls in found:
        found += [sub for sub in cls.__subclasses__() if sub.__module__.startswith(f"{errors.__name__}.")]
    return found


def example(cls: type[KubisnapError]) -> KubisnapError:
    """Return an error with every field filled in."""
    values: dict[Any, Any] = {
        str: "x",
        int: 7,
        int | None: None,
        tuple[str, ...]: ("a", "b"),
        KubisnapError: Unavailable("acme", "no answer", 503),
        CloudError: Unavailable("acme", "no answer", 503),
        bool: True,
    }
    if not dataclasses.is_dataclass(cls):
        return cls()
    hints = get_type_hints(cls)
    required = [
        field
        for field in dataclasses.fields(cls)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    error: KubisnapError = cls(**{field.name: values[hints[field.name]] for field in required})
    return error


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn = tree_of(errors.__doc__ or "")

    assert drawn == {cls.__name__: cls.__bases__[0].__name__ for cls in classes()[1:]}
    assert len(drawn) >= 25


@pytest.mark.parametrize("cls", classes(), ids=lambda cls: cls.__name__)
def test_an_error_is_told_in_one_line_without_a_trailing_period(cls: type[KubisnapError]) -> None:
    error = example(cls)
    sentence = str(error)

    assert not sentence.endswith((".", "\n", " "))
    assert "\n" not in sentence
    assert sentence or not dataclasses.is_dataclass(cls)  # only the branches of the tree say nothing
    assert not error.hint.endswith(".")
    assert cls.__doc__


@pytest.mark.parametrize("cls", classes(), ids=lambda cls: cls.__name__)
def test_the_facts_of_an_error_can_be_written_as_json(cls: type[KubisnapError]) -> None:
    told = facts_of(example(cls))

    assert json.loads(json.dumps(told)) == told
    assert next(iter(told)) == "kind"
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", str(told["kind"]))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in told)


@pytest.mark.parametrize("cls", classes(), ids=lambda cls: cls.__name__)
def test_errors_are_compared_by_identity_and_can_be_put_into_sets(cls: type[KubisnapError]) -> None:
    one, other = example(cls), example(cls)

    assert one != other
    assert len({one, other}) == 2


def test_what_an_error_does_not_know_it_leaves_out() -> None:
    assert str(errors.InvalidInput("size", "too small")) == "size: too small"
    assert str(errors.InvalidInput("", "not valid", "c.yaml:1:2")) == "c.yaml:1:2: not valid"
    assert errors.InvalidInput("", "not valid", "c.yaml:1:2").hint.startswith("kubisnap plan -f c.yaml ")
    assert errors.InvalidInput("--size", "no such size", "c.yaml:1:2", "sizes: a, b").hint == "sizes: a, b"
    assert str(errors.CorruptArchive("a.ksnap", "cut off", 0)) == "a.ksnap: cut off (at byte 0)"
    assert str(errors.CorruptArchive("a.ksnap", "cut off")) == "a.ksnap: cut off"
    assert str(errors.Denied("acme", "no", 401, "r-1")) == "acme: no (HTTP 401) [request r-1]"
    assert str(errors.Denied("acme", "no")) == "acme: no"
    assert str(errors.UnknownEvent("X", 2, 1)) == "the log holds X in schema 2; this version reads up to 1"
    assert str(errors.UnknownEvent("X", 2, None)).endswith("of a kind unknown to this version: X")


def test_what_exists_is_named_when_something_else_was_asked_for() -> None:
    assert errors.NotFound("pool", "x", ("a", "b")).hint == "known: a, b"
    assert errors.NotFound("pool", "x").hint == ""
    assert errors.NotFound("pool", "x", ("a",), "look there").hint == "look there"


def test_only_what_may_pass_is_retried() -> None:
    retried = {cls.__name__ for cls in classes() if getattr(cls, "retryable", False)}

    assert retried == {"Busy", "RateLimited", "Unavailable"}
    assert RateLimited("acme", "slow down", retry_after=2.0).retry_after == 2.0
    assert not Unavailable("acme", "no answer").ambiguous


def test_a_failed_operation_says_why_and_what_is_left() -> None:
    cause = errors.QuotaExceeded("acme", "no more", 403)
    error = OperationFailed("web", 3, "server/a", cause, rolled_back=2, left=("network/main (n-1)",))

    assert str(error) == "#3 failed at server/a: acme: no more (HTTP 403)"
    assert error.partial
    assert error.facts["cause_message"] == "no more"
    assert error.facts["left"] == ["network/main (n-1)"]
    assert error.hint.splitlines() == [
        cause.hint,
        "kubisnap apply web      try again; the intent is kept",
        "kubisnap apply web --abandon      takes back what is left of it",
    ]
    assert not OperationFailed("web", 3, "server/a", cause).partial
    assert OperationFailed("web", 3, "server/a", cause, done=1).partial
