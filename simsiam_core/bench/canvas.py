"""How smoothly does a map move in the browser? Drives the real page in Chromium, which may draw by software."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from simsiam_core.bench.made_up import encoded, own_cache
from simsiam_core.bench.page import dashboard
from simsiam_core.runs import RunDirectory, RunStore

FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update")
DRAG_SECONDS = 4.0
LIMIT_MS = 240_000
PLOT = "#map-plot .js-plotly-plot"
DRAWN = f"""document.querySelector('{PLOT}')?.data?.[0]?.x?.length === %d
    && document.querySelector('#map-plot .map-note').textContent.startsWith('PCA')"""
# A frame counts where the view changed since the one before it.
COUNT = f"""() => {{
    const node = document.querySelector('{PLOT}');
    const counted = window.counted = {{frames: 0, all: 0, began: performance.now()}};
    let moved = false;
    node.on('plotly_relayouting', () => {{ moved = true; }});
    const frame = () => {{
        counted.all += 1;
        if (moved) counted.frames += 1;
        moved = false;
        counted.seconds = (performance.now() - counted.began) / 1000;
        requestAnimationFrame(frame);
    }};
    requestAnimationFrame(frame);
}}"""
RESET = "() => Object.assign(window.counted, {frames: 0, all: 0, began: performance.now()})"


def measure(points: int = 50_000, lasso: int = 5_000) -> dict[str, Any]:
    """Frames a second while a map is dragged and zoomed; time to a known map, and to an answer about a lasso.

    The map is a PCA, because where its points came from makes no difference to drawing them.
    """
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, own_cache(Path(name) / "cache"):
        folder = Path(name)
        store = RunStore(folder / "runs")
        run = encoded(store, folder / "pictures", points)
        program = shutil.which("chromium") or shutil.which("google-chrome")
        with dashboard(store.path) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(LIMIT_MS)
            figures: dict[str, Any] = {"points": points}
            _draw(page, server.address, run, points)
            figures["a known map again, ms until it can be moved"] = 1000 * _draw(
                page, server.address, run, points
            )
            figures["drawn by"] = page.evaluate(
                """() => {
                    const gl = document.createElement('canvas').getContext('webgl');
                    const told = gl && gl.getExtension('WEBGL_debug_renderer_info');
                    return told ? gl.getParameter(told.UNMASKED_RENDERER_WEBGL) : 'no WebGL';
                }"""
            )
            page.evaluate(COUNT)
            figures["dragged, frames/s"] = _dragged(page)
            figures["zoomed, frames/s"] = _zoomed(page)
            page.locator("#map-plot .modebar-btn[data-title='Reset axes']").click()
            chosen, seconds = _lassoed(page, lasso / points)
            figures[f"a lasso of {chosen:,} points answered after, ms"] = 1000 * seconds
            browser.close()
            return figures


def _draw(page: Any, address: str, run: RunDirectory, points: int) -> float:
    """Open the tab, ask for the map and wait until it is drawn; seconds from the press of the button."""
    page.goto(f"{address}/?tab=map&run={run.id}")
    page.wait_for_function("document.querySelector('#map-checkpoint input')?.value")
    page.locator("#map-method label", has_text="PCA").click()
    page.locator("#map-sample input[type=number]").fill(str(points))
    page.locator("#map-sample input[type=number]").press("Enter")
    started = time.perf_counter()
    page.locator("#map-draw").click()
    page.wait_for_function(DRAWN % points, polling="raf")
    return time.perf_counter() - started


def _box(page: Any) -> tuple[float, float, float, float]:
    box = page.locator("#map-plot .nsewdrag").bounding_box()
    return box["x"], box["y"], box["width"], box["height"]


def _rate(page: Any) -> float:
    counted = page.evaluate("() => window.counted")
    return counted["frames"] / counted["seconds"]


def _dragged(page: Any) -> float:
    page.locator("#map-plot .modebar-btn[data-title='Pan']").click()
    left, top, width, height = _box(page)
    page.mouse.move(left + width / 2, top + height / 2)
    page.mouse.down()
    page.mouse.move(left + width / 2 + 20, top + height / 2)
    page.evaluate(RESET)
    deadline, step = time.perf_counter() + DRAG_SECONDS, 0
    while time.perf_counter() < deadline:
        step += 1
        page.mouse.move(left + width * (0.4 + 0.002 * (step % 100)), top + height / 2)
    rate = _rate(page)
    page.mouse.up()
    return rate


def _zoomed(page: Any) -> float:
    left, top, width, height = _box(page)
    page.mouse.move(left + width / 2, top + height / 2)
    page.evaluate(RESET)
    deadline, step = time.perf_counter() + DRAG_SECONDS, 0
    while time.perf_counter() < deadline:
        step += 1
        page.mouse.wheel(0, 40 if step // 20 % 2 else -40)
    return _rate(page)


def _lassoed(page: Any, share: float) -> tuple[int, float]:
    """Draw a square around the middle that holds about `share` of the points, by their coordinates."""
    page.locator("#map-plot .modebar-btn[data-title='Lasso Select']").click()
    half = page.evaluate(
        f"""(share) => {{
            const {{x, y}} = document.querySelector('{PLOT}').data[0];
            const middle = (v) => Array.from(v).sort((a, b) => a - b)[v.length >> 1];
            const [a, b] = [middle(x), middle(y)];
            const far = Array.from(x, (v, i) => Math.max(Math.abs(v - a), Math.abs(y[i] - b))).sort((a, b) => a - b);
            const {{xaxis, yaxis}} = document.querySelector('{PLOT}')._fullLayout;
            const r = far[Math.floor(share * far.length)];
            return [xaxis.d2p(a - r), xaxis.d2p(a + r), yaxis.d2p(b + r), yaxis.d2p(b - r)];
        }}""",
        share,
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
        "document.querySelector('#map-gallery').textContent.includes('points chosen')", polling="raf"
    )
    seconds = time.perf_counter() - started
    told = page.locator("#map-gallery .cards-note").inner_text()
    return int(told.split(" ")[0].replace(",", "")), seconds
