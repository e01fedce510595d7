"""The Train page: the form keeps what was typed, Start is in view and says what it starts, bad fields get the focus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from simsiam_core.jobs import read_queue, stop

from .conftest import Server
from .test_dashboard import eventually, field, fill

EXPECTED = re.compile(r"Start 1 run · about [\d.]+ (s|min|h) · [\d.]+ (MB|GB)")


@pytest.fixture(autouse=True)
def _nothing_waits(server: Server) -> Iterator[None]:
    """Whatever a test left in the queue does not stand in the next one's way."""
    yield
    for entry in read_queue(server.store):
        stop(entry.run, timeout=20)


def control(page: Page, path: str) -> Locator:
    return page.locator(f"{field(page, path)} input")


def in_view(page: Page, selector: str) -> bool:
    box, height = page.locator(selector).bounding_box(), page.viewport_size["height"]
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= height


def ready(page: Page) -> None:
    """The form is followed, and nothing is worked out any more: a reload cuts nothing off."""
    expect(page.locator("#train-summary")).to_contain_text("Learning rate")
    expect(page.locator("#train-start")).to_have_text(EXPECTED)


def test_a_draft_outlives_a_reload_and_a_recipe_and_can_be_brought_back(page: Page) -> None:
    """Kind: a reload, a restart or a click on a preset wiped the form."""
    page.goto("/?tab=train")
    ready(page)
    changed = page.locator("#train-changed")
    expect(changed).to_contain_text("As in Quick look")
    fill(page, "training.epochs", "7")
    fill(page, "training.batch_size", "16")
    expect(changed).to_contain_text("Changed from Quick look: 2")
    ready(page)
    page.reload()
    expect(control(page, "training.epochs")).to_have_value("7")
    expect(control(page, "training.batch_size")).to_have_value("16")
    expect(changed).to_contain_text("Changed from Quick look: 2")

    page.locator("#preset-small-cifar10").click()
    expect(control(page, "training.epochs")).to_have_value("24")
    expect(changed).to_contain_text("As in Small, for a CPU")
    ready(page)
    page.reload()
    expect(page.locator("#preset-small-cifar10")).to_have_attribute("aria-pressed", "true")
    page.locator("#preset-quick").click()
    expect(control(page, "training.epochs")).to_have_value("30")
    changed.get_by_role("button", name="Undo").click()
    expect(control(page, "training.epochs")).to_have_value("24")
    expect(page.locator("#preset-small-cifar10")).to_have_attribute("aria-pressed", "true")

    fill(page, "training.epochs", "9")
    expect(changed).to_contain_text("Changed from Small, for a CPU: 1")
    changed.get_by_role("button", name="Reset").click()
    expect(control(page, "training.epochs")).to_have_value("24")
    changed.get_by_role("button", name="Undo").click()
    expect(control(page, "training.epochs")).to_have_value("9")
    expect(changed).to_contain_text("Changed from Small, for a CPU: 1")


def test_of_recipes_clicked_in_quick_succession_the_last_one_counts(page: Page) -> None:
    """Kind: the second click was dropped; and the recipe for one's own images showed gradio's words about values."""
    page.goto("/?tab=train")
    ready(page)
    mine, small = page.locator("#preset-my-images"), page.locator("#preset-small-cifar10")
    refusal = page.locator("#train-adapt-message")
    mine.click()
    expect(refusal).to_contain_text("first drop a folder or a zip")
    expect(page.locator("#train-changed")).to_contain_text("As in Quick look")
    small.click()
    page.locator("#preset-quick").click()
    small.click()
    expect(page.locator("#train-changed")).to_contain_text("As in Small, for a CPU")
    expect(page.locator("#train-summary")).to_contain_text("50,000 training images")
    expect(control(page, "training.epochs")).to_have_value("24")
    expect(refusal).to_be_empty()


def test_the_drawer_is_searched_and_start_goes_to_the_bad_field_in_it(page: Page) -> None:
    """Kind: a refused setting was named, and had to be looked for among seventy."""
    page.goto("/?tab=train")
    ready(page)
    limit, drawer = control(page, "data.train_limit"), page.locator("#form-drawer > button")
    expect(limit).to_have_count(0)
    drawer.click()
    page.locator("#form-search").fill("training images used")
    expect(limit).to_be_visible()
    expect(page.locator("#form-drawer .field:visible")).to_have_count(1)
    fill(page, "data.train_limit", "1")
    expect(page.locator(field(page, "data.train_limit"))).to_contain_text("is 1; it must be")
    page.locator("#form-search").fill("momentum")
    expect(limit).to_be_hidden()
    drawer.click()
    expect(page.locator("#form-search")).to_be_hidden()
    page.locator("#train-start").click()
    expect(page.locator("#train-message")).to_contain_text("Training images used (Images)")
    expect(limit).to_be_focused()
    eventually(lambda: in_view(page, field(page, "data.train_limit")))


def test_start_is_in_view_and_says_what_it_starts(page: Page, server: Server) -> None:
    """Kind: Start lay at y = 4,750 on a phone and was pushed down by the estimate; a sweep's text stayed after it."""
    before = len(server.store.runs())
    page.goto("/?tab=train")
    ready(page)
    start = page.locator("#train-start")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate("window.scrollTo(0, 0)")
        eventually(lambda: in_view(page, "#train-start"))
    page.set_viewport_size({"width": 1280, "height": 900})
    page.locator("#train-more > button").click()
    page.locator("#train-sweep textarea").fill("seed: 1, 2\nlr: 0.1, 0.2")
    expect(start).to_contain_text("Start 4 runs")
    page.locator("#train-ablation input").click()
    page.get_by_role("option", name="Stop-gradient and predictor").click()
    expect(page.locator("#train-sweep-note .problem")).to_contain_text("not both at once")
    page.locator("#train-sweep textarea").fill("")
    expect(start).to_contain_text("Start 3 runs")
    expect(page.locator("#train-sweep-note")).to_contain_text("What prevents collapse?")
    start.click()
    eventually(lambda: len(server.store.runs()) == before + 3)
    page.get_by_role("tab", name="Train").click()
    expect(start).to_contain_text("Start 1 run")
    expect(page.locator("#train-ablation input")).to_have_value("None")


def test_a_folder_of_ones_own_is_dropped_understood_and_trained_on(
    page: Page, server: Server, tmp_path: Path
) -> None:
    """Two acts from the page to training on one's own images: give the folder, press Start."""
    for number in range(40):
        name = f"pets/{'cat' if number % 2 else 'dog'}/{number}.png"
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (24, 24), (number * 6, 40, 90)).save(tmp_path / name)
    (tmp_path / "pets/cat/broken.jpg").write_bytes(b"no image")
    (tmp_path / "pets/notes.txt").write_text("not for the zip")
    page.goto("/?tab=train")
    ready(page)
    page.locator("#train-upload .folder-input").set_input_files(tmp_path / "pets")
    found, reasons = page.locator("#train-folder"), page.locator("#train-reasons")
    expect(found).to_contain_text("2 classes: cat 21, dog 20")
    expect(found.locator(".folder-images img")).to_have_count(12)
    found.get_by_text("What is left out").click()
    expect(found).to_contain_text("cannot be read and will be skipped: pets/cat/broken.jpg")
    expect(page.locator("#train-upload-done")).to_contain_text("1 file left out: pets/notes.txt")
    expect(reasons).to_contain_text("What was chosen for these images, and why")
    expect(page.locator("#preset-my-images")).to_have_attribute("aria-pressed", "true")
    expect(control(page, "name")).to_have_value("pets")
    fill(page, "training.epochs", "6")  # no fewer than those of the warm-up from random weights
    expect(page.locator("#train-changed")).to_contain_text("Changed from My images: 1")
    page.locator("#train-start").click()
    eventually(lambda: any(run.config().name == "pets" for run in server.store.runs()))
    run = next(run for run in server.store.runs() if run.config().name == "pets")
    assert run.config().data.source == "folder"
    eventually(lambda: run.choices() is not None)
    kept = run.choices().chosen
    assert kept and "training.epochs" not in {choice.path for choice in kept}, "that was changed by hand"
    eventually(lambda: run.status().state == "finished", seconds=120)
    assert run.status().total_steps == run.status().step > 0
