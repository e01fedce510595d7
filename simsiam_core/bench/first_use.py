"""What a new user's first results cost on the real page: clicks, and seconds.

From the start of the program to the first neighbours, from one's own folder to a loss on the chart, and from that
run to its map; by Chromium, which clicks as soon as there is something to click. And what a page costs a browser
while it loads.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simsiam_core.bench.chromium import FLAGS, find_chromium
from simsiam_core.bench.page import dashboard
from simsiam_core.bench.synthetic import own_cache
from simsiam_core.jobs import stop
from simsiam_core.runs import BUNDLED, RunStore

LIMIT_MS = 300_000
LOADING_SECONDS = 10.0  # in which a page has loaded, and after which it waits for what is new
LOADED = ("welcome", "runs")
MAP = '#map-plot .map-plot[data-ready="yes"]'
HAS_LOSS = "document.querySelector('#monitor-loss .js-plotly-plot')?.data?.length > 0"


class Clicks:
    """Counts what a person presses."""

    def __init__(self, page: Any) -> None:
        self._page, self.count = page, 0

    def __call__(self, selector: str) -> None:
        """Click the first of what is found, once it is there."""
        self._page.locator(selector).first.click()
        self.count += 1


def measure(path: str | None = None, limit: int = LIMIT_MS) -> dict[str, Any]:
    """Measure with the images of the folder `path`, or with textures written as files."""
    from playwright.sync_api import sync_playwright

    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, own_cache(Path(name) / "cache"):
        folder = Path(name)
        images = Path(path) if path else _textures(folder / "textures")
        began = time.perf_counter()
        store = RunStore(folder / "runs")
        with dashboard(store.path, options=()) as served, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 900}, base_url=served.address)
            page.set_default_timeout(limit)
            click = Clicks(page)

            def note(what: str, since: float, act: Callable[[], None]) -> None:
                before = click.count
                act()
                figures[f"{what}, s"] = time.perf_counter() - since
                figures[f"{what}, clicks"] = click.count - before

            try:
                note("start of the program to first neighbours", began, lambda: _neighbours(page, click))
                began = time.perf_counter()
                note("own folder to a loss on the chart", began, lambda: _train(page, click, images))
                run = next(run for run in store.runs() if run.id != BUNDLED)
                stop(run)  # a run that has ended is looked into
                page.wait_for_selector("#monitor-head :text('stopped')")
                page.wait_for_function("document.querySelector('#monitor-look')?.disabled === false")
                began = time.perf_counter()
                note("that run to its map", began, lambda: _map(page, click, run.id))
            finally:
                for run in store.runs():
                    if run.status().active:
                        stop(run)
            page.close()
            for name in LOADED:
                seconds = _processor_seconds(browser, f"{served.address}/?page={name}")
                figures[f"processor time of {name} in its first {LOADING_SECONDS:.0f} s, s"] = seconds
            browser.close()
    return figures


def _neighbours(page: Any, click: Clicks) -> None:
    """Through the first door, and a click on an image of the data set."""
    page.goto("/", wait_until="commit")
    click("#welcome-look")
    page.wait_for_selector(MAP)
    click("#neighbours-grid .card")
    page.wait_for_selector("#neighbours-gallery .card")


def _train(page: Any, click: Clicks, images: Path) -> None:
    """Through the second door: give the folder, press Start, and watch."""
    page.goto("/?page=welcome", wait_until="commit")
    click("#welcome-train")
    page.locator("#train-upload .folder-input").set_input_files(images)
    click.count += 2  # the button that asks for a folder, and its dialogue
    page.wait_for_selector("#train-reasons :text('What was chosen for these images')")
    click("#train-start")
    page.wait_for_function(HAS_LOSS)


def _map(page: Any, click: Clicks, run_id: str) -> None:
    click("#monitor-look")
    page.wait_for_url(lambda address: "page=look" in address and run_id in address)
    page.wait_for_selector(MAP)


def _processor_seconds(browser: Any, address: str) -> float:
    """What the main thread of a page works while it loads."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.goto(address, wait_until="commit")
    page.wait_for_timeout(1000 * LOADING_SECONDS)
    found = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    page.close()
    return float(found["TaskDuration"])


def _textures(folder: Path) -> Path:
    from simsiam_core.bench.texture_files import write_textures

    write_textures(folder, 400)
    return folder
