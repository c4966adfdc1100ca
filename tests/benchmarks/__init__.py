"""Benchmarks: figures with a floor measured in the same run, never timed assertions."""
