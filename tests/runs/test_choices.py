from __future__ import annotations

from pathlib import Path

from tiny import tiny

from simsiam_core.runs import Choice, Choices, RunStore

CHOICES = Choices(
    preset="my-images",
    seen=("Images: 80.",),
    chosen=(
        Choice(path="training.epochs", value=3, reason="few images"),
        Choice(path="knn.k", value=9, reason="small classes"),
        Choice(path="training.stop_on_collapse", value=False, reason="it ends soon anyway"),
    ),
)


def test_a_run_keeps_the_choices_that_stand_in_its_config(tmp_path: Path) -> None:
    run = RunStore(tmp_path).create(tiny())
    assert run.choices() is None
    run.write_choices(CHOICES)  # its k is 5: somebody changed it
    found = run.choices()
    assert found is not None
    assert found.sentences == (
        "Images: 80.",
        "Epochs 3: few images.",
        "Stop on collapse off: it ends soon anyway.",
    )
    assert not run.damage()


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    run = RunStore(tmp_path).create(tiny())
    (run.path / "choices.json").write_text('{"preset": 3}')
    assert run.choices() is None
    assert [problem for problem in run.damage() if problem.startswith("choices.json is damaged: preset")]
