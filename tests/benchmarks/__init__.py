"""Benchmarks: `make bench` runs them all, prints tables and writes JSON into build/bench. None is a timed test."""
