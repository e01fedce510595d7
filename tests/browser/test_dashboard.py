"""The page as a person uses it: start, watch, zoom, reload, stop, and ask for neighbours."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from simsiam_core.runs import RunDirectory

from .conftest import Server

LOSS = "#monitor-loss .js-plotly-plot"
POINTS = f"document.querySelector('{LOSS}')?.data?.[0]?.x?.length ?? 0"
ZOOM = f"document.querySelector('{LOSS}').layout.xaxis.range"


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def field(page: Page, path: str) -> str:
    """The id of a field's element, by its path in the schema."""
    return "#field-" + path.replace(".", "-").replace("_", "-")


def fill(page: Page, path: str, value: str) -> None:
    page.locator(f"{field(page, path)} input").fill(value)


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not come to pass."
        time.sleep(0.05)


def png(folder: Path) -> Path:
    pixels = (np.indices((60, 80)).sum(0) // 6 % 2 * 255).astype(np.uint8)
    path = folder / "stripes.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def running(page: Page, server: Server) -> RunDirectory:
    """A `quick` run of many short epochs, started from the page, which now shows Runs."""
    page.goto("/?page=train")
    for name in ("small-cifar10", "quick"):  # quick is chosen already, so there and back
        page.locator(f"#preset-{name}").click()
        expect(page.locator(f"#preset-{name}")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".views-of-one img").first).to_be_visible()
    fill(page, "training.epochs", "400")
    fill(page, "training.batch_size", "32")
    expect(page.locator("#train-summary")).to_contain_text("0.1 = 0.8 × 32 / 256")
    page.locator("#train-start").click()
    expect(page.locator(LOSS)).to_be_visible(timeout=90_000)
    return server.store.runs()[0]


@pytest.fixture
def empty(server: Server, tmp_path: Path) -> Iterator[None]:
    """What other tests left in the folder of runs is elsewhere meanwhile."""
    left = [run.path for run in server.store.runs()]
    for path in left:
        shutil.move(path, tmp_path)
    yield
    for path in left:
        shutil.move(tmp_path / path.name, path)


@pytest.mark.usefixtures("empty")
def test_an_empty_folder_of_runs_says_what_to_do_next(page: Page) -> None:
    page.goto("/?tab=monitor")
    expect(page.locator("#monitor-runs")).to_contain_text("Start training")
    expect(page.locator("#monitor-stop")).to_be_disabled()
    open_tab(page, "Look")
    expect(page.locator("#neighbours-gallery")).to_contain_text("Train tab")


def test_a_run_is_started_watched_zoomed_reloaded_stopped_and_asked(
    page: Page, running: RunDirectory, tmp_path: Path
) -> None:
    assert running.id in page.url
    assert running.config().training.batch_size == 32
    assert running.config().training.epochs == 400
    page.wait_for_function(f"{POINTS} > 20", timeout=90_000)

    # The node must be the very same one and the zoom must hold while ten updates come in.
    page.evaluate(f"document.querySelector('{LOSS}').dataset.mark = 'mine'")
    plot = page.locator(f"{LOSS} .nsewdrag").bounding_box()
    assert plot is not None
    middle = plot["y"] + plot["height"] / 2
    page.mouse.move(plot["x"] + plot["width"] * 0.3, middle)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.6, middle, steps=5)
    page.mouse.up()
    zoom = page.evaluate(ZOOM)
    for _ in range(10):
        before = page.evaluate(POINTS)
        page.wait_for_function(f"{POINTS} > {before}")
    assert page.evaluate(ZOOM) == zoom
    assert page.evaluate(f"document.querySelector('{LOSS}').dataset.mark") == "mine"

    page.reload()
    expect(page.locator(LOSS)).to_be_visible()
    expect(page.locator("#monitor-head")).to_contain_text("running")
    expect(page.locator(f'#monitor-runs .run[data-id="{running.id}"]')).to_have_class("run is-current")
    page.locator("#monitor-stop").click()
    expect(page.locator("#monitor-head")).to_contain_text("stopped", timeout=60_000)
    expect(page.locator("#monitor-stop")).to_be_disabled()
    assert running.status().state == "stopped"

    open_tab(page, "Look")
    page.locator("#neighbours-upload input[type=file]").set_input_files(png(tmp_path))
    cards = page.locator("#neighbours-gallery .card")
    expect(cards).to_have_count(20, timeout=60_000)
    expect(page.locator("#neighbours-query img")).to_be_visible()
    shares = page.locator("#neighbours-vote .vote-figure").all_inner_texts()
    assert sum(float(share.rstrip(" %")) for share in shares) == pytest.approx(100, abs=1)

    first = cards.first.get_attribute("data-id")
    cards.first.click()
    expect(page.locator(f'#neighbours-gallery .card[data-id="{first}"]')).to_have_count(0)
    expect(cards).to_have_count(20)

    for name, content, sentence in (
        ("letter.png", b"not an image", "not an image"),
        ("huge.png", _huge(), "megapixels"),
    ):
        file = {"name": name, "mimeType": "image/png", "buffer": content}
        page.locator("#neighbours-upload input[type=file]").set_input_files(file)
        expect(page.locator("#neighbours-message .problem")).to_contain_text(sentence)


def _huge() -> bytes:
    """A hundred megapixels in a small file."""
    buffer = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(buffer, format="png")
    return buffer.getvalue()


def test_a_bad_value_is_told_beside_its_field_and_nothing_is_lost(page: Page, server: Server) -> None:
    page.goto("/?page=train")
    expect(page.locator("#preset-quick")).to_have_attribute("aria-pressed", "true")
    before = len(server.store.runs())
    fill(page, "name", "kept")
    fill(page, "training.batch_size", "0")
    batch_size = page.locator(field(page, "training.batch_size"))
    expect(batch_size).to_contain_text("is 0; it must be a whole number from 2")
    page.locator("#train-start").click()
    expect(page.locator("#train-message")).to_contain_text("Batch size")
    fill(page, "training.batch_size", "5000")
    expect(batch_size).to_contain_text("more than the 4000 training images")
    page.locator("#train-start").click()
    fill(page, "training.batch_size", "64")
    expect(batch_size).not_to_contain_text("more than")
    expect(page.locator("#train-message")).to_be_empty()
    expect(page.locator(f"{field(page, 'name')} input")).to_have_value("kept")
    assert len(server.store.runs()) == before
