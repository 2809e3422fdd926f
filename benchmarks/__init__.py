"""Benchmarks that measure ratios side by side in one process: `python -m benchmarks [NAME ...]`."""
