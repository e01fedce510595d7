from __future__ import annotations

import json
import os

import pytest
import torch

from simsiam_core.bench import evaluation, images, monitoring, neighbours
from simsiam_core.bench import map as map_bench
from simsiam_core.bench import runs as runs_bench
from simsiam_core.cli import main
from simsiam_core.runs import RunStore
from simsiam_core.ui.live.snapshot import Snapshots
from simsiam_core.ui.runs.filter import read_filter
from simsiam_core.ui.runs.index import RunIndex


def test_neighbours_are_measured_in_search_and_from_upload_to_answer() -> None:
    figures = neighbours.measure(rows=500, dim=16, k=5, repeats=5, large=700)
    times = {name: value for name, value in figures.items() if name.endswith("ms")}
    assert len(times) == 7
    assert all(value > 0 for value in times.values())
    assert figures["recall against float64"] == 1


def test_recall_counts_what_was_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = torch.nn.functional.normalize(
        torch.randn(40, 6, generator=torch.Generator().manual_seed(0)), dim=1
    )

    def every_other(queries: torch.Tensor, bank: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        best = (queries @ bank.T).topk(2 * k, dim=1)
        return best.values[:, ::2], best.indices[:, ::2]

    monkeypatch.setattr(neighbours, "search", every_other)
    assert neighbours.recall(rows[:5], rows, 4) == pytest.approx(0.5)


def test_a_made_up_map_is_drawn_and_an_image_is_placed_on_it() -> None:
    figures = map_bench.measure(points=60, umap=False)
    assert figures["points"] == 60
    assert figures["the same map again, ms"] > 0
    assert figures["placing an image, median ms"] > 0


def test_images_are_measured_from_the_disk_to_the_step() -> None:
    before = os.environ["SIMSIAM_CACHE"]
    figures = images.measure(image_size=16, photos=12)
    rates = [value for name, value in figures.items() if name.endswith("images/s")]
    assert len(rates) == 7 and all(rate > 0 for rate in rates)
    assert (figures["images"], figures["stored size, px"]) == (12, 40)
    assert figures["100,000 images on the disk, GB"] == pytest.approx(1e5 * 3 * (16**2 + 40 * 53) / 1e9)
    assert os.environ["SIMSIAM_CACHE"] == before


def test_monitoring_is_a_share_of_training(capsys: pytest.CaptureFixture) -> None:
    figures = monitoring.measure(epochs=1)
    assert figures["steps"] == 62
    assert 0 < figures["monitoring, % of training"] < 100


def test_knn_and_the_linear_sweep_agree_with_their_references() -> None:
    figures = evaluation.measure(rows=2000, queries=500, dim=32)
    assert figures["queries answered otherwise in float64"] == 0
    assert figures["kNN accuracy, k 200, T 0.1, %"] == figures["kNN accuracy in float64, %"] > 20
    assert abs(figures["points above scikit-learn"]) < 3  # one image is 0.2 points
    assert all(figures[f"{what}, s"] > 0 for what in ("linear sweep, 12 settings", "scikit-learn, 5 C"))


def test_an_unknown_question_lists_the_known_ones(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["bench", "weather"])
    assert caught.value.code == 2
    assert "neighbours" in capsys.readouterr().err


@pytest.mark.usefixtures("started_anew")
def test_the_page_answers_and_leaves_umap_alone(capsys: pytest.CaptureFixture) -> None:
    assert main(["bench", "page", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["page reachable after, s"] > 0
    assert figures["umap loaded"] is False


def test_the_folder_of_very_many_runs_is_one_that_the_page_reads(store: RunStore) -> None:
    growing = runs_bench._many(store, 12, 4)
    snapshot = Snapshots(store).look()
    states = [snapshot.statuses[run.id].state for run in snapshot.runs]
    assert states[:5] == [*4 * ["queued"], "running"] and snapshot.runs[4].id == growing.id
    rows = RunIndex().known(snapshot).rows
    assert all("knn" in row.numbers and row.cells["batch"] for row in rows[5:])
    assert all(read_filter(text).tests for text in runs_bench.FILTERS)
