"""Images of one's own to look among: a zip that is dropped, unpacked, and then chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles

from simsiam_core.config import ConfigError
from simsiam_core.features import unpacking
from simsiam_core.features.worker import WorkError
from simsiam_core.ui.components import image_banks
from simsiam_core.ui.components.latest import ASKING
from simsiam_core.ui.components.outdated import Refused, outdated
from simsiam_core.ui.components.progress import waiting
from simsiam_core.ui.components.question import upload_box
from simsiam_core.ui.context import LATEST, QUIET, Context, Page
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.text import stamp


class OwnZip:
    """The panel. Its messages are its own, and stay until the next zip."""

    def __init__(self, context: Context) -> None:
        self._context = context
        with gr.Accordion("Look among images of your own: drop a zip", open=False, elem_classes="form-more"):
            self._box = upload_box(
                "neighbours-zip",
                image_banks.MAX_ZIP_BYTES,
                kinds=".zip",
                invitation="Drop a zip of images here, or click to choose one",
            )
            self._wait = waiting("neighbours-zip")
            self._done = gr.HTML(elem_id="neighbours-zip-done", padding=False)

    def wire(self, page: Page, note: gr.HTML, asking: dict[str, Any]) -> None:
        """The bar then names the images of the zip, and the question is put again; a refused one changes nothing."""
        outputs = [*self._wait.outputs, self._done, page.network, page.link, note]
        self._box.upload(self._use, [self._box, page.network], outputs, **LATEST).success(**asking, **ASKING)
        self._box.clear(_still, page.network, note, **QUIET)

    def _use(self, files: ListFiles, now: ChosenNetwork | None) -> Iterator[list[Any]]:
        wait, task = self._wait, self._context.builder.submit(unpacking.unpack, Path(files.root[0].path))
        same = [gr.skip(), gr.skip()]
        try:
            for update in wait.follow(task):
                yield [*update, "", *same, gr.skip()]
            unpacked = task.result()
        except (WorkError, ConfigError) as error:
            yield [*wait.failed(error), "", *same, _still(now)]
            raise Refused from None
        choices = image_banks.banks(self._context)
        name = Path(unpacked.folder).name
        chosen = next((value for _, value in choices if value.endswith(name)), "train")
        network = replace(now, images=chosen) if now else None
        address = {**network.address(), "read": True} if network else gr.skip()  # for the bar to show it
        yield [*wait.over(), stamp(str(unpacked)), network, address, gr.skip()]


def _still(now: ChosenNetwork | None) -> str:
    images = image_banks.split_name(now.images if now else "train")
    return outdated(f"about the {images}", "The zip was refused.")
