"""Accessibility of every page: what axe finds, layout shift on load, and a phone's width."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from simsiam_core.runs import RunDirectory
from simsiam_core.ui.app import PAGES

from .conftest import Server
from .test_frame import shown

PATIENCE = 60_000  # milliseconds, of a busy machine

IMPACTS = ("serious", "moderate", "critical")
# Records the shifts that no click explains, as browsers count them, and when the page last changed.
RECORD = """
window.shifted = [];
window.changed = performance.now();
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const moved = entry.sources.map((source) => source.node?.id || source.node?.className);
    if (!entry.hadRecentInput) window.shifted.push([entry.value, moved]);
  }
}).observe({ type: "layout-shift", buffered: true });
const note = () => { window.changed = performance.now(); };
new MutationObserver(note).observe(document, { childList: true, subtree: true });
"""
# In the dark only the colours are others; what passes needs no list.
OPTIONS: dict[str, dict[str, Any]] = {
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": {"type": "rule", "values": ["color-contrast"]}},
}
# Nothing is drawn any more, the buttons that need a run act on the one that is there, and no colour is on its way.
SETTLED = """
performance.now() - window.changed > 800 && !document.querySelector(".acts-on-run[inert]")
  && ![...document.querySelectorAll(":is(#monitor-look, #evaluate-start, #diagnose-start):disabled")]
    .some((one) => one.offsetParent)
  && !document.getAnimations().some((one) => one instanceof CSSTransition)
"""


def test_on_a_phone_every_page_is_in_sight_and_nothing_is_cut_off(
    browser: Browser, server: Server, network: RunDirectory
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, base_url=server.address)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto("/")
    for spec in PAGES:
        page.get_by_role("tab", name=spec.title, exact=True).click()
        shown(page, spec.id)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, spec.id
    context.close()


def opened(browser: Browser, server: Server, name: str, width: int) -> Page:
    context = browser.new_context(viewport={"width": width, "height": 900}, base_url=server.address)
    context.add_init_script(RECORD)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"/?page={name}&__theme=light")
    shown(page, name)
    page.wait_for_function(SETTLED)
    return page


def nothing_has_jumped(page: Page) -> None:
    moved: list[Any] = page.evaluate("window.shifted")
    assert sum(value for value, _ in moved) < 0.1, moved


@pytest.mark.parametrize("name", [spec.id for spec in PAGES])
def test_nothing_jumps_while_a_page_loads_and_it_keeps_nobody_out(
    browser: Browser, server: Server, network: RunDirectory, name: str
) -> None:
    """What axe calls serious or moderate, light and dark."""
    page = opened(browser, server, name, 1280)
    nothing_has_jumped(page)
    found: list[str] = []
    for theme, options in OPTIONS.items():
        page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", theme == "dark")
        page.wait_for_function(SETTLED)
        for violation in Axe().run(page, options=options).response["violations"]:
            if violation["impact"] in IMPACTS:
                nodes = "; ".join(str(node["target"]) for node in violation["nodes"][:4])
                found.append(f"{theme}: {violation['id']} ({violation['impact']}): {nodes}")
    page.context.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ["train", "runs", "look"])
def test_nothing_jumps_while_a_page_loads_on_a_phone(
    browser: Browser, server: Server, network: RunDirectory, name: str
) -> None:
    page = opened(browser, server, name, 390)
    nothing_has_jumped(page)
    page.context.close()
