"""Look: upload, gallery, a neighbour, the map with the image placed, a lasso, other networks."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from tiny import tiny

from simsiam_core.data import load
from simsiam_core.model import build_backbone, recipe
from simsiam_core.runs import RunDirectory, Status

from .conftest import Server


@pytest.fixture(scope="module")
def run(server: Server) -> RunDirectory:
    """Two checkpoints of an untrained network: looking inside takes no training."""
    import torch

    config = tiny()
    dataset = load(config.data)
    run = server.store.create(config, Status(state="paused"))  # not to be started by the queue
    for epoch in (0, 1):
        torch.manual_seed(epoch)
        weights = build_backbone(config.model).state_dict()
        content = {
            "state_dict": {f"network.backbone.{key}": value for key, value in weights.items()},
            "global_step": epoch,
            "simsiam": recipe(config, dataset.mean, dataset.std, [], epoch),
        }
        torch.save(content, run.checkpoints_dir / f"epoch={epoch:04d}.ckpt")
    run.update_status(state="finished", total_steps=4, step=4)
    return run


def image() -> bytes:
    buffer = io.BytesIO()
    pixels = (np.indices((40, 40)).sum(0) // 5 % 2 * 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


PLACED = "document.querySelector('#map-plot .js-plotly-plot')?.data[2].x.length"
# A class, its share of the vote, and of how many images: no figure without a word.
VOTED = re.compile(r"^\S+\s+[\d.]+ %\s+\d+ of 20$")
COUNTED = re.compile(r"^\S+\s+[\d.]+ %\s+\d+ of 80$")
MINE = {"name": "mine.png", "mimeType": "image/png", "buffer": image()}


def look(page: Page, run: RunDirectory, more: str = "") -> None:
    """Open the page; a first map is there without a press."""
    page.goto(f"/?page=look&run={run.id}{more}")
    expect(page.locator('#map-plot .map-plot[data-ready="yes"]')).to_be_visible()


def test_an_image_is_asked_about_and_placed(page: Page, run: RunDirectory) -> None:
    look(page, run)
    expect(page.locator("#map-plot .map-note")).to_contain_text(
        "epoch 1 · training images. PCA, 80 of 80 train images"
    )
    page.locator("#neighbours-upload input[type=file]").set_input_files(MINE)
    cards = page.locator("#neighbours-gallery .card")
    expect(cards).to_have_count(20)
    caption = page.locator("#neighbours-caption")
    expect(caption).to_contain_text("Your image mine.png")
    expect(caption).to_contain_text("epoch 1 · training images")
    expect(page.locator("#neighbours-place")).to_contain_text("Projected on the map's own axes")
    page.wait_for_function(f"{PLACED} === 1")
    expect(page.locator("#neighbours-vote")).to_contain_text("How the neighbours vote")
    expect(page.locator("#neighbours-vote .vote-row").first).to_have_text(VOTED, use_inner_text=True)
    expect(page.locator("#neighbours-gallery")).to_contain_text("the figure is the cosine similarity")

    mark_part_of_query(page)
    first = cards.first.get_attribute("data-id")
    cards.first.click()
    expect(page.locator(f'#neighbours-gallery .card[data-id="{first}"]')).to_have_count(0)
    expect(caption).to_contain_text(first)
    assert f"image={first}" in page.url.replace("%2F", "/")
    with page.expect_download() as saved:
        page.locator("#neighbours-csv").click()
    assert saved.value.suggested_filename == "neighbours.csv"
    page.locator("#neighbours-uploaded .card").click()
    expect(caption).to_contain_text("Your image mine.png")

    lasso_everything(page)
    expect(page.locator("#map-gallery")).to_contain_text("80 points chosen")
    expect(page.locator("#map-gallery .card")).to_have_count(48)
    expect(page.locator("#map-histogram .vote-row")).to_have_count(10)
    expect(page.locator("#map-histogram")).to_contain_text("Classes of the points chosen")
    expect(page.locator("#map-histogram .vote-row").first).to_have_text(COUNTED, use_inner_text=True)
    page.wait_for_function(f"{PLACED} === 1")
    expect(caption).to_contain_text("Your image mine.png")


def test_a_point_that_is_clicked_takes_no_uploaded_image_away(page: Page, run: RunDirectory) -> None:
    look(page, run)
    click_a_point(page)
    caption, offer = page.locator("#neighbours-caption"), page.locator("#map-offer")
    expect(caption).to_contain_text("epoch 1")
    expect(page.locator("#neighbours-place")).to_contain_text("It is a point of this map")
    page.locator("#neighbours-upload input[type=file]").set_input_files(MINE)
    expect(caption).to_contain_text("Your image mine.png")
    click_a_point(page)
    expect(offer).to_contain_text("The question is still your image mine.png")
    expect(caption).to_contain_text("Your image mine.png")
    page.locator("#map-ask").click()
    expect(caption).not_to_contain_text("Your image")
    expect(page.locator("#map-ask")).to_be_hidden()
    address, asked = page.url, caption.inner_text()
    page.reload()
    expect(caption).to_have_text(asked, use_inner_text=True)
    assert page.url == address


def test_the_slider_moves_the_map_and_the_question_through_training(page: Page, run: RunDirectory) -> None:
    look(page, run)
    page.locator("#neighbours-upload input[type=file]").set_input_files(MINE)
    caption = page.locator("#neighbours-caption")
    expect(caption).to_contain_text("epoch 1")
    page.get_by_role("button", name="Through training").click()
    page.locator("#story-draw").click()
    frame = page.locator("#map-plot .map-frame")
    expect(frame).to_have_text("epoch 1", timeout=150_000)
    page.locator("#map-plot input[type=range]").fill("0")
    expect(frame).to_have_text("epoch 0")
    expect(caption).to_contain_text("epoch 0")
    page.wait_for_function(f"{PLACED} === 1")


def test_another_network_outdates_what_is_shown_until_update(page: Page, run: RunDirectory) -> None:
    look(page, run)
    page.locator("#neighbours-upload input[type=file]").set_input_files(MINE)
    caption, note = page.locator("#neighbours-caption"), page.locator("#neighbours-outdated")
    expect(caption).to_contain_text("epoch 1")
    page.locator("#bar-checkpoint").select_option("epoch=0000")
    expect(note).to_contain_text("still the answer of")
    expect(page.locator("#map-outdated")).to_contain_text("epoch 1")
    expect(page.locator("#neighbours-gallery").first).to_have_css("opacity", "0.4")
    page.locator("#look-update").click()
    expect(caption).to_contain_text("epoch 0")
    expect(note.locator("p")).to_have_count(0)
    expect(page.locator("#map-outdated p")).to_have_count(0)
    expect(page.locator("#map-plot .map-note")).to_contain_text("epoch 0")
    expect(page.locator("#look-update")).to_be_hidden()
    page.wait_for_function(f"{PLACED} === 1")


def click_a_point(page: Page) -> None:
    """Click one of the points of the map, whichever is nearest to its middle."""
    at = page.evaluate(
        """() => {
            const node = document.querySelector("#map-plot .js-plotly-plot");
            node.scrollIntoView({ block: "center" });
            const { _size } = node._fullLayout;
            const box = node.getBoundingClientRect();
            const canvas = node.parentElement.querySelector("canvas.map-cloud");
            const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const ground = pixels.data.slice(0, 4).join();
            const scale = canvas.width / _size.w;
            let best = null, least = Infinity;
            for (let y = 0; y < canvas.height; y += 2) for (let x = 0; x < canvas.width; x += 2) {
                const at = 4 * (y * canvas.width + x);
                if (pixels.data.slice(at, at + 4).join() === ground) continue;
                const far = (x - canvas.width / 2) ** 2 + (y - canvas.height / 2) ** 2;
                if (far < least) [best, least] = [[x, y], far];
            }
            return [box.left + _size.l + best[0] / scale, box.top + _size.t + best[1] / scale];
        }"""
    )
    page.mouse.click(*at)


def mark_part_of_query(page: Page) -> None:
    """Ask with a part of the image; it is shown as the network sees it."""
    shown = page.locator("#neighbours-query img")
    before = shown.get_attribute("src")
    box = shown.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 70, box["y"] + 70, steps=3)
    page.mouse.up()
    expect(page.locator("#neighbours-query")).to_contain_text("ask with the whole")
    assert shown.get_attribute("src") != before


def lasso_everything(page: Page) -> None:
    """Draw a lasso around all points of the map."""
    page.locator("#map-plot .map-stage").scroll_into_view_if_needed()
    plot = page.locator("#map-plot .nsewdrag").bounding_box()
    assert plot is not None
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.05)]
    x, y = zip(
        *((plot["x"] + a * plot["width"], plot["y"] + b * plot["height"]) for a, b in corners), strict=True
    )
    page.mouse.move(x[0], y[0])
    page.mouse.down()
    for left, top in zip(x[1:], y[1:], strict=True):
        page.mouse.move(left, top, steps=4)
    page.mouse.up()


def test_a_map_is_searched_coloured_and_compared(page: Page, run: RunDirectory) -> None:
    look(page, run)
    entry = page.locator("#map-plot .map-class").first
    name = entry.inner_text().split(" ")[0]
    cloud = page.locator("#map-plot .map-cloud")
    expect(cloud).to_have_attribute("data-points", "80")
    entry.click()
    expect(cloud).to_have_attribute("data-points", "72")
    entry.click()
    expect(cloud).to_have_attribute("data-points", "80")

    page.locator("#map-find textarea, #map-find input").first.fill(name)
    page.locator("#map-find textarea, #map-find input").first.press("Enter")
    expect(page.locator("#map-gallery")).to_contain_text("8 points chosen")
    expect(page.locator("#map-histogram .vote-row")).to_have_count(1)

    page.locator("#map-colour input").click()
    page.get_by_role("option", name="Where two networks disagree").click()
    expect(page.locator("#map-colour-other input")).to_have_value("epoch 0")
    expect(page.locator("#map-plot .map-legend")).to_contain_text("disagree", timeout=60_000)

    page.get_by_role("button", name="Beside other networks").click()
    page.locator("#neighbours-beside input").click()
    page.locator("#neighbours-beside").get_by_role("option", name="epoch 0").click()
    page.locator("#second-draw").click()
    expect(page.locator("#second-movers .finding")).to_have_count(24, timeout=60_000)
    for plot in ("#map-plot", "#second-plot"):
        expect(page.locator(f'{plot} .map-plot[data-ready="yes"]')).to_be_visible()
    for button, file in (
        ("#map-csv", "chosen.csv"),
        ("#map-html", "map.html"),
        ("#map-table", "map.parquet"),
    ):
        with page.expect_download() as saved:
            page.locator(button).click()
        assert saved.value.suggested_filename == file
