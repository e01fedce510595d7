"""How a map is to be drawn: the form, and the settings that it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.features.map_settings import MapSettings
from simsiam_core.features.worker import WorkError
from simsiam_core.ui.components import image_banks
from simsiam_core.ui.context import Context


def main_settings() -> list[Any]:
    """The controls in view: how images are laid out, and in how many dimensions."""
    method = gr.Radio(
        [("UMAP", "umap"), ("PCA", "pca")],
        value="umap",
        label="Method",
        elem_id="map-method",
        elem_classes="segmented",
    )
    dimensions = gr.Radio(
        [("2D", 2), ("3D", 3)],
        value=2,
        label="Dimensions",
        elem_id="map-dimensions",
        elem_classes="segmented",
    )
    return [method, dimensions]


def more_settings() -> list[Any]:
    """The controls that are folded away; `settings_of` takes them after those in view."""
    with gr.Accordion("More: how it is drawn", open=False, elem_classes="form-more", elem_id="map-more"):
        with gr.Row():
            sample = gr.Slider(
                500,
                50_000,
                5000,
                step=500,
                label="Points",
                info="Stratified over classes.",
                elem_id="map-sample",
                buttons=[],
            )
            near = gr.Slider(
                2,
                100,
                15,
                step=1,
                label="Neighbours",
                info="Few show detail, many the whole.",
                elem_id="map-neighbours",
                buttons=[],
            )
            min_dist = gr.Slider(
                0,
                1,
                0.1,
                step=0.01,
                label="Least distance",
                info="How closely points may be packed.",
                elem_id="map-min-dist",
                buttons=[],
            )
        with gr.Row():
            metric = gr.Dropdown(
                ["cosine", "euclidean", "manhattan"],
                value="cosine",
                label="Metric",
                filterable=False,
                elem_id="map-metric",
            )
            dense = gr.Checkbox(
                label="Keep local densities (densMAP)",
                info="Tight groups stay tight and loose ones loose; slower.",
                elem_id="map-dense",
            )
            pace = gr.Radio(
                [("fast", False), ("reproducible", True)],
                value=False,
                label="Pace",
                info="Reproducible gives the same map every time, on one thread.",
                elem_id="map-pace",
            )
    return [sample, near, min_dist, metric, dense, pace]


def settings_of(context: Context, images: str, values: Sequence[Any]) -> MapSettings:
    """The settings of a map of some images that a form's values stand for. Raises ConfigError or WorkError."""
    method, dimensions, sample, near, min_dist, metric, dense, reproducible = values
    return MapSettings(
        method=method,
        split=image_banks.allowed(context, images),
        sample=int(sample),
        dimensions=int(dimensions),
        neighbours=int(near),
        min_dist=float(min_dist),
        metric=metric,
        reproducible=bool(reproducible),
        dense=bool(dense),
    )


def asks_for(context: Context, values: Sequence[Any], drawn: MapSettings, most: int | None = None) -> bool:
    """Whether a form's values stand for a map that was drawn; `most` is the limit that its points were held to."""
    try:
        asked = settings_of(context, drawn.split, values)
    except (ConfigError, WorkError, TypeError, ValueError):
        return False
    if most is not None:
        asked = replace(asked, sample=min(asked.sample, most))
    if asked.method == drawn.method == "pca":  # which does not care for UMAP's settings
        return (asked.sample, asked.dimensions) == (drawn.sample, drawn.dimensions)
    return asked == drawn
