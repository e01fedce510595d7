"""Import a network, on Runs: files trained elsewhere, what is understood of them, and a run made of them."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles

from simsiam_core.config import ConfigError
from simsiam_core.features.worker import Task, WorkError
from simsiam_core.model.foreign.pretrained import INSTALL, TITLE, weights_file
from simsiam_core.names import printable
from simsiam_core.runs import RunError
from simsiam_core.ui.components.progress import waiting
from simsiam_core.ui.components.question import upload_box
from simsiam_core.ui.context import LATEST, QUIET, READ_ONLY, Context, Page
from simsiam_core.ui.text import run_name, stamp

MAX_FILE_BYTES = 500 * 2**20
KINDS = (".pt", ".pth", ".ckpt", ".safetensors", ".bin", ".tar", ".zip")
LISTED = 200  # files below the root
MOST_FILES = 50
ASK = "Choose it under Network."
Updates = dict[Any, Any]  # by component


class ImportPanel:
    """The panel; `wire` has it select the run that it makes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        with gr.Accordion("Import a network", open=False, elem_classes="form-more", elem_id="import"):
            self._pretrained()
            with gr.Row(equal_height=False):
                with gr.Column(scale=4, min_width=280):
                    self._box = upload_box(
                        "import-upload",
                        MAX_FILE_BYTES,
                        kinds=",".join(KINDS),
                        several=True,
                        invitation="Drop the file of a network here (or several of one training), or click to choose",
                    )
                    self._below = gr.Dropdown(
                        label="Or files below the folder of --bank-root",
                        multiselect=True,
                        max_choices=MOST_FILES,
                        allow_custom_value=True,
                        visible=context.bank_root is not None,
                        elem_id="import-below",
                    )
                    self._form()
                with gr.Column(scale=6, min_width=300):
                    self._wait = waiting("import")
                    self._shown = gr.HTML(
                        stamp("What is understood of a file is shown here before it is imported."),
                        elem_id="import-understood",
                        padding=False,
                    )
                    self._import = gr.Button(
                        "Import", variant="primary", interactive=False, elem_id="import-run"
                    )
                    self._done = gr.HTML(elem_id="import-done", padding=False)
        self._files = gr.State([])  # paths of the files looked at, as strings

    def _pretrained(self) -> None:
        """A button for the network that the extra `pretrained` installs, or the command that installs it."""
        with gr.Row():
            there = weights_file() is not None
            self._imagenet = gr.Button(
                "Look inside a network trained on ImageNet",
                size="sm",
                interactive=there,
                elem_id="import-imagenet",
            )
            words = f"{TITLE}." if there else f"Not installed: {INSTALL}"
            gr.HTML(stamp(words), elem_id="import-imagenet-note", padding=False)

    def _form(self) -> None:
        """Controls in the order of `wishes`."""
        self._more = gr.Accordion(
            "Say otherwise", open=False, elem_classes="form-more", elem_id="import-more"
        )
        with self._more:
            self._network = gr.Dropdown(
                label="Network",
                allow_custom_value=True,
                info="Empty: found from names and shapes. For example timm:vit_small_patch16_224.",
                elem_id="import-backbone",
            )
            size = gr.Number(label="Image size (px)", value=None, precision=0, elem_id="import-size")
            mean = gr.Textbox(
                label="Mean",
                info="Red, green, blue, on the scale 0 to 1.",
                max_lines=1,
                elem_id="import-mean",
            )
            std = gr.Textbox(label="Standard deviation", info="Likewise.", max_lines=1, elem_id="import-std")
            prefix = gr.Textbox(
                label="Which of several networks in the file",
                info="A part of its prefix, such as student.",
                max_lines=1,
                elem_id="import-prefix",
            )
            order = gr.Checkbox(label="Match by the order of shapes alone", elem_id="import-by-order")
            self._again = gr.Button("Look again", size="sm", elem_id="import-again")
        self._name = gr.Textbox(label="Name of the run", max_lines=1, elem_id="import-name")
        self._controls = [self._network, size, mean, std, prefix, order]

    def wire(self, page: Page, tab: gr.Tab) -> None:
        """Look at what is given, and import it on demand; the run made is then the page's."""
        looked = [
            *(*self._wait.outputs, self._files, self._shown, self._import),
            *(self._network, self._more, self._done),
        ]
        # LATEST: a file that is given while another is being read counts.
        forget = {"fn": _nothing_said, "inputs": None, "outputs": self._controls, **LATEST}
        tab.select(self._offered, None, self._below, **QUIET)
        self._box.upload(**forget).then(self._take, self._box, looked, **LATEST)
        self._below.input(**forget).then(self._choose, self._below, looked, **LATEST)
        gr.on(
            [self._again.click, self._network.input],
            self._look,
            [self._files, *self._controls],
            looked,
            **LATEST,
        )
        made = [*self._wait.outputs, self._done, page.chosen, page.link]
        given = [self._files, self._name, *self._controls]

        def bring(*values: Any) -> Iterator[Updates]:
            yield from self._bring(page, *values)

        def bring_imagenet() -> Iterator[Updates]:
            yield from self._made(page, lambda: self._submit("bring_pretrained"))

        self._import.click(bring, given, made, **QUIET)
        self._imagenet.click(bring_imagenet, None, made, **QUIET)

    def _below_root(self) -> dict[str, Path]:
        """Return the files that may be imported from this machine, by their path below the root."""
        root = self._context.bank_root
        if root is None or not root.is_dir():
            return {}
        root = root.resolve()
        files = (p for kind in KINDS for p in root.rglob(f"*{kind}") if p.is_file())
        inside = (p for p in files if p.resolve().is_relative_to(root))
        return {printable(str(p.relative_to(root))): p for p in sorted(inside)[:LISTED]}

    def _offered(self) -> Any:
        return gr.update(choices=list(self._below_root()))

    def _take(self, files: ListFiles) -> Iterator[Updates]:
        yield from self._look([file.path for file in files.root[:MOST_FILES]], *_nothing_said())

    def _choose(self, names: list[str] | None) -> Iterator[Updates]:
        known = self._below_root()
        chosen = [str(known[name]) for name in (names or [])[:MOST_FILES] if name in known]
        yield from self._look(chosen, *_nothing_said())

    def _waits(self, updates: list[Any]) -> Updates:
        return dict(zip(self._wait.outputs, updates, strict=True))

    def _look(self, files: list[str], *given: Any) -> Iterator[Updates]:
        wait = self._wait
        if not files:
            yield self._waits(wait.failed("Give the file of a network first."))
            return
        try:
            task = self._submit("look", tuple(map(Path, files)), wishes(*given))
            for update in wait.follow(task):
                yield self._waits(update)
            found = task.result()
        except (WorkError, ConfigError) as error:
            refused = {self._files: files, self._shown: "", self._import: gr.update(interactive=False)}
            yield {**self._waits(wait.failed(error)), **refused, self._done: ""}
            return
        rows = "".join(_row(*line) for line in found.report.lines()) if found.report else ""
        trouble = f"{found.problem} {ASK if found.choices else ''}".strip()
        offered: Updates = {}
        if found.choices:
            names = gr.update(choices=[name for _, name in found.choices])
            offered = {self._network: names, self._more: gr.update(open=True)}
        yield {
            **self._waits(wait.failed(trouble) if trouble else wait.over()),
            self._files: files,
            self._shown: f"<table class='facts'>{rows}</table>"
            if rows
            else stamp(found.note)
            if found.note
            else "",
            self._import: gr.update(interactive=not trouble),
            **offered,
            self._done: "",
        }

    def _bring(self, page: Page, files: list[str], name: str, *given: Any) -> Iterator[Updates]:
        paths = tuple(map(Path, files))
        yield from self._made(page, lambda: self._submit("bring", paths, wishes(*given), name or ""))

    def _submit(self, function: str, *arguments: Any) -> Task[Any]:
        """Have the worker do something; it imports torch, the page does not."""
        from simsiam_core.features import importing

        made = [] if function == "look" else [self._context.store.path]
        return self._context.builder.submit(getattr(importing, function), *made, *arguments)

    def _made(self, page: Page, start: Callable[[], Task[Any]]) -> Iterator[Updates]:
        wait = self._wait
        try:
            if self._context.scheduler is None:
                raise RunError(READ_ONLY)
            task = start()
            for update in wait.follow(task):
                yield self._waits(update)
            run_id, note = task.result()
        except (WorkError, ConfigError, RunError) as error:
            yield self._waits(wait.failed(error))
            return
        self._context.snapshots.forget()
        told = f"{run_name(run_id)} is there: look inside it on Look. {note}".strip()
        chosen = {page.chosen: [run_id], page.link: {"runs": run_id}}
        yield {**self._waits(wait.over()), self._done: stamp(told), **chosen}


def _nothing_said() -> list[Any]:
    """Return the values of the form in which nothing is said, in the order of `wishes`."""
    return [None, None, "", "", "", False]


def wishes(
    network: str | None, size: Any, mean: str | None, std: str | None, prefix: str | None, by_order: Any
) -> dict[str, Any]:
    """Return what the form says otherwise, as `Wishes` takes it. Raises ConfigError."""
    backbone, _, stem = (network or "").strip().partition(", stem ")
    return {
        "backbone": backbone or None,
        "stem": stem or None,
        "image_size": int(size) if isinstance(size, int | float) and size > 0 else None,
        "mean": _triple("Mean", mean),
        "std": _triple("Standard deviation", std),
        "network": (prefix or "").strip() or None,
        "by_order": bool(by_order),
    }


def _triple(label: str, text: str | None) -> tuple[float, ...] | None:
    """Return three numbers from a box, of which one stands for all. Raises ConfigError."""
    if not (text or "").strip():
        return None
    try:
        values = [float(part) for part in str(text).replace(";", ",").split(",")]
    except ValueError:
        values = []
    if len(values) not in (1, 3):
        raise ConfigError.at("import", f"{label} is {text!r}; give three numbers with commas, or one.")
    return tuple(values * (3 // len(values)))


def _row(heading: str, sentence: str) -> str:
    return f"<tr><th>{html.escape(heading)}</th><td>{html.escape(sentence)}</td></tr>"
