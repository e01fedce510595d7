"""Benchmarks: each module answers one question about this machine and returns plain figures."""
