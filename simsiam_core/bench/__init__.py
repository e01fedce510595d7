"""Measuring this machine: each module answers one question and returns plain figures."""
