"""Which images: those of a source, or one's own: a folder or zip that is dropped, or one on this machine."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles

from simsiam_core.config import ConfigError
from simsiam_core.config.sections.data import FOLDER
from simsiam_core.data.formats import SUFFIXES
from simsiam_core.data.sources import SOURCES
from simsiam_core.features import unpacking
from simsiam_core.features.folder_split import folder_of
from simsiam_core.features.worker import WorkError
from simsiam_core.ui.components import image_banks
from simsiam_core.ui.components.form import PATH
from simsiam_core.ui.components.latest import ASKING, Latest
from simsiam_core.ui.components.progress import waiting
from simsiam_core.ui.components.question import upload_box
from simsiam_core.ui.context import LATEST, QUIET, Context, Page
from simsiam_core.ui.text import stamp
from simsiam_core.ui.train.adapting import MY_IMAGES, RecipeChoice
from simsiam_core.ui.train.folder import folder_view
from simsiam_core.ui.train.settings import IMAGES, SOURCE, SettingsPanel

INVITATION = "Train on your own images: drop a folder or a zip here"


class ImagesPanel:
    """The fields of the source, a box for one's own images, and what was understood of these."""

    def __init__(self, context: Context, settings: SettingsPanel, choice: RecipeChoice) -> None:
        self._context, self._form, self._choice = context, settings.form, choice
        self._named = settings.named
        with gr.Row(elem_classes="train-images", equal_height=False):
            with gr.Column():
                self._form.place(*IMAGES)
            with gr.Column():
                self._box = upload_box(
                    "train-upload",
                    image_banks.MAX_ZIP_BYTES,
                    kinds=".zip",
                    folders=sorted(SUFFIXES),
                    invitation=INVITATION,
                )
                self._here = gr.Dropdown(
                    [], label="Or images that are here already", elem_id="train-bank", visible=False
                )
        self._wait = waiting("train-upload")
        self._unpacked = gr.HTML(elem_id="train-upload-done", padding=False)
        self._folder = gr.HTML(elem_id="train-folder", padding=False)

    def wire(self, page: Page) -> None:
        """Take what is dropped or chosen, and look into a folder whenever one is named."""
        named = [self._form.controls[field] for field in (SOURCE, PATH)]
        outputs = [
            *self._choice.outputs,
            *self._wait.outputs,
            self._here,
            self._unpacked,
            *named,
            self._named,
        ]
        filling = self._choice.filling
        latest = self._choice.latest
        self._box.upload(self._unpack, [latest, self._box], outputs, **ASKING).then(**filling)
        self._here.input(self._use_bank, [latest, self._here], outputs, **ASKING).then(**filling)
        page.blocks.load(lambda: self._offered(), None, self._here, **QUIET)
        source, path = (self._form.controls[name] for name in (SOURCE, PATH))
        gr.on([source.change, path.change], self._look_into, [source, path], [self._folder, path], **LATEST)

    def _offered(self) -> Any:
        """Folders below the allowed root, and zips that were dropped before; hidden where there are none."""
        found = [(title, bank) for title, bank in image_banks.banks(self._context) if folder_of(bank)]
        return gr.update(choices=found, visible=bool(found), value=None)

    def _unpack(self, latest: Latest, files: ListFiles) -> Iterator[dict[Any, Any]]:
        """Unpack what was dropped, and fill in the form for it."""
        yield from latest.only(self._unpacking(files), gr.skip())

    def _unpacking(self, files: ListFiles) -> Iterator[dict[Any, Any]]:
        wait, archive = self._wait, Path(files.root[0].path)
        task = self._context.builder.submit(unpacking.unpack, archive)
        try:
            for update in wait.follow(task):
                yield {**dict(zip(wait.outputs, update, strict=True)), self._unpacked: ""}
            unpacked = task.result()
        except (WorkError, ConfigError) as error:
            yield dict(zip(wait.outputs, wait.failed(error), strict=True))
            return
        over = dict(zip(wait.outputs, wait.over(), strict=True))
        yield {**over, self._here: self._offered(), self._unpacked: stamp(str(unpacked))}
        yield from self._use_folder(unpacked.folder, unpacked.name)

    def _use_bank(self, latest: Latest, bank: Any) -> Iterator[dict[Any, Any]]:
        try:
            folder = folder_of(image_banks.allowed(self._context, bank)) or ""
        except WorkError as error:
            yield dict(zip(self._wait.outputs, self._wait.failed(error), strict=True))
            return
        filling = self._use_folder(folder, image_banks.split_name(str(bank)).removeprefix("images of "))
        yield from latest.only(filling, gr.skip())

    def _use_folder(self, folder: str, name: str) -> Iterator[dict[Any, Any]]:
        """Name the folder in the form at once, then fill in what suits its images."""
        source, path = (self._form.controls[field] for field in (SOURCE, PATH))
        yield {source: FOLDER, path: gr.update(value=folder, visible=True), self._named: time.time()}
        data = {"source": FOLDER, "path": folder}
        yield from self._choice.adapt(MY_IMAGES, data, _run_name(Path(name).stem))

    def _look_into(self, source: Any, path: Any) -> Iterator[dict[Any, Any]]:
        field = self._form.controls[PATH]
        if source not in SOURCES.names or SOURCES.get(source).list_images is None or not path:
            yield {self._folder: ""}
            return
        try:
            for shown in folder_view(self._context.worker, str(path), source):
                yield {self._folder: shown, field: self._form.marked(PATH, None)}
        except WorkError as error:  # stands where the help of the field was, as every problem of a field
            yield {self._folder: "", field: self._form.marked(PATH, str(error))}


def _run_name(text: str) -> str:
    """The name of a folder or zip as a run may be called."""
    return re.sub(r"[^\w\- .]", "", text).strip()[:40].strip()
