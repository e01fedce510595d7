"""Processes: start and stop them by their command line, without importing what they run."""

from simsiam_core.jobs.process import launch, stop

__all__ = ["launch", "stop"]
