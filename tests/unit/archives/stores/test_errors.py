"""Errors of archive stores are told in one line, with a next step, and facts for machines."""

import dataclasses
import json
from typing import Any

import pytest

from kubisnap.archives import stores
from kubisnap.archives.stores import ArchiveStoreError, HeldByLock, StoreDenied, StoreFailed
from kubisnap.cli.exits import CODES
from kubisnap.engine.errors import facts_of

CLASSES = [
    item
    for name in stores.__all__
    if isinstance(item := getattr(stores, name), type)
    and issubclass(item, ArchiveStoreError)
    and item is not ArchiveStoreError
]


def example(cls: type[ArchiveStoreError]) -> ArchiveStoreError:
    fields: Any = dataclasses.fields(cls)  # type: ignore[arg-type]  # all of them are dataclasses
    return cls(**{field.name: "x" for field in fields})


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_says_what_and_what_next_and_ends_with_a_known_status(cls: type[ArchiveStoreError]) -> None:
    error = example(cls)

    assert str(error)
    assert "\n" not in str(error)
    assert not str(error).endswith(".")
    assert error.hint
    assert not error.hint.endswith(".")
    assert error.kind in CODES
    told = facts_of(error)
    assert json.loads(json.dumps(told)) == told


def test_there_are_as_many_as_this_test_thinks() -> None:
    assert len(CLASSES) == 7


def test_what_is_not_known_is_left_out() -> None:
    assert str(StoreFailed("s3://b", "no")) == "cannot use the archives in s3://b: no"
    assert str(StoreFailed("s3://b", "no", "Slow", "r-1")).endswith("no (Slow) [request r-1]")
    assert "folder" in StoreDenied("here", "no").hint
    assert "legal hold" in str(HeldByLock("s3://b", "x"))
