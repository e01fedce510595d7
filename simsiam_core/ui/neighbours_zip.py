"""Images of one's own to look among: a zip that is dropped, unpacked, and then chosen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles

from simsiam_core.config import ConfigError
from simsiam_core.features import unpacking
from simsiam_core.features.worker import WorkError
from simsiam_core.ui import own
from simsiam_core.ui.context import QUIET, Context
from simsiam_core.ui.freshness import Refused, outdated
from simsiam_core.ui.query import upload_box
from simsiam_core.ui.waiting import waiting
from simsiam_core.ui.words import stamp


class OwnZip:
    """The panel. Its messages are its own, and stay until the next zip."""

    def __init__(self, context: Context) -> None:
        self._context = context
        with gr.Accordion("Look among images of your own: drop a zip", open=False, elem_classes="form-more"):
            self._box = upload_box(
                "neighbours-zip",
                own.MAX_ZIP_BYTES,
                kinds=".zip",
                invitation="Drop a zip of images here, or click to choose one",
            )
            self._wait = waiting("neighbours-zip")
            self._done = gr.HTML(elem_id="neighbours-zip-done", padding=False)

    def wire(self, split: gr.Dropdown, note: gr.HTML, asking: dict[str, Any]) -> None:
        """A zip becomes the choice of `split`, and the question is put again; a refused one leaves the old choice."""
        outputs = [*self._wait.outputs, self._done, split, note]
        self._box.upload(self._use, [self._box, split], outputs, **QUIET).success(**asking, **QUIET)
        self._box.clear(_still, split, note, **QUIET)

    def _use(self, files: ListFiles, now: str) -> Iterator[list[Any]]:
        wait, task = self._wait, self._context.builder.submit(unpacking.unpack, Path(files.root[0].path))
        try:
            for update in wait.follow(task):
                yield [*update, "", gr.skip(), gr.skip()]
            unpacked = task.result()
        except (WorkError, ConfigError) as error:
            yield [*wait.failed(error), "", gr.skip(), _still(now)]
            raise Refused from None
        choices = own.banks(self._context)
        name = Path(unpacked.folder).name
        chosen = next((value for _, value in choices if value.endswith(name)), "train")
        yield [*wait.over(), stamp(str(unpacked)), gr.update(choices=choices, value=chosen), gr.skip()]


def _still(split: str) -> str:
    return outdated(f"about the {own.split_name(split)}", "The zip was refused.")
