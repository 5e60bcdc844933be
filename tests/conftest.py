"""Hypothesis profiles: `dev` at the desk, `ci` where CI is set, `deep` by HYPOTHESIS_PROFILE=deep."""

import os

from hypothesis import settings

for name, examples in {"dev": 50, "ci": 100, "deep": 3_000}.items():
    settings.register_profile(name, max_examples=examples, deadline=None, print_blob=True, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))
