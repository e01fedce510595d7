"""What is refused stays told, and no answer of before passes for the answer to what is asked now."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from simsiam_core.runs import RunDirectory

from .test_dashboard import field, fill
from .test_map import image, run  # noqa: F401  # a fixture

NOTHING_THERE = {"name": "letter.zip", "mimeType": "application/zip", "buffer": b"no zip"}


def test_refused_uploads_one_after_another(page: Page, run: RunDirectory, tmp_path: Path) -> None:  # noqa: F811
    """The neighbours of the image before stood under the error, and a zip's message was gone after half a second."""
    page.goto(f"/?tab=neighbours&run={run.id}")  # as addresses of earlier versions have it
    cards, message = page.locator("#neighbours-gallery .card"), page.locator("#neighbours-message .problem")
    grid = page.locator("#neighbours-grid .card")
    expect(grid).to_have_count(20)
    mine, letter, large = (tmp_path / f"{name}.png" for name in ("mine", "letter", "large"))
    mine.write_bytes(image())
    letter.write_bytes(b"no image")
    with large.open("wb") as file:
        file.truncate(21 * 2**20)
    upload = page.locator("#neighbours-upload input[type=file]")
    for refused_file in (letter, large):
        upload.set_input_files(mine)
        expect(cards).to_have_count(20)
        upload.set_input_files(refused_file)
        expect(cards).to_have_count(0)
        expect(page.locator("#neighbours-vote .vote-row")).to_have_count(0)
        expect(page.locator("#neighbours-query img")).to_be_hidden()
        told = message if refused_file is letter else page.locator("#neighbours-upload .has-problem")
        expect(told).to_contain_text("not an image" if refused_file is letter else "the limit is 20 MB")
        box = page.locator("#neighbours-upload .has-problem")
        expect(box).to_contain_text("letter.png was not taken" if refused_file is letter else "large.png is")
    grid.first.click()
    expect(cards).to_have_count(20)
    page.get_by_text("Look among images of your own").click()
    page.locator("#neighbours-zip input[type=file]").set_input_files(NOTHING_THERE)
    refused = page.locator("#neighbours-zip-message .problem")
    expect(refused).to_contain_text("The zip is refused")
    expect(page.locator("#neighbours-outdated")).to_contain_text("still about the training images")
    expect(page.locator("#neighbours-gallery").first).to_have_css("opacity", "0.4")
    grid.nth(1).click()  # another question is asked and answered
    expect(page.locator("#neighbours-outdated p")).to_have_count(0)
    expect(page.locator("#neighbours-gallery").first).to_have_css("opacity", "1")
    expect(refused).to_be_visible()


def test_a_map_and_a_form_of_before_say_so(page: Page, run: RunDirectory) -> None:  # noqa: F811
    """A map stood under other settings as if it were theirs; figures and views stood beside a refused form."""
    page.goto(f"/?tab=map&run={run.id}")
    expect(page.locator("#map-plot .map-note")).to_contain_text("80 of 80")
    page.locator("#map-dimensions").get_by_text("3D").click()
    outdated = page.locator("#map-outdated p")
    expect(outdated).to_contain_text("PCA, 80 of 80")
    page.locator("#map-dimensions").get_by_text("2D").click()
    expect(outdated).to_have_count(0)

    page.goto("/?tab=train")
    expect(page.locator("#train-summary")).to_contain_text("4,000 training images")
    expect(page.locator("#train-preview img").first).to_be_visible()
    fill(page, "training.batch_size", "1")
    expect(page.locator(field(page, "training.batch_size"))).to_contain_text("is 1; it must be")
    expect(page.locator("#train-summary")).not_to_contain_text("4,000")
    expect(page.locator("#train-network")).to_be_empty()
    expect(page.locator("#train-estimate")).to_be_empty()
    expect(page.locator("#train-preview img")).to_have_count(0)
    fill(page, "training.batch_size", "64")
    expect(page.locator("#train-summary")).to_contain_text("4,000 training images")
    expect(page.locator("#train-preview img").first).to_be_visible()
