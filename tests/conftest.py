"""Hypothesis profiles: `dev` at the desk, `ci` where CI is set, `deep` by HYPOTHESIS_PROFILE=deep."""

import os

import pytest
from hypothesis import settings

for name, examples in {"dev": 50, "ci": 100, "deep": 3_000}.items():
    settings.register_profile(name, max_examples=examples, deadline=None, print_blob=True, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, in whatever order the rest is."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
