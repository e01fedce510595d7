"""What all pages share: the address, the bar, the welcome, the keyboard, and what is said of a silent server."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import Browser, Page, expect

from simsiam_core.model.bundled import install
from simsiam_core.runs import RunDirectory
from simsiam_core.ui.app import PAGES

from .conftest import Server

INSIDE = [spec.id for spec in PAGES if spec.inside]
# Every part of the stream of answers comes late, as over a tunnel, while all else is as fast as ever.
LATE_STREAM = """
const ask = window.fetch.bind(window);
window.fetch = async (...asked) => {
  const answer = await ask(...asked);
  if (!new URL(asked[0].url ?? asked[0], document.baseURI).pathname.endsWith("/queue/data")) return answer;
  const late = new TransformStream({
    transform: (part, stream) => new Promise((go) => setTimeout(() => go(stream.enqueue(part)), 60)),
  });
  return new Response(answer.body.pipeThrough(late), { status: answer.status, headers: answer.headers });
};
"""


def shown(page: Page, name: str) -> None:
    expect(page.locator(f"#tab-{name}-button")).to_have_attribute("aria-selected", "true")


def test_the_first_door_opens_when_its_network_is_there(page: Page, server: Server) -> None:
    """Kind: whoever opened the page before the network was unpacked was told for good that it is not here."""
    page.goto("/")
    door = page.locator("#welcome-look")
    expect(page.locator(".door-look .door-shut")).to_have_text(
        "The bundled network is not among the runs here."
    )
    expect(door).to_be_disabled()
    run = install(server.store)
    assert run is not None
    expect(door).to_be_enabled()
    expect(page.locator(".door-shut")).to_have_count(0)
    shutil.rmtree(run.path)
    expect(door).to_be_disabled()


def test_back_walks_through_what_was_looked_at(page: Page, network: RunDirectory) -> None:
    page.goto("/?page=train")
    shown(page, "train")
    for name in ("runs", "evaluate"):
        page.locator(f"#tab-{name}-button").click()
        shown(page, name)
        assert f"page={name}" in page.url
    page.go_back()
    shown(page, "runs")
    page.go_back()
    shown(page, "train")
    page.go_forward()
    shown(page, "runs")
    page.reload()
    shown(page, "runs")


def test_the_door_to_the_trained_network_and_the_end_of_the_welcome(
    page: Page, network: RunDirectory
) -> None:
    page.goto("/")
    shown(page, "welcome")
    page.locator("#welcome-look").click()
    expect(page.locator("#tabs [aria-selected=true]")).not_to_have_id("tab-welcome-button")
    page.wait_for_url(lambda url: network.id in url)
    page.goto("/")
    page.get_by_label("Show this page at the start").uncheck()
    page.goto("/")
    shown(page, "train")


def test_the_keyboard_reaches_what_the_mouse_does(page: Page, network: RunDirectory) -> None:
    page.goto("/?page=train")
    shown(page, "train")
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#tab-train")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("e")
    shown(page, "evaluate")
    page.locator("#tab-train-button").click()
    page.locator("input[type=text]:visible").first.focus()
    page.keyboard.type("ge?")
    shown(page, "train")


def test_a_server_that_is_down_is_said_in_one_sentence(browser: Browser, server: Server) -> None:
    context = browser.new_context(base_url=server.address)
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto("/?page=train")
    shown(page, "train")
    context.set_offline(True)
    expect(page.locator("#page-connection .problem")).to_be_visible()
    page.locator("#tab-runs-button").click()
    expect(page.locator(".toast-body")).to_have_count(0)
    context.set_offline(False)
    expect(page.locator("#page-connection .problem")).to_be_hidden()
    context.close()


def test_no_event_is_lost_while_the_stream_of_answers_ends(page: Page) -> None:
    """Kind: a click was never answered, as gradio's client still counted on a stream that had ended."""
    page.add_init_script(LATE_STREAM)
    page.goto("/?page=train")
    shown(page, "train")
    small, quick = page.locator("#preset-small-cifar10"), page.locator("#preset-quick")
    for pause in range(0, 400, 50):
        small.click()
        page.wait_for_timeout(pause)
        quick.click()
        expect(page.locator("#train-changed")).to_contain_text("As in Quick look")
        expect(page.locator("#train-summary")).to_contain_text("4,000 training images")


@pytest.mark.skipif(not INSIDE, reason="no page follows the bar")
def test_the_bar_is_changed_by_the_person_and_says_what_is_not_here(
    page: Page, server: Server, network: RunDirectory
) -> None:
    name = INSIDE[0]
    page.goto(f"/?page={name}&run=nonexistent")
    expect(page.locator(".bar-trouble")).to_contain_text("no run “nonexistent”")
    expect(page.locator("#bar-run")).to_have_value("")
    page.locator("#bar-run").select_option(network.id)
    expect(page.locator(".bar-figure")).to_contain_text("✓ kNN 49.6% · raw pixels 40.9%")
    expect(page.locator(".bar-figure")).to_contain_text("on CIFAR-10")
    assert f"run={network.id}" in page.url
    page.locator("#bar-images").focus()
    page.locator("#bar-images").select_option("test")
    page.wait_for_url(lambda url: "images=test" in url)
    expect(page.locator("#bar-images")).to_be_focused()
    page.go_back()
    expect(page.locator("#bar-images")).to_have_value("train")
