"""Train: what shall I run? Images, a recipe, and Start."""

from __future__ import annotations

import gradio as gr

from simsiam_core.config import parse
from simsiam_core.ui.context import Context, Page
from simsiam_core.ui.train.adapting import RecipeChoice
from simsiam_core.ui.train.images import ImagesPanel
from simsiam_core.ui.train.prospect import Prospect
from simsiam_core.ui.train.settings import SettingsPanel
from simsiam_core.ui.train.several import Several
from simsiam_core.ui.train.start import StartBar
from simsiam_core.ui.train.where import WherePanel


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The tab; other pages write into its form by `page.fill`."""
    settings = SettingsPanel(context)
    choice = RecipeChoice(context, settings)
    prospect = Prospect(context, settings)
    with gr.Row(elem_classes="train-layout", equal_height=False):
        with gr.Column(scale=7, min_width=320):
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h2>Images</h2>", padding=False)
                images = ImagesPanel(context, settings, choice)
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h2>Recipe</h2>", padding=False)
                choice.render()
                settings.render()
        with gr.Column(scale=4, min_width=320, elem_classes="train-side"):
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h2>This run</h2>", padding=False)
                settings.form.place("name")
                prospect.render_meaning()
                several = Several()
                where = WherePanel(context)
            with gr.Column(elem_classes="sheet"):
                prospect.render_views()
    start = StartBar(context, settings, prospect, choice)
    prospect.wire(tab)
    images.wire(page)
    start.wire(page, several, where)
    where.wire(lambda held: parse(settings.values(held)), settings.held)
    settings.wire(page.blocks)
    choice.wire(page.blocks)
    page.fill = settings.fill()
