"""The coverage-guided fuzzer of the archive layer: ``make fuzz SECONDS=60``.

Arguments are libFuzzer's. What it finds is in ``crash-...``; put it into ``tests/fuzz/corpus`` once it is
mended, and the suite runs it for ever.
"""

import sys

import atheris


def main() -> None:
    """Fuzz until told to stop, or until something is found."""
    with atheris.instrument_imports(include=["kubisnap"]):
        from tests.fuzz.target import run
    atheris.Setup(sys.argv, run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
