"""A folder of one's own on the Train page: what was understood of it stands below its field."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect


def test_a_folder_is_described_below_its_field(page: Page, tmp_path: Path) -> None:
    """Kind: the page said nothing of a folder until training began."""
    for name in ("Train/cat/1.png", "Train/dog/2.png", "Test/dog/3.png", "valid/cat/4.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (len(name) * 10, 0, 90)).save(tmp_path / name)
    page.goto("/?tab=train")
    page.locator("#field-data-source input").click()
    page.get_by_role("option", name="folder", exact=True).click()
    path, found = page.locator("#field-data-path"), page.locator("#train-folder")
    path.locator("input, textarea").fill(str(tmp_path))
    expect(found.locator("tbody tr")).to_have_text(["cat10", "dog11"])
    expect(found.locator("img")).to_have_count(2)
    expect(found).to_contain_text("cat has no test images.")
    found.get_by_text("What is left out").click()
    expect(found).to_contain_text("Test is used for testing instead: valid/")
    path.locator("input, textarea").fill(str(tmp_path / "nothing"))
    expect(path).to_contain_text("There is no folder")
    expect(found.locator("table")).to_have_count(0)
