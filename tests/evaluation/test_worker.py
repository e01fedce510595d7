"""Every kind of evaluation on a tiny checkpoint, in this process, and the table they end in."""

from __future__ import annotations

import csv
import io

import pytest
import yaml
from tiny import tiny

from simsiam_core.config import ConfigError
from simsiam_core.config.evaluation import parse_evaluation
from simsiam_core.data import load
from simsiam_core.evaluation.confused import confused
from simsiam_core.evaluation.prediction import load_predictor
from simsiam_core.evaluation.results import as_csv, as_latex, as_markdown, over_seeds, rows, table
from simsiam_core.evaluation.worker import evaluate
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.evaluations import create_evaluation, find_evaluation

KINDS = (
    {"kind": "knn"},
    {"kind": "linear", "epochs": 3},
    {"kind": "linear", "protocol": "augmented", "epochs": 2, "batch_size": 20},
    {"kind": "finetune", "labels_share": 0.25, "epochs": 2, "batch_size": 10},
)


@pytest.fixture(scope="module")
def results(trained: RunDirectory) -> list[dict]:
    found = []
    for settings in KINDS:
        job = create_evaluation(trained, settings)
        assert evaluate(job) == 0, job.status().error
        assert job.status().state == "finished"
        found.append(job.result() | {"curves": job.metrics()})
    return found


def test_knn_agrees_with_what_training_measured(trained: RunDirectory, results: list[dict]) -> None:
    measured = [m["val/knn_accuracy"] for m in trained.metrics() if "val/knn_accuracy" in m][-1]
    assert results[0]["figures"]["knn/accuracy"] == pytest.approx(measured)
    assert results[0]["stamp"]["k"] == 5 and results[0]["stamp"]["layer"] == "backbone"


@pytest.mark.parametrize("index", range(len(KINDS)))
def test_every_kind_classifies_other_images_as_it_did_the_test_images(
    trained: RunDirectory, results: list[dict], index: int
) -> None:
    predictor = load_predictor(find_evaluation(trained, results[index]["id"]))
    images = load(trained.config().data).split("test")
    shares = predictor.probabilities(images.images)
    assert shares.argmax(dim=1).tolist() == results[index]["details"]["predicted"]
    assert predictor.classes == images.classes and shares.sum(dim=1).tolist() == pytest.approx([1.0] * 20)


def test_a_cell_of_the_confusion_matrix_holds_its_images(trained: RunDirectory, results: list[dict]) -> None:
    details = results[0]["details"]
    for true in range(10):
        counts = [confused(trained.path, details["predicted"], true, j, 99)[0] for j in range(10)]
        assert counts == details["confusion"][true]
    assert sum(map(sum, details["confusion"])) == 20


@pytest.mark.parametrize("index", [1, 2])
def test_linear_chooses_on_validation_and_shows_its_curves(results: list[dict], index: int) -> None:
    result = results[index]
    by_setting = result["details"]["validation_by_setting"]
    assert result["figures"]["linear/validation_accuracy"] == max(by_setting.values())
    assert [line["epoch"] for line in result["curves"]] == list(range(1, result["settings"]["epochs"] + 1))
    assert result["stamp"]["validation_share"] == 0.1


def test_fine_tuning_uses_exactly_its_labels_twice(results: list[dict]) -> None:
    result = results[3]
    assert result["stamp"]["labels"] == 20
    assert result["details"]["labels_per_class"] == dict.fromkeys(result["details"]["classes"], 2)
    assert {"finetune/accuracy", "scratch/accuracy"} <= result["figures"].keys()
    names = {name for line in result["curves"] for name in line}
    assert {"finetune/accuracy", "scratch/accuracy", "finetune/loss", "scratch/loss"} <= names


def test_the_table_stamps_and_exports_every_figure(trained: RunDirectory, results: list[dict]) -> None:
    found = rows([trained])
    assert found[0].figures["knn"].stamp == "k 5, T 0.1"
    stamps = {row.figures["linear"].settings for row in found if "linear" in row.figures}
    assert stamps == {"features cached, epochs 3, seed 0", "features augmented, epochs 2, seed 0"}
    lines = list(csv.reader(io.StringIO(as_csv(found))))
    assert len({len(line) for line in lines}) == 1
    assert "not measured here" in lines[-1][-1]
    assert as_markdown(found).count("\n") == len(lines) + 1
    assert r"\bottomrule" in as_latex(found) and "±" not in as_latex(found)


def test_seeds_make_a_mean_and_a_std(store: RunStore) -> None:
    runs = [store.create(tiny(training={"seed": seed}, name=f"s{seed}")) for seed in (0, 1)]
    runs.append(store.create(tiny(training={"seed": 2, "batch_size": 40})))
    for run, accuracy in zip(runs, (0.5, 0.6, 0.9), strict=True):
        stamp = {"k": 5, "temperature": 0.1, "data": "textures", "train_images": 80, "test_images": 20}
        result = {"kind": "knn", "epoch": 3, "figures": {"knn/accuracy": accuracy}, "stamp": stamp}
        create_evaluation(run, {"kind": "knn"}).write_result(result)
    (mean,) = over_seeds(rows(runs), runs)
    assert str(mean.figures["knn"]) == "55.0 ± 7.1 %"
    assert mean.figures["knn"].count == 2
    assert mean.figures["knn"].settings == "k 5, T 0.1, n = 2"
    assert len(table(runs)) == 4


def test_seeds_of_an_evaluation_make_one_too_and_other_settings_stay_apart(store: RunStore) -> None:
    run = store.create(tiny())
    for labels, seed, accuracy in ((20, 0, 0.5), (20, 1, 0.6), (80, 0, 0.8), (80, 1, 0.8), (8, 0, 0.1)):
        stamp = {"labels": labels, "epochs": 9, "seed": seed, "data": "textures", "train_images": 80}
        figures = {"finetune/accuracy": accuracy, "scratch/accuracy": accuracy / 2}
        result = {"kind": "finetune", "epoch": 3, "figures": figures, "stamp": stamp | {"test_images": 20}}
        create_evaluation(run, {"kind": "finetune"}).write_result(result)
    means = over_seeds(rows([run]), [run])
    found = {mean.figures["finetune"].settings: str(mean.figures["scratch"]) for mean in means}
    assert found == {
        "labels 20, epochs 9, n = 2": "27.5 ± 3.5 %",
        "labels 80, epochs 9, n = 2": "40.0 ± 0.0 %",
    }
    assert len(rows([run])) == 5


def test_another_architecture_is_a_sentence(trained: RunDirectory, store: RunStore) -> None:
    run = store.create(tiny(model={"width": 16}))
    (run.checkpoints_dir / "last.ckpt").write_bytes(trained.checkpoint().path.read_bytes())
    job = create_evaluation(run, {"kind": "knn"})
    assert evaluate(job) == 2
    assert "holds another network (resnet10, stride2, width 8)" in job.status().error
    assert job.result() is None


def test_too_few_labels_is_a_sentence(trained: RunDirectory) -> None:
    job = create_evaluation(trained, {"kind": "finetune", "labels_share": 0.05})
    assert evaluate(job) == 2
    assert "4 labels of 80, fewer than the 10 classes" in job.status().error


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kind": "knm"}, "no evaluation 'knm'"),
        ({"kind": "linear", "epochs": 0}, "Epochs is 0; it must be greater than or equal to 1"),
        ({"kind": "knn", "epochs": 3}, "Unknown setting epochs"),
    ],
)
def test_bad_settings_are_sentences(given: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse_evaluation(given)


def test_settings_are_kept_as_they_were(results: list[dict]) -> None:
    assert yaml.safe_load(yaml.safe_dump(results[3]["settings"]))["labels_share"] == 0.25


def test_knn_by_a_k_and_temperature_of_ones_own(trained: RunDirectory) -> None:
    """As from `evaluate knn RUN --k 3 --temperature 0.5`."""
    job = create_evaluation(trained, {"kind": "knn", "k": 3, "temperature": 0.5})
    assert evaluate(job) == 0, job.status().error
    result = job.result()
    assert result is not None
    assert (result["stamp"]["k"], result["stamp"]["temperature"]) == (3, 0.5)
    with pytest.raises(ConfigError, match="k is 0"):
        parse_evaluation({"kind": "knn", "k": 0})
