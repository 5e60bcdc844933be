"""The examples in the docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

from kubisnap import engine

MODULES = sorted(found.name for found in pkgutil.walk_packages(engine.__path__, "kubisnap.engine."))


@pytest.mark.parametrize("name", MODULES)
def test_every_example_in_a_docstring_is_true(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name))

    assert failed == 0


def test_there_are_examples_and_they_are_found() -> None:
    finder = doctest.DocTestFinder()
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]

    assert len(found) >= 4
