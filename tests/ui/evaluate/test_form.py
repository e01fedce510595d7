"""The form of the page Evaluate, made from the kinds of evaluation and their settings."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest
from tiny import tiny

from simsiam_core.runs import RunStore
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.evaluate.form import Form


class Changing:
    """As much of a context as the form needs."""

    def __init__(self, store: RunStore) -> None:
        self.store = store

    def change(self, act: Any) -> Any:
        return act()

    def placement_for(self, run: Any) -> None:
        """No scheduler is there, so none is asked where it starts."""


@pytest.fixture
def form(store: RunStore) -> Form:
    with gr.Blocks():
        return Form(Changing(store))  # type: ignore[arg-type]


def test_controls_have_the_ids_that_scripts_know(form: Form) -> None:
    assert [control.elem_id for control in form.settings] == [
        "evaluate-kind",
        "evaluate-protocol",
        "evaluate-share",
        "evaluate-epochs",
        "evaluate-seed",
    ]


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("knn", [False, False, False, False, False]),
        ("linear", [True, True, False, True, True]),
        ("finetune", [True, False, True, True, True]),
        ("of another version", [False] * 5),
    ],
)
def test_a_kind_shows_its_own_settings(form: Form, kind: str, shown: list[bool]) -> None:
    _, *looks = form.use_kind(kind)
    assert [look["visible"] for look in looks] == shown


def test_only_what_the_kind_knows_is_queued(form: Form, store: RunStore) -> None:
    run = store.create(tiny())
    (run.checkpoints_dir / "last.ckpt").write_bytes(b"weights")
    network = ChosenNetwork(run.id, "last")
    message, job_id = form.begin(network, "finetune", "cached", 0.1, 3.0, 7)
    assert message == "" and "-finetune-" in job_id
    settings = next(run.path.glob(f"evaluations/{job_id}/settings.json")).read_text(encoding="utf-8")
    assert '"epochs": 3' in settings and '"labels_share": 0.1' in settings and "protocol" not in settings
    message, _ = form.begin(network, "linear", "cached", 0.1, 0, 7)
    assert "Epochs is 0; it must be greater" in message
    message, _ = form.begin(network, "knm", "cached", 0.1, 1, 7)
    assert "no evaluation" in message
    message, _ = form.begin(None, "knn", "cached", 0.1, 1, 7)
    assert "No run has a checkpoint yet" in message
