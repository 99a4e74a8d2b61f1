"""Rows of BENCHMARKS for what others have published: one file per origin, plain values only."""
