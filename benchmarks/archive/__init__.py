"""The snapshot archive beside what people use instead: `python -m benchmarks.archive`."""
