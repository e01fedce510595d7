"""SLURM's job states and reasons in words."""

from __future__ import annotations

import datetime

from simsiam_core.jobs.slurm.commands import JobState
from simsiam_core.jobs.stop_request import UNHANDLED_USR2

WAITING = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"})
ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    }
)
# https://slurm.schedmd.com/job_reason_codes.html: those that people meet most.
REASONS = {
    "BadConstraints": "no node has what it asks for; change Constraint",
    "BeginTime": "it was interrupted, and SLURM starts it again in a moment",
    "Cleaning": "its last start is being cleaned up",
    "Dependency": "another job must end first",
    "JobArrayTaskLimit": "others of its array run",
    "JobHeldAdmin": "an administrator holds it back",
    "JobHeldUser": "it is held back; `scontrol release` lets it go on",
    "JobLaunchFailure": "its node could not start it",
    "Licenses": "it waits for a licence",
    "NodeDown": "a node that it needs is down",
    "None": "SLURM has not looked at it yet",
    "PartitionDown": "its partition starts no jobs now",
    "PartitionInactive": "its partition starts no jobs now",
    "PartitionNodeLimit": "it asks for more nodes than its partition allows",
    "PartitionTimeLimit": "its time limit is above the partition's",
    "Prolog": "its node is being prepared",
    "Priority": "other jobs are before it",
    "QOSMaxJobsPerUserLimit": "you have as many jobs running as your QoS allows",
    "ReqNodeNotAvail": "a node that it needs is down or reserved",
    "Reservation": "its reservation has not begun",
    "Resources": "the nodes it needs are taken",
}


def sentence(job: JobState) -> str:
    """Return where a job stands, as a sentence for the queue and the page."""
    name = f"SLURM job {job.id}"
    if job.state in WAITING:
        return f"Waits as {name}: {reason(job.reason)}."
    where = f" on {job.nodes}" if job.nodes else ""
    if job.state == "RUNNING":
        until = f", until {moment(job.end)} at the latest" if moment(job.end) else ""
        return f"Runs{where} as {name}{until}."
    if job.state == "SUSPENDED":
        return f"{name} is suspended{where}: SLURM has stopped its processes, and lets them go on later."
    if job.state in ENDED:
        return f"{name} has ended: {job.state.lower().replace('_', ' ')}."
    return f"{name} is {job.state.lower().replace('_', ' ')}{where}."


def reason(word: str) -> str:
    """Return why a job waits, in words, with SLURM's own word in brackets."""
    bare = word.partition(",")[0].strip("()")
    if bare in REASONS:
        return f"{REASONS[bare]} ({bare})"
    if bare.startswith(("Assoc", "QOS", "MaxJobs")):
        return f"a limit of your account or QoS is reached ({bare})"
    if "held" in word.lower():
        return f"it is held back ({word}); `scontrol release` lets it go on"
    return word or "SLURM gives no reason"


def moment(end: str) -> str:
    """Return a time of squeue as "14:05" or "30 November 14:05"; empty if it has none."""
    try:
        at = datetime.datetime.fromisoformat(end)
    except ValueError:  # N/A, Unknown, UNLIMITED
        return ""
    now = datetime.datetime.now()
    if at - now > datetime.timedelta(days=60):  # no limit: SLURM counts a year
        return ""
    today = at.date() == now.date()
    return at.strftime("%H:%M" if today else "%-d %B %H:%M")


def ending(state: str, code: str, began: bool) -> tuple[str, str]:
    """Return the run's state after an ended job whose process wrote none, and a sentence about it.

    `code` is as from `commands.exit_code`; `began` says whether the training had started.
    """
    resume = "Resume submits it again" + (", from the newest checkpoint." if began else ".")
    if state in ("CANCELLED", "REVOKED"):
        return "stopped", f"The job was cancelled in SLURM, with scancel or by an administrator. {resume}"
    if state == "OUT_OF_MEMORY":
        return "failed", f"SLURM ended the job: it needed more memory than it had asked for. {resume}"
    if state in ("TIMEOUT", "DEADLINE"):
        when = "before its checkpoint was written; set a longer Warning"
        return "failed", f"SLURM ended the job at its time limit, {when}. {resume}"
    if state in ("NODE_FAIL", "BOOT_FAIL"):
        return "failed", f"The job's node failed, and SLURM did not start it again. {resume}"
    if state == "PREEMPTED":
        return (
            "failed",
            f"A job of higher priority took its nodes, and SLURM did not start it again. {resume}",
        )
    exit_code, _, number = code.partition(":")
    if exit_code == str(UNHANDLED_USR2):
        longer = "give it a longer time limit, or a shorter Warning"
        return (
            "failed",
            f"SLURM warned the job before its program had begun, again and again; {longer}. {resume}",
        )
    how = f"by signal {number}" if number not in ("", "0") else f"with exit code {exit_code or '?'}"
    what = "The job ended" if began else "The job ended before the training began,"
    return "failed", f"{what} {how}; the log says why. {resume}"
