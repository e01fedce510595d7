"""What is in the folder that the form names: classes, counts, a few images, and what is left out."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator

from simsiam_core.features.folder_preview import ClassPreview, FolderPreview, ImagePreview, preview_folder
from simsiam_core.features.worker import InspectionWorker
from simsiam_core.ui.components.images import data_uri


def folder_view(worker: InspectionWorker, path: str, source: str) -> Iterator[str]:
    """HTML: that the folder is being looked through, then what is in it. Raises WorkError."""
    task = worker.submit(preview_folder, path, source=source)
    if not task.done:
        yield '<p class="folder-note">Looking through the folder …</p>'
    yield as_html(task.result())


def as_html(found: FolderPreview) -> str:
    """The whole of it; nothing that a folder or a file is called becomes markup."""
    parts = [f'<p class="folder-summary">{html.escape(found.summary)}</p>']
    if found.images:
        parts.append(f'<div class="folder-images">{"".join(map(_image, found.images))}</div>')
    parts += _paragraphs(found.notes)
    if found.classes:
        rows = "".join(map(_row, found.classes))
        more = found.classes_in_all - len(found.classes)
        rest = f'<p class="folder-note">And {more:,} more classes.</p>' if more else ""
        head = "<tr><th>Class</th><th>Train</th><th>Test</th></tr>"
        table = f'<table class="folder-classes"><thead>{head}</thead><tbody>{rows}</tbody></table>'
        parts.append(_folded(f"{found.classes_in_all:,} classes", table + rest))
    if found.left_out:
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in found.left_out)
        parts.append(_folded("What is left out", f"<ul>{lines}</ul>"))
    return f'<div class="folder-view">{"".join(parts)}</div>'


def _image(one: ImagePreview) -> str:
    label = html.escape(one.label or "", quote=True)
    return f'<img src="{data_uri(one.pixels)}" alt="{label}" title="{label}">'


def _row(one: ClassPreview) -> str:
    return f"<tr><td>{html.escape(one.name)}</td><td>{one.train:,}</td><td>{one.test:,}</td></tr>"


def _folded(title: str, content: str) -> str:
    return f'<details class="folder-more"><summary>{title}</summary>{content}</details>'


def _paragraphs(lines: Iterable[str]) -> list[str]:
    return [f'<p class="folder-note">{html.escape(line)}</p>' for line in lines]
