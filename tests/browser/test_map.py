"""Upload, gallery, a neighbour, the map with the image placed, and a lasso."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from tiny import tiny

from simsiam_core.data import load
from simsiam_core.model import build_backbone, recipe
from simsiam_core.runs import RunDirectory, Status

from .conftest import Server


@pytest.fixture
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


def test_an_image_is_asked_about_and_placed(page: Page, run: RunDirectory) -> None:
    page.goto(f"/?tab=neighbours&run={run.id}")
    file = {"name": "mine.png", "mimeType": "image/png", "buffer": image()}
    page.locator("#neighbours-upload input[type=file]").set_input_files(file)
    cards = page.locator("#neighbours-gallery .card")
    expect(cards).to_have_count(20, timeout=60_000)

    mark_part_of_query(page)
    first = cards.first.get_attribute("data-id")
    cards.first.click()
    expect(page.locator(f'#neighbours-gallery .card[data-id="{first}"]')).to_have_count(0)
    answer = page.locator("#neighbours-gallery").inner_text()
    page.locator("#neighbours-through input[type=range]").fill("0")
    expect(page.locator("#neighbours-gallery")).not_to_have_text(answer)
    with page.expect_download() as saved:
        page.locator("#neighbours-csv").click()
    assert saved.value.suggested_filename == "neighbours.csv"

    page.locator("#neighbours-map").click()
    expect(page.locator("#map-checkpoint input")).not_to_have_value("")
    page.locator("#map-method label", has_text="PCA").click()
    page.locator("#map-draw").click()
    expect(page.locator('#map-plot .map-plot[data-ready="yes"]')).to_be_visible(timeout=60_000)
    expect(page.locator("#map-plot .map-note")).to_contain_text("PCA, 80 of 80 train images")
    expect(page.locator("#map-gallery")).to_contain_text("It is a point of this map")
    page.locator("#map-upload input[type=file]").set_input_files(file)
    expect(page.locator("#map-gallery")).to_contain_text("Your image")
    placed = "document.querySelector('#map-plot .js-plotly-plot')?.data[2].x.length"
    page.wait_for_function(f"{placed} === 1")

    lasso_everything(page)
    expect(page.locator("#map-gallery")).to_contain_text("80 points chosen")
    expect(page.locator("#map-gallery .card")).to_have_count(48)
    expect(page.locator("#map-histogram .vote-row")).to_have_count(10)

    # One of the points chosen is asked about, and the map is followed through the checkpoints.
    page.locator("#map-gallery .card").first.click()
    expect(page.locator("#map-gallery")).to_contain_text("It is a point of this map")
    page.locator("#story-draw").click()
    frame = page.locator("#story-plot .map-frame")
    expect(frame).to_have_text("epoch=0001", timeout=150_000)  # the first UMAP of a machine compiles itself
    page.locator("#story-plot input[type=range]").fill("0")
    expect(frame).to_have_text("epoch=0000")


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


def draw_pca(page: Page, run: RunDirectory) -> None:
    page.goto(f"/?tab=map&run={run.id}")
    expect(page.locator("#map-checkpoint input")).not_to_have_value("")
    page.locator("#map-method label", has_text="PCA").click()
    page.locator("#map-draw").click()
    expect(page.locator('#map-plot .map-plot[data-ready="yes"]')).to_be_visible(timeout=60_000)


def test_a_map_is_searched_coloured_and_compared(page: Page, run: RunDirectory) -> None:
    draw_pca(page, run)
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

    page.locator("#second-draw").click()
    expect(page.locator("#second-movers .finding")).to_have_count(24, timeout=60_000)
    for plot in ("#first-plot", "#second-plot"):
        expect(page.locator(f'{plot} .map-plot[data-ready="yes"]')).to_be_visible()
    for button, file in (
        ("#map-csv", "chosen.csv"),
        ("#map-html", "map.html"),
        ("#map-table", "map.parquet"),
    ):
        with page.expect_download() as saved:
            page.locator(button).click()
        assert saved.value.suggested_filename == file


def test_what_is_wrong_with_the_data_is_listed(page: Page, run: RunDirectory) -> None:
    page.goto(f"/?tab=diagnose&run={run.id}")
    page.locator("#diagnose-start").click()
    expect(page.locator("#diagnose-outliers .finding").first).to_be_visible(timeout=60_000)
    with page.expect_download() as saved:
        page.locator("#diagnose-labels-csv").click()
    assert saved.value.suggested_filename == "labels.csv"
