"""Use this network: its weights in every export format, its config, what repeats it, how to load it, what to cite."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
from gradio.utils import get_upload_folder

from simsiam_core.config import Config, dump_yaml, merge, parse
from simsiam_core.config.command import train_command
from simsiam_core.evaluation.citation import citation
from simsiam_core.evaluation.exporter import FolderExporter
from simsiam_core.evaluation.exporters import listed
from simsiam_core.evaluation.package import CONFIG, PAPERS, package
from simsiam_core.features.quality import trained_on
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import BUNDLED, RunDirectory, RunError
from simsiam_core.runs.disk import size
from simsiam_core.ui.components.progress import Waiting, waiting
from simsiam_core.ui.components.widget import widget
from simsiam_core.ui.context import QUIET, Context

NONE_CHOSEN = "Choose a run with a checkpoint first."


class Network(Protocol):
    """What the page's choice of a network says of it."""

    @property
    def run(self) -> str:
        """The id of the run."""

    @property
    def checkpoint(self) -> str:
        """The name of the checkpoint."""


def build(context: Context, network: gr.State) -> None:
    """The panel, about the network that `network` holds: what it shows follows that, files are made on a click."""
    with gr.Column(elem_classes="use-network"):
        with gr.Row(elem_classes="use-weights"):
            format = gr.Dropdown(formats(), value=next(iter(listed())), label="Weights", elem_id="use-format")
            prepare = gr.Button("Make the file", elem_id="use-prepare", min_width=140)
        wait = waiting("use")
        file = gr.DownloadButton("Download", size="sm", visible=False, elem_id="use-download")
        usage = widget("components/code-blocks", "use-usage", [])
        texts = widget("components/code-blocks", "use-texts", [])
    panel = UseNetwork(context, wait)
    network.change(panel.show, network, [texts, usage, file], **QUIET)
    prepare.click(panel.make, [network, format], [file, usage, *wait.outputs], **QUIET)


class UseNetwork:
    """What the panel shows and makes."""

    def __init__(self, context: Context, wait: Waiting) -> None:
        self._context, self._wait = context, wait

    def show(self, network: Network | None) -> tuple[Any, Any, Any]:
        """Code about the network; a file and its usage that were made of another one go."""
        hidden = gr.update(visible=False, value=None)
        if network is None:
            return [], [], hidden
        try:
            run = self._context.store.get(network.run)
            return blocks(run, network.checkpoint), [], hidden
        except RunError as error:
            return [{"title": "In Python", "note": str(error), "text": ""}], [], hidden

    def make(self, network: Network | None, format: str) -> Iterator[list[Any]]:
        """Export the network in a format, then offer the file."""
        wait = self._wait
        if network is None:
            yield [gr.skip(), gr.skip(), *wait.failed(NONE_CHOSEN)]
            return
        folder = (
            Path(get_upload_folder()).resolve() / f"export-{secrets.token_hex(8)}"
        )  # emptied with the uploads
        try:
            run = self._context.store.get(network.run)
            task = self._context.builder.submit(package, run.path, network.checkpoint, str(format), folder)
            for update in wait.follow(task):
                yield [gr.skip(), gr.skip(), *update]
            made = task.result()
        except (RunError, WorkError) as error:
            yield [gr.update(visible=False, value=None), [], *wait.failed(error)]
            return
        label = f"Download {made.path.name} ({size(made.path.stat().st_size)})"
        usage = [{"title": "Loading this file without the program", "text": made.usage}] if made.usage else []
        yield [gr.update(value=str(made.path), label=label, visible=True), usage, *wait.over()]


def formats() -> list[tuple[str, str]]:
    """The formats to choose from; a bundle of a whole run is for the program itself."""
    return [
        (f"{exporter.title}: {exporter.help}", name)
        for name, exporter in listed().items()
        if not isinstance(exporter, FolderExporter)
    ]


def blocks(run: RunDirectory, checkpoint: str) -> list[dict[str, str]]:
    """The pieces of code about a checkpoint of a run. Raises RunError if its config cannot be read."""
    config = _as_trained(run)
    found = [
        {"title": "In Python", "text": python(run, checkpoint), "file": ""},
        {"title": "Repeat the training", "text": train_command(config), "note": _before(run), "file": ""},
        {"title": "Config", "text": dump_yaml(config), "file": CONFIG},
    ]
    if run.imported:
        found = [found[0]]  # its training is not recorded here, and the method in its config is nobody's
    elif papers := citation(config):
        found.append({"title": "Cite", "text": papers, "file": PAPERS})
    return found


def python(run: RunDirectory, checkpoint: str) -> str:
    """Five lines of Python that use the network."""
    return f"""\
import simsiam_core as s

run = s.open_run({run.id!r}, checkpoint={checkpoint!r}, save_dir={str(run.path.parent)!r})
features = run.embed(["a.jpg", "b.jpg"])  # one row an image, l2-normalised
for found in run.neighbours("a.jpg", k=5):
    print(found.similarity, found.label, found.id)
"""


def _as_trained(run: RunDirectory) -> Config:
    """Its config, which for the bundled network names the images that it is shown, not those that it learned from."""
    config, source = run.config(), trained_on(run)
    return (
        parse(merge(config.model_dump(), {"data": {"source": source}}))
        if run.id == BUNDLED and source
        else config
    )


def _before(run: RunDirectory) -> str:
    """What came before the run, which its settings alone do not repeat; empty if nothing did."""
    forked_from = run.notes().forked_from
    return f"This run went on from {forked_from}; the command starts anew." if forked_from else ""
