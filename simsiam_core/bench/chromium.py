"""The Chromium that benchmarks, screenshots and browser tests start."""

from __future__ import annotations

import shutil

WITH_WINDOWS = ("chromium", "chromium-browser", "google-chrome")
# It needs three fifths of the processor time of the others to load a page and to draw what is new, and has no GPU.
HEADLESS = "chromium-headless-shell"
FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update")


def find_chromium(gpu: bool = False) -> str | None:
    """Return the path of an installed Chromium, which can use a GPU if asked for; None: Playwright's own, if any."""
    programs = WITH_WINDOWS if gpu else (HEADLESS, *WITH_WINDOWS)
    return next(filter(None, map(shutil.which, programs)), None)
