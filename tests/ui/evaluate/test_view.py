"""What the page shows of evaluations and what its buttons do, without a browser and without any process."""

from __future__ import annotations

from typing import Any

import pytest
from pretended import begin
from tiny import tiny

from simsiam_core.jobs import Scheduler, enqueue, enqueue_evaluation
from simsiam_core.jobs.executors import local
from simsiam_core.runs import RunDirectory, RunStore, Status
from simsiam_core.runs.evaluations import create_evaluation
from simsiam_core.ui.context import READ_ONLY, ChangeTracker, Context
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.evaluate.view import View
from simsiam_core.ui.text import problem


def test_one_that_waits_is_measured_beside_what_runs_or_cancelled(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "launch", lambda run, *_, **__: begin(run))
    run = store.create(tiny(), Status(state="finished"))
    enqueue(store, [tiny(name="busy")])
    with Scheduler(store) as worker:
        worker.run_once()
        network = ChosenNetwork(run.id, "last")
        jobs = [enqueue_evaluation(store, run, {"kind": "knn", "checkpoint": "last"}) for _ in range(2)]
        worker.run_once()
        assert [job.status().activity for job in jobs] == ["Waits for a CPU slot: 1 of 1 taken."] * 2
        only_looks = View(Context(store, None))  # type: ignore[arg-type]  # nothing is encoded
        for act in (only_looks.beside, only_looks.cancel):
            assert act(network, jobs[0].id) == problem(READ_ONLY)
        page = View(Context(store, None, scheduler=worker))  # type: ignore[arg-type]
        assert page.beside(network, jobs[0].id) == ""
        assert "it is running" in page.beside(network, jobs[0].id)
        assert page.cancel(network, jobs[1].id) == ""
        assert [job.status().state for job in jobs] == ["running", "stopped"]


def test_with_nothing_measured_each_chart_says_what_fills_it(store: RunStore) -> None:
    run = store.create(tiny(), Status(state="finished"))
    page = View(Context(store, None))  # type: ignore[arg-type]  # nothing is encoded
    for network in (ChosenNetwork(run.id, "last"), None):
        values = page.changed(network, None, ChangeTracker())
        charts = [values[name] for name in ("curves", "grid", "confusion", "classes")]
        assert [chart["data"] for chart in charts] == [[]] * 4
        assert all(chart["empty"].endswith(" fills this.") for chart in charts)


def measured(run: RunDirectory, epoch: int, **figures: float) -> str:
    """A finished evaluation of an epoch's checkpoint, by its id."""
    kind = next(iter(figures)).partition("_")[0]
    job = create_evaluation(run, {"kind": kind, "checkpoint": f"epoch={epoch:04d}"}, Status(state="finished"))
    stamp = {"test_images": 1000, "data": "textures", "train_images": 80}
    named = {name.replace("_", "/", 1): value for name, value in figures.items()}
    details = {"classes": ["0", "1"], "confusion": [[3, 1], [0, 4]], "per_class": [0.75, 1.0]}
    result = {
        "id": job.id,
        "kind": kind,
        "checkpoint": f"epoch={epoch:04d}",
        "epoch": epoch,
        "figures": named,
    }
    job.write_result({**result, "stamp": stamp, "details": details})
    return job.id


def test_figures_of_another_checkpoint_are_said_to_be_so(store: RunStore) -> None:
    run = store.create(tiny(), Status(state="finished"))
    early, late = (measured(run, epoch, knn_accuracy=0.5) for epoch in (5, 10))
    page = View(Context(store, None))  # type: ignore[arg-type]  # nothing is encoded

    def shown(checkpoint: str, chosen: str | None = None) -> dict[str, Any]:
        return page.changed(ChosenNetwork(run.id, checkpoint), chosen, ChangeTracker())

    assert "epoch 5 · test images" in shown("epoch=0005")["head"] and shown("epoch=0005")["note"] == ""
    assert "epoch 10 · test images" in shown("epoch=0010")["head"]
    assert "epoch 10 · test images" in shown("epoch=0005", late)["head"]
    assert "still" in shown("epoch=0005", late)["note"] and "epoch 10" in shown("epoch=0005", late)["note"]
    assert "still" in shown("epoch=0020", early)["note"]
    sent = ChangeTracker()
    assert page.changed(ChosenNetwork(run.id, "epoch=0005"), None, sent)
    assert page.changed(ChosenNetwork(run.id, "epoch=0005"), None, sent) == {}


@pytest.mark.parametrize(
    ("figures", "level", "words"),
    [
        ({"knn_accuracy": 0.629, "knn_raw_pixels_accuracy": 0.70}, "bad", "Below raw pixels: kNN 62.9%"),
        ({"knn_accuracy": 0.72, "knn_raw_pixels_accuracy": 0.28}, "good", "Better than raw pixels"),
        ({"knn_accuracy": 0.51}, "bad", "At chance"),
        ({"finetune_accuracy": 0.70, "scratch_accuracy": 0.60}, "good", "Worth starting from"),
        ({"finetune_accuracy": 0.61, "scratch_accuracy": 0.60}, "warn", "No gain beyond chance"),
        ({"finetune_accuracy": 0.50, "scratch_accuracy": 0.60}, "bad", "Worse than no training before"),
    ],
)
def test_every_result_says_what_it_means(
    store: RunStore, figures: dict[str, float], level: str, words: str
) -> None:
    run = store.create(tiny(), Status(state="finished"))
    measured(run, 10, **figures)
    page = View(Context(store, None))  # type: ignore[arg-type]  # nothing is encoded
    head = page.changed(ChosenNetwork(run.id, "epoch=0010"), None, ChangeTracker())["head"]
    assert f'data-level="{level}"' in head and words in head


def test_classes_that_are_called_by_numbers_stay_names(store: RunStore) -> None:
    run = store.create(tiny(), Status(state="finished"))
    measured(run, 10, knn_accuracy=0.9)
    page = View(Context(store, None))  # type: ignore[arg-type]  # nothing is encoded
    values = page.changed(ChosenNetwork(run.id, "epoch=0010"), None, ChangeTracker())
    for chart, axes in (("confusion", ("xaxis", "yaxis")), ("classes", ("yaxis",))):
        assert [values[chart]["layout"][axis]["type"] for axis in axes] == ["category"] * len(axes)
