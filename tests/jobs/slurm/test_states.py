"""States and reasons of SLURM in words, and what an ended job leaves of its run."""

from __future__ import annotations

import datetime

import pytest

from simsiam_core.jobs.slurm.commands import JobState, _refusal
from simsiam_core.jobs.slurm.states import ending, moment, sentence


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (
            JobState("7", "PENDING", "Resources"),
            "Waits as SLURM job 7: the nodes it needs are taken (Resources).",
        ),
        (JobState("7", "PENDING", "QOSGrpGRES"), "a limit of your account or QoS is reached (QOSGrpGRES)"),
        (
            JobState("7", "PENDING", "ReqNodeNotAvail, UnavailableNodes:n3"),
            "down or reserved (ReqNodeNotAvail)",
        ),
        (JobState("7", "PENDING", "SomethingNew"), "Waits as SLURM job 7: SomethingNew."),
        (JobState("7", "RUNNING", "None", "n[1-2]", "N/A"), "Runs on n[1-2] as SLURM job 7."),
        (JobState("7", "SUSPENDED", "None", "n1"), "SLURM job 7 is suspended on n1"),
        (JobState("7", "COMPLETING", "None", "n1"), "SLURM job 7 is completing on n1."),
    ],
)
def test_a_job_says_where_it_stands(job: JobState, words: str) -> None:
    assert words in sentence(job)


def test_the_end_of_a_time_limit_is_told_unless_there_is_none() -> None:
    now = datetime.datetime.now()
    assert ":" in moment((now + datetime.timedelta(hours=1)).isoformat(timespec="seconds"))
    assert moment((now + datetime.timedelta(days=365)).isoformat(timespec="seconds")) == ""
    assert moment("Unknown") == moment("") == ""


@pytest.mark.parametrize(
    ("state", "code", "began", "run", "words"),
    [
        ("CANCELLED", "0:15", True, "stopped", "with scancel or by an administrator"),
        ("OUT_OF_MEMORY", "0:125", True, "failed", "more memory than it had asked for"),
        ("TIMEOUT", "0:15", True, "failed", "longer Warning"),
        ("NODE_FAIL", "1:0", True, "failed", "node failed"),
        ("FAILED", "127:0", False, "failed", "before the training began, with exit code 127"),
        ("FAILED", "140:0", False, "failed", "a longer time limit, or a shorter Warning"),
        ("FAILED", "0:9", True, "failed", "The job ended by signal 9"),
        ("COMPLETED", "", False, "failed", "with exit code ?"),
    ],
)
def test_an_end_is_told_with_what_to_do(state: str, code: str, began: bool, run: str, words: str) -> None:
    found, said = ending(state, code, began)
    assert found == run
    assert words in said
    assert "Resume submits it again" in said
    assert ("newest checkpoint" in said) == began


def test_a_refusal_keeps_the_words_of_slurm_behind_the_advice() -> None:
    said = "sbatch: error: Batch job submission failed: Invalid qos specification"
    assert _refusal("sbatch", said) == (
        "There is no such QoS, or it is not yours (Invalid qos specification)."
    )
    assert _refusal("sbatch", "sbatch: error: odd") == "SLURM refused it: odd."
