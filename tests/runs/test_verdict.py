"""What a network's figures allow one to conclude."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsiam_core.runs.verdict import Figures, figures_of, verdict

CIFAR = {"classes": 10, "test_images": 10_000}


@pytest.mark.parametrize(
    ("figures", "level", "words"),
    [
        (Figures(knn=0.496, raw_pixels=0.409, start=0.278, **CIFAR), "good", "Better than raw pixels"),
        (Figures(knn=0.429, raw_pixels=0.700, start=0.20, classes=10), "bad", "Below raw pixels: kNN 42.9%"),
        (Figures(knn=0.104, raw_pixels=0.30, start=0.2, **CIFAR), "bad", "At chance"),
        (Figures(knn=0.6, raw_pixels=0.4, collapsed=True, std=0.03), "bad", "Collapsed"),
        (Figures(knn=0.28, raw_pixels=0.2, untrained=True), "bad", "Untrained, kNN 28.0%"),
        (Figures(knn=0.42, raw_pixels=0.409, start=0.415, **CIFAR), "warn", "Within noise of its start"),
        (Figures(knn=0.415, raw_pixels=0.409, start=0.3, **CIFAR), "warn", "No better than raw pixels"),
        (Figures(knn=0.8, start=0.3), "good", "Has learned: kNN 80.0%; 30.0% before training"),
        (Figures(), "unknown", "Quality unknown"),
        (Figures(elsewhere=True), "unknown", "Trained elsewhere"),
    ],
)
def test_each_fault_is_named(figures: Figures, level: str, words: str) -> None:
    judged = verdict(figures)
    assert judged.level == level and judged.sentence.startswith(words)
    assert judged.next_step or level == "good", "who is warned is told what to do"


def test_few_test_images_leave_more_to_chance() -> None:
    few, many = (
        verdict(Figures(knn=0.45, raw_pixels=0.41, start=0.2, test_images=n)).level for n in (200, 10_000)
    )
    assert (few, many) == ("warn", "good")


def test_a_checkpoint_is_judged_by_what_was_measured_up_to_it() -> None:
    lines = [
        {"step": 0, "epoch": 0, "val/knn_accuracy": 0.2, "val/knn_accuracy_raw_pixels": 0.4},
        {"step": 40, "epoch": 2, "val/knn_accuracy": 0.5, "representation/std": 0.9},
        *({"step": step, "epoch": 3, "representation/std": 0.01} for step in range(41, 70)),
        {"step": 80, "epoch": 4, "val/knn_accuracy": 0.1},
    ]
    assert figures_of(lines, 0) == Figures(untrained=True, knn=0.2, start=0.2, raw_pixels=0.4)
    second = figures_of(lines, 2)
    assert (second.knn, second.std, second.collapsed) == (0.5, 0.9, False)
    last = figures_of(lines)
    assert (last.knn, last.collapsed, verdict(last).level) == (0.1, True, "bad")


def test_no_later_checkpoint_is_advised_where_there_is_none() -> None:
    poor = Figures(knn=0.3, raw_pixels=0.4, start=0.2, **CIFAR)
    assert "later checkpoint" not in verdict(poor).next_step
    assert "Choose a later checkpoint" in verdict(replace(poor, later=True)).next_step
    assert verdict(Figures(untrained=True)).next_step == "Train it first."
    assert verdict(Figures(untrained=True, later=True)).next_step == "Choose a later checkpoint."
