"""Processes and the queue: start, stop, pause, resume, adopt, schedule; without importing what they run."""

from simsiam_core.jobs.control import SCHEDULES, Schedule, enqueue, extend, fork, move, resume
from simsiam_core.jobs.evaluations import enqueue_evaluation, start_beside
from simsiam_core.jobs.notify import Event, Notifier
from simsiam_core.jobs.process import launch, pause, stop
from simsiam_core.jobs.queue import Entry, read_queue
from simsiam_core.jobs.scheduler import InUseError, Scheduler

__all__ = [
    "SCHEDULES",
    "Entry",
    "Event",
    "InUseError",
    "Notifier",
    "Schedule",
    "Scheduler",
    "enqueue",
    "enqueue_evaluation",
    "extend",
    "fork",
    "launch",
    "move",
    "pause",
    "read_queue",
    "resume",
    "start_beside",
    "stop",
]
