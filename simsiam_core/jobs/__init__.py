"""Job processes and the queue: start, stop, pause, resume, adopt, schedule. Imports no training code."""

from simsiam_core.jobs.control import SCHEDULES, Schedule, enqueue, enqueue_evaluation, extend, move, resume
from simsiam_core.jobs.entries import Entry, queue_entries, read_queue
from simsiam_core.jobs.executor import pause, stop
from simsiam_core.jobs.fork import fork
from simsiam_core.jobs.notify import Event, Notifier
from simsiam_core.jobs.process import launch
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
    "queue_entries",
    "read_queue",
    "resume",
    "stop",
]
