"""What is in the folder that the form names: classes, counts, a few images, and what is left out."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator

from simsiam_core.features.folder_preview import ClassPreview, FolderPreview, preview_folder
from simsiam_core.features.worker import InspectionWorker
from simsiam_core.ui.cards import data_uri


def folder_view(worker: InspectionWorker, path: str, source: str) -> Iterator[str]:
    """HTML: that the folder is being looked through, then what is in it. Raises WorkError."""
    task = worker.submit(preview_folder, path, source=source)
    if not task.done:
        yield '<p class="folder-note">Looking through the folder …</p>'
    yield as_html(task.result())


def as_html(found: FolderPreview) -> str:
    """The whole of it; nothing that a folder or a file is called becomes markup."""
    parts = [f'<p class="folder-summary">{html.escape(found.summary)}</p>', *_paragraphs(found.notes)]
    if found.classes:
        rows = "".join(map(_row, found.classes))
        head = "<tr><th>Class</th><th>Train</th><th>Test</th><th>Images</th></tr>"
        parts.append(f'<table class="folder-classes"><thead>{head}</thead><tbody>{rows}</tbody></table>')
    if (more := found.classes_in_all - len(found.classes)) > 0:
        parts += _paragraphs([f"And {more:,} more classes."])
    if found.left_out:
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in found.left_out)
        parts.append(
            f'<details class="folder-left-out"><summary>What is left out</summary><ul>{lines}</ul></details>'
        )
    return f'<div class="folder-view">{"".join(parts)}</div>'


def _row(one: ClassPreview) -> str:
    name = "<em>no labels</em>" if one.name is None else html.escape(one.name)
    images = "".join(f'<img src="{data_uri(p)}" alt="">' for p in one.images)
    return (
        f"<tr><td>{name}</td><td>{one.train:,}</td><td>{one.test:,}</td><td><span>{images}</span></td></tr>"
    )


def _paragraphs(lines: Iterable[str]) -> list[str]:
    return [f'<p class="folder-note">{html.escape(line)}</p>' for line in lines]
