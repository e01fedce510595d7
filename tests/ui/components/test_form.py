from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest
from tiny import TINY, tiny

from simsiam_core.config import Config, ConfigError, DataConfig, merge, parse, preset, presets
from simsiam_core.config.sections.network import NAMED, RESNETS
from simsiam_core.runs import RunStore
from simsiam_core.ui.components.form import SHOWN_WHERE, Form
from simsiam_core.ui.live import image_counts as counts_module
from simsiam_core.ui.live.image_counts import ImageCounts


@pytest.fixture(scope="module")
def form() -> Form:
    form = Form(preset("quick").values)
    with gr.Blocks():
        form.place_rest()
    return form


def thousand(config: Config) -> int:
    return 1000


def given(form: Form, values: dict) -> list:
    """The controls' values after `fill`."""
    return [update["value"] for update in form.fill(values)]


@pytest.mark.parametrize("name", sorted(presets()))
def test_presets_come_out_of_the_form_as_they_went_in(form: Form, name: str) -> None:
    values = preset(name).values
    assert parse(form.values(given(form, values))) == parse(values)


def test_settings_of_other_methods_are_hidden(form: Form) -> None:
    shown = {}
    for method in ("simsiam", "byol", "vicreg"):
        values = merge(form.defaults(), {"objective": {"method": method}})
        updates = dict(zip([spec.path for spec in form.specs], form.marks(values, {}, {}), strict=True))
        shown[method] = {path for path, update in updates.items() if update.get("visible")}
    assert {"model.predictor", "model.projector_layers"} <= shown["simsiam"]
    assert {"model.predictor", "objective.target_momentum", "model.projection_dim"} <= shown["byol"]
    assert not {"model.stop_gradient", "objective.variance_weight"} & shown["byol"]
    assert {path for path in shown["vicreg"] if path.startswith("objective")} == {
        f"objective.{term}_weight" for term in ("invariance", "variance", "covariance")
    }
    assert form.controls["objective.method"].choices[0] == ("SimSiam", "simsiam")


def test_partial_configs_of_earlier_versions_keep_their_method(form: Form) -> None:
    values = {"objective": {"rotation_weight": 0.3}}
    assert parse(form.values(given(form, values))).objective.method == "e_simsiam"
    assert parse(form.values(given(form, {}))).objective.method == "simsiam"


def test_what_gradio_makes_of_values_is_undone(form: Form) -> None:
    controls = given(form, TINY)
    paths = [spec.path for spec in form.specs]
    controls[paths.index("training.batch_size")] = 20.0  # numbers come as floats
    controls[paths.index("data.train_limit")] = None
    controls[paths.index("data.path")] = ""
    config = parse(form.values(controls))
    assert (config.training.batch_size, config.data.train_limit, config.data.path) == (20, None, None)


def test_problems_stand_at_their_fields_in_one_sentence_without_the_path(form: Form) -> None:
    values = merge(form.defaults(), {"training": {"batch_size": 0}, "optimiser": {"momentum": 2}})
    problems = form.problems(values, thousand)
    assert problems.keys() == {"training.batch_size", "optimiser.momentum"}
    assert problems["training.batch_size"] == "Batch size is 0; it must be a whole number from 2 to 65536."
    too_large = merge(form.defaults(), {"training": {"batch_size": 1001}})
    assert form.problems(too_large, thousand).keys() == {"training.batch_size"}
    assert form.problems(form.defaults(), thousand) == {}


def test_only_what_changed_is_marked(form: Form) -> None:
    paths = [spec.path for spec in form.specs]
    values = merge(form.defaults(), {"optimiser": {"momentum": 2}})
    problems = form.problems(values, thousand)

    def touched(updates: list) -> set[str]:
        return {path for path, update in zip(paths, updates, strict=True) if len(update) > 1}

    first = form.marks(values, problems, {})
    assert touched(first) == {"optimiser.momentum", *SHOWN_WHERE}
    assert first[paths.index("optimiser.momentum")]["info"] == problems["optimiser.momentum"]
    assert touched(form.marks(values, problems, problems)) == {*SHOWN_WHERE}
    cleared = form.marks(form.defaults(), {}, problems)
    assert cleared[paths.index("optimiser.momentum")]["elem_classes"] == ["field"]


def test_the_folder_is_asked_for_where_it_matters(form: Form) -> None:
    place = [spec.path for spec in form.specs].index("data.path")
    assert form.fill({})[place]["visible"] is False
    assert form.fill({"data": {"source": "folder", "path": "images"}})[place]["visible"] is True


def test_stem_and_width_are_asked_of_our_networks_alone(form: Form) -> None:
    paths = [spec.path for spec in form.specs]

    def visible(updates: list) -> list[bool]:
        return [updates[paths.index(path)]["visible"] for path in ("model.stem", "model.width")]

    other = merge(form.defaults(), {"model": {"backbone": NAMED[0]}})
    assert visible(form.fill({})) == [True, True]
    assert visible(form.fill(other)) == visible(form.marks(other, {}, {})) == [False, False]
    refused = merge(other, {"model": {"width": 3}})
    problems = form.problems(refused, thousand)
    assert visible(form.marks(refused, problems, {})) == [False, True], "a value that is refused is in sight"


def test_any_network_can_be_typed(form: Form) -> None:
    backbone = form.controls["model.backbone"]
    assert isinstance(backbone, gr.Dropdown) and backbone.filterable and backbone.allow_custom_value
    assert [name for name, _ in backbone.choices] == [*RESNETS, *NAMED]
    problems = form.problems(merge(form.defaults(), {"model": {"backbone": "vgg"}}), thousand)
    assert "timm:NAME" in problems["model.backbone"]


def test_help_names_bounds_that_help_and_no_others(form: Form) -> None:
    assert "from 8 to 256" in form.controls["model.width"].info
    assert "2147483647" not in form.controls["training.seed"].info
    assert "10000" not in form.controls["training.epochs"].info


def test_a_folder_is_counted_once_in_a_while_and_anew_on_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now = 100.0
    monkeypatch.setattr(counts_module.time, "monotonic", lambda: now)
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_text("x")
    config = tiny(data={"source": "folder", "path": str(tmp_path), "train_limit": None})
    counts = ImageCounts()
    assert counts.of(config) == 3
    (tmp_path / "3.jpg").write_text("x")
    assert counts.of(config) == 3
    assert counts.anew(config) == 4
    (tmp_path / "4.jpg").write_text("x")
    now += counts_module.KEPT_SECONDS + 1
    assert counts.of(config) == 5


def test_a_folder_that_is_missing_is_looked_for_again(tmp_path: Path) -> None:
    config = Config(data=DataConfig(source="folder", path=str(tmp_path / "later")))
    counts = ImageCounts()
    with pytest.raises(ConfigError, match="There is no folder"):
        counts.of(config)
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "a.jpg").write_text("x")
    assert counts.of(config) == 1


def test_weights_that_are_not_there_are_said_at_their_field(store: RunStore) -> None:
    form = Form(preset("quick").values, store)
    values = merge(form.defaults(), {"model": {"weights": "2099:last"}})
    assert form.problems(values, thousand) == {
        "model.weights": f"There is no run '2099' in {store.path}; 'runs list' shows those there are."
    }
    assert form.problems(merge(form.defaults(), {"model": {"weights": " "}}), thousand) == {}


def test_every_control_has_one_place() -> None:
    """Kind: a field that was placed after the rest stood on the page twice."""
    form = Form(preset("quick").values)
    with gr.Blocks() as blocks:
        form.place("training.epochs")
        form.place_rest(later=["name"])
        form.place("name")
    ids = [block.elem_id for block in blocks.blocks.values() if (block.elem_id or "").startswith("field-")]
    assert sorted(ids) == sorted(control.elem_id for control in form.controls.values())
    assert len(form.controls) == len(form.specs)
