"""The judgement of a run's checkpoint, from the files of its directory."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from tiny import tiny

from simsiam_core.features.quality import quality, trained_on
from simsiam_core.model.bundled import install
from simsiam_core.runs import RunStore, Status


def test_the_bundled_network_is_judged_on_the_images_that_it_was_trained_on(tmp_path: Path) -> None:
    run = install(RunStore(tmp_path))
    assert run is not None and trained_on(run) == "cifar10"
    found = quality(run, "epoch=0024")
    assert (found.figures.classes, found.figures.test_images) == (10, 10_000)
    assert found.verdict.level == "good" and "49.6%" in found.verdict.sentence


def test_a_folders_classes_and_test_images_are_those_of_its_list(tmp_path: Path) -> None:
    config = tiny(data={"source": "folder", "path": str(tmp_path)})
    run = RunStore(tmp_path / "runs").create(config, Status(state="finished"))
    line = {"step": 0, "epoch": 0, "time": 1.0, "val/knn_accuracy": 0.5}
    run.metrics_path.write_text(json.dumps(line) + "\n")
    assert quality(run).figures.classes is None
    listed = {"ids": ["a", "b", "c"], "digests": [], "train_count": 2, "classes": ["cat", "dog"]}
    run.images_path.write_bytes(gzip.compress(json.dumps(listed).encode()))
    found = quality(run).figures
    assert (found.classes, found.test_images, found.knn) == (2, 1, 0.5)
