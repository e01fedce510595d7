"""Frame rate of the map in the browser: drives the real page in Chromium, with or without a GPU."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from simsiam_core.bench.chromium import FLAGS, find_chromium
from simsiam_core.bench.page import dashboard
from simsiam_core.bench.synthetic import CHECKPOINT, encoded, own_cache
from simsiam_core.features import maps
from simsiam_core.features.map_settings import MapSettings
from simsiam_core.runs import RunDirectory, RunStore

SECONDS = 4.0
KNOWN_POINTS, KNOWN_TIMES = 10_000, 5
LIMIT_MS = 240_000
PLOT = "#map-plot .js-plotly-plot"
ANY_DRAWN = "document.querySelector('#map-plot .map-cloud')?.dataset.points > 0"
DRAWN = "document.querySelector('#map-plot .map-cloud')?.dataset.points === '%d'"
AT_REST = "!document.querySelector('#map-progress')?.offsetParent"
# Moves the pointer or turns the wheel once per frame, so that the frame rate is the page's own, with the map
# at another place in every frame. Events sent from outside would measure the remote control.
COUNT = f"""([target, kind, seconds]) => new Promise((resolve, reject) => {{
    if (!document.querySelector(target)) return reject(new Error(`${{target}} is not there`));
    const node = document.querySelector('{PLOT}');
    const box = node.querySelector('.nsewdrag').getBoundingClientRect();
    const began = performance.now();
    let [frames, step, moved] = [0, 0, false];
    node.on('plotly_relayouting', () => {{ moved = true; }});
    const frame = () => {{
        if (moved) frames += 1;
        moved = false;
        if (performance.now() - began > 1000 * seconds) return resolve(1000 * frames / (performance.now() - began));
        step += 1;
        const [x, y] = [box.left + box.width * (0.4 + 0.002 * (step % 100)), box.top + box.height / 2];
        const at = {{clientX: x, clientY: y, bubbles: true, cancelable: true}};
        const event = kind === 'wheel'
            ? new WheelEvent(kind, {{...at, deltaY: step % 40 < 20 ? 40 : -40}})
            : new MouseEvent(kind, {{...at, buttons: 1}});
        document.querySelector(target).dispatchEvent(event);
        requestAnimationFrame(frame);
    }};
    requestAnimationFrame(frame);
}})"""


def measure(points: int = 50_000, lasso: int = 5_000) -> dict[str, Any]:
    """Measure the frame rate of dragging and zooming a map, and the time of a cached map and a lasso.

    The map is a PCA, since the projection method does not affect drawing.
    """
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, own_cache(Path(name) / "cache"):
        folder = Path(name)
        store = RunStore(folder / "runs")
        run = encoded(store, folder / "images", points)
        with dashboard(store.path) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(gpu=True), args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(LIMIT_MS)
            figures: dict[str, Any] = {"points": points}
            for count in (KNOWN_POINTS, points):
                _draw(page, server.address, run, count)
                again = [_draw(page, server.address, run, count) for _ in range(KNOWN_TIMES)]
                figures[f"a known map of {count:,} again, median ms until it can be moved"] = 1000 * median(
                    again
                )
                figures[f"of {count:,}, the slowest of {KNOWN_TIMES}, ms"] = 1000 * max(again)
            figures["dragged, frames/s"] = _dragged(page)
            figures["zoomed, frames/s"] = _zoomed(page)
            page.locator("#map-plot .modebar-btn[data-title='Reset axes']").click()
            chosen, seconds = _lassoed(page, _square(run, points, lasso))
            figures[f"a lasso of {chosen:,} points answered after, ms"] = 1000 * seconds
            browser.close()
            return figures


def _draw(page: Any, address: str, run: RunDirectory, points: int) -> float:
    """Open the tab, request the map and wait until it is drawn; return the seconds since the click."""
    page.goto(f"{address}/?page=look&run={run.id}")
    page.wait_for_function(ANY_DRAWN)  # PCA of the fewer points that it begins with
    page.locator("#map-more > button").click()
    page.locator("#map-method label", has_text="PCA").click()
    page.locator("#map-sample input[type=number]").fill(str(points))
    page.locator("#map-sample input[type=number]").press("Enter")
    page.evaluate("new Promise((resolve) => requestIdleCallback(resolve))")  # until the page has loaded
    started = time.perf_counter()
    page.locator("#map-draw").click()
    page.wait_for_function(DRAWN % points, polling="raf")
    seconds = time.perf_counter() - started
    page.wait_for_function(AT_REST)  # the kNN votes of its points are still computed, on all cores
    return seconds


def _box(page: Any) -> tuple[float, float, float, float]:
    map_area = page.locator("#map-plot .nsewdrag")
    map_area.scroll_into_view_if_needed()  # the settings above it are open
    box = map_area.bounding_box()
    return box["x"], box["y"], box["width"], box["height"]


def _dragged(page: Any) -> float:
    page.locator("#map-plot .modebar-btn[data-title='Pan']").click()
    left, top, width, height = _box(page)
    page.mouse.move(left + width / 2, top + height / 2)
    page.mouse.down()
    rate: float = page.evaluate(COUNT, [".dragcover", "mousemove", SECONDS])
    page.mouse.up()
    return rate


def _zoomed(page: Any) -> float:
    rate: float = page.evaluate(COUNT, ["#map-plot .nsewdrag", "wheel", SECONDS])
    return rate


def _square(run: RunDirectory, points: int, inside: int) -> list[float]:
    """Return left, right, top and bottom, in map coordinates, of a central square with `inside` points."""
    drawn = maps.draw_map(run.path, CHECKPOINT, MapSettings(method="pca", sample=points))
    middle = np.median(drawn.coordinates, axis=0)
    reach = np.sort(np.abs(drawn.coordinates - middle).max(axis=1))[inside]
    (x, y) = middle.tolist()
    return [x - reach, x + reach, y + reach, y - reach]


def _lassoed(page: Any, square: list[float]) -> tuple[int, float]:
    """Draw the lasso; return the number of points selected and the seconds until the page reports them."""
    page.locator("#map-plot .modebar-btn[data-title='Lasso Select']").click()
    half = page.evaluate(
        f"""([x0, x1, y0, y1]) => {{
            const {{xaxis, yaxis}} = document.querySelector('{PLOT}')._fullLayout;
            return [xaxis.d2p(x0), xaxis.d2p(x1), yaxis.d2p(y0), yaxis.d2p(y1)];
        }}""",
        [float(number) for number in square],
    )
    left, top, _, _ = _box(page)
    x0, x1, y0, y1 = half
    page.mouse.move(left + x0, top + y0)
    page.mouse.down()
    for x, y in ((x1, y0), (x1, y1), (x0, y1), (x0, y0 + 2)):
        page.mouse.move(left + x, top + y, steps=3)
    started = time.perf_counter()
    page.mouse.up()
    page.wait_for_function(
        "document.querySelector('#map-gallery')?.textContent.includes('points chosen')", polling="raf"
    )
    seconds = time.perf_counter() - started
    told = page.locator("#map-gallery .cards-note").inner_text()
    return int(told.split(" ")[0].replace(",", "")), seconds
