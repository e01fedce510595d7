from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from simsiam_core.config import merge
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import Choice, Choices, RunStore
from simsiam_core.ui.train.adapting import MY_IMAGES, RecipeChoice, read_choices, reasons
from simsiam_core.ui.train.settings import SettingsPanel

CHOICES = Choices(
    preset=MY_IMAGES,
    seen=("Images: 40 <b>.",),
    chosen=(Choice(path="training.epochs", value=3, reason="few"),),
)
FOLDER = {"source": "folder", "path": "/photos"}


class Task:
    """What a worker would give."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given

    def watch(self) -> Iterator[tuple[float, str]]:
        yield 0.5, "Looking at the images"

    def result(self) -> Any:
        if self._given["data"]["path"] == "/nothing":
            raise WorkError("There is no folder /nothing.")
        return SimpleNamespace(values=merge(self._given, {"training": {"epochs": 3}}), choices=CHOICES)


@pytest.fixture(scope="module")
def choice(tmp_path_factory: pytest.TempPathFactory) -> RecipeChoice:
    builder = SimpleNamespace(submit=lambda _adapt, _name, given: Task(given))
    context: Any = SimpleNamespace(
        scheduler=None, store=RunStore(tmp_path_factory.mktemp("runs")), builder=builder
    )
    with gr.Blocks():
        choice = RecipeChoice(context, settings := SettingsPanel(context))
        choice.render()
        settings.form.place("name", "data.source", "data.path", "data.image_size")
        settings.render()
    return choice


def test_a_recipe_that_adapts_fills_in_the_form_and_gives_its_reasons(choice: RecipeChoice) -> None:
    waiting, last = choice.adapt(MY_IMAGES, FOLDER, "pets")
    assert any("Looking at the images" in str(value) for value in waiting.values())
    assert set(last) == set(choice.outputs)
    adapted = next(value for value in last.values() if isinstance(value, SimpleNamespace))
    filling = choice.filling
    filled = filling["fn"](adapted)
    assert set(filled) == set(filling["outputs"]) and filling["fn"](None) == {}
    by_id = {component.elem_id: value for component, value in filled.items() if component.elem_id}
    assert by_id["field-training-epochs"]["value"] == 3
    assert by_id["field-data-path"]["value"] == "/photos"
    assert by_id["field-name"]["value"] == "pets"
    assert "Epochs 3: few." in by_id["train-reasons"] and "40 &lt;b&gt;." in by_id["train-reasons"]
    assert read_choices(filled[choice.choices]) == CHOICES


@pytest.mark.parametrize(
    ("data", "sentence"),
    [({}, "first drop a folder or a zip"), (FOLDER | {"path": "/nothing"}, "There is no folder /nothing.")],
)
def test_what_stands_in_its_way_is_said(choice: RecipeChoice, data: dict[str, Any], sentence: str) -> None:
    *_, last = choice.adapt(MY_IMAGES, data, "pets")
    assert any(sentence in str(value) for value in last.values())
    assert choice.choices not in last


def test_what_the_browser_kept_is_checked() -> None:
    assert read_choices(CHOICES.model_dump(mode="json")) == CHOICES
    assert read_choices({"chosen": "all"}) is None and read_choices(None) is None
    assert reasons(None) == ""
