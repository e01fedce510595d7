"""Take the screenshots of the documentation from the page itself, over the runs that docs/example_runs.py trains.

    python docs/example_runs.py build/example-runs
    python docs/take_screenshots.py build/example-runs

Writes assets/figures/page-*.png and curves-*.png, each with at most 128 colours so that it stays small. Needs Chromium,
as the browser tests do.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from simsiam_core.bench.chromium import FLAGS, find_chromium
from simsiam_core.bench.page import dashboard
from simsiam_core.runs import RunDirectory, RunStore

FIGURES = Path(__file__).resolve().parents[1] / "assets" / "figures"
SIZE, COLOURS, SECONDS = {"width": 1280, "height": 860}, 128, 180.0
TALL = 1240  # px: two rows of curves


def main() -> None:
    """Take every screenshot over the folder of runs named on the command line."""
    runs_dir = Path(sys.argv[1])
    runs = {run.config().name: run for run in RunStore(runs_dir).runs()}
    with dashboard(runs_dir) as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*FLAGS, "--disable-gpu"])
        page = browser.new_page(viewport=SIZE, base_url=served.address, color_scheme="light")
        page.set_default_timeout(SECONDS * 1000)
        for name, take in SHOTS.items():
            take(page, runs["healthy"])
            save(page, f"page-{name}")
        page.set_viewport_size({**SIZE, "height": TALL})
        for name, run in runs.items():
            curves(page, run)
            save(page, f"curves-{name}")
        browser.close()


def save(page: Page, name: str) -> None:
    """Write what is in view with few colours."""
    page.wait_for_timeout(800)  # transitions
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        shot.convert("RGB").quantize(COLOURS).save(FIGURES / f"{name}.png", optimize=True)
    print(name, f"{(FIGURES / f'{name}.png').stat().st_size / 1000:.0f} kB", flush=True)


def train(page: Page, run: RunDirectory) -> None:
    """The form with what a run will cost."""
    page.goto("/?page=train")
    page.locator("#train-start").filter(has_text="GB").wait_for()


def curves(page: Page, run: RunDirectory) -> None:
    """The curves of one run."""
    page.goto(f"/?page=runs&runs={run.id}")
    page.locator(".js-plotly-plot .scatterlayer path").first.wait_for()


def look(page: Page, run: RunDirectory) -> None:
    """The map, with an image that was asked about."""
    page.goto(f"/?page=look&run={run.id}")
    page.locator('.map-plot[data-ready="yes"]').first.wait_for()
    page.locator("#neighbours-grid .card").first.click()
    page.locator("#neighbours-gallery .card").nth(19).wait_for()
    page.locator("#map-progress").wait_for(state="hidden")


def check(page: Page, run: RunDirectory) -> None:
    """Findings of each kind."""
    page.goto(f"/?page=check&run={run.id}")
    page.locator("#diagnose-start:enabled").click()
    page.locator("#diagnose-outliers .found-note").filter(has_text=" of ").wait_for()
    page.locator("#diagnose-caption").scroll_into_view_if_needed()


def evaluate(page: Page, run: RunDirectory) -> None:
    """A kNN report."""
    page.goto(f"/?page=evaluate&run={run.id}")
    page.locator("#evaluate-start:enabled").click()
    page.locator("#evaluate-cancel").wait_for()
    page.locator("#evaluate-cancel").wait_for(state="hidden")
    page.locator("#evaluate-head .figures").wait_for()
    page.locator("#evaluate-confusion .heatmaplayer image").wait_for()


SHOTS: dict[str, Callable[[Page, RunDirectory], None]] = {
    "train": train,
    "runs": curves,
    "look": look,
    "check": check,
    "evaluate": evaluate,
}


if __name__ == "__main__":
    main()
