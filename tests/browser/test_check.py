"""What is wrong with my images, and taking a network away: listed a page at a time, and never under another network."""

from __future__ import annotations

import json
import re
import shutil
import time

import pytest
from playwright.sync_api import Page, expect
from tiny import tiny

from simsiam_core.runs import RunDirectory, RunStore, Status
from simsiam_core.runs.evaluations import create_evaluation
from simsiam_core.training.worker import train
from simsiam_core.ui.text import run_name

from .conftest import Server


def judged(run: RunDirectory, knn: float, raw_pixels: float) -> None:
    """Have its record say how good its network is; as small as it is, it would be at chance."""
    figures = {"val/knn_accuracy": knn, "val/knn_accuracy_raw_pixels": raw_pixels}
    run.metrics_path.write_text(json.dumps({"step": 2, "epoch": 1, "time": time.time(), **figures}) + "\n")


@pytest.fixture(scope="module")
def run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Trained elsewhere and brought in, so that the server reads the record only once it says what it shall say."""
    elsewhere = RunStore(tmp_path_factory.mktemp("elsewhere"))
    run = elsewhere.create(tiny(name="checked"))
    assert train(run) == 0
    judged(run, 0.9, 0.25)
    shutil.move(run.path, server.store.path)
    return server.store.get(run.id)


@pytest.fixture(scope="module")
def poor(server: Server, run: RunDirectory) -> RunDirectory:
    """The same network, of which its record says that raw pixels do better."""
    poor = server.store.create(tiny(name="poor"), Status(state="finished"))
    shutil.copytree(run.checkpoints_dir, poor.checkpoints_dir, dirs_exist_ok=True)
    judged(poor, 0.4, 0.7)
    job = create_evaluation(poor, {"kind": "knn"})
    figures = {"knn/accuracy": 0.3, "knn/raw_pixels_accuracy": 0.7}
    stamp = {"data": "textures", "train_images": 80, "test_images": 200, "k": 5, "temperature": 0.1}
    result = {"id": job.id, "run": poor.id, "kind": "knn", "checkpoint": "last", "epoch": 3, "seconds": 1.0}
    job.write_result({**result, "device": "CPU", "details": {}, "figures": figures, "stamp": stamp})
    job.update_status(state="finished")
    return poor


def check(page: Page, run: RunDirectory, more: str = "") -> None:
    """Everything is a finding: every threshold is let down first."""
    page.goto(f"/?page=check&run={run.id}{more}")
    page.locator("#diagnose-thresholds > button").click()
    for name, value in (("outlier", "0"), ("label", "0"), ("duplicate", "0.5")):
        page.locator(f"#diagnose-{name} input[type=number]").fill(value)
    page.locator("#diagnose-start").click()


def test_findings_stand_in_a_grid_with_their_names_a_page_at_a_time(page: Page, run: RunDirectory) -> None:
    check(page, run)
    expect(page.locator("#diagnose-caption")).to_have_text(f"{run_name(run.id)} · epoch 3 · training images")
    outliers = page.locator("#diagnose-outliers")
    expect(outliers.locator(".found-place")).to_have_text("1–20 of 80")
    expect(outliers.locator(".found-card")).to_have_count(20)
    first = outliers.locator(".found-card").first.get_attribute("data-id")
    pair = page.locator("#diagnose-duplicates .found-card").first
    names = pair.locator(".found-name").all_inner_texts()
    assert len(set(names)) == 2 and all(names)
    following = outliers.get_by_role("button", name="Next")
    following.click()
    expect(outliers.locator(".found-place")).to_have_text("21–40 of 80")
    expect(following).to_be_focused()
    expect(outliers.locator(f'.found-card[data-id="{first}"]')).to_have_count(0)
    pair.locator(".found-image").first.click()
    expect(page).to_have_url(re.compile("page=look"))


def test_a_list_is_saved_only_where_it_stands(page: Page, run: RunDirectory) -> None:
    page.goto(f"/?page=check&run={run.id}")
    save = page.locator("#diagnose-outliers-csv")
    expect(page.locator("#diagnose-start")).to_be_enabled()
    expect(save).to_be_hidden()
    check(page, run)
    expect(save).to_be_visible()
    with page.expect_download() as saved:
        save.click()
    assert saved.value.suggested_filename == f"outliers-{run.id}-epoch=0003.csv"
    page.locator("#bar-images").select_option("test")
    expect(page.locator("#diagnose-outdated .outdated")).to_contain_text("training images")
    expect(save).to_be_hidden()
    page.locator("#diagnose-update").click()
    expect(page.locator("#diagnose-caption")).to_contain_text("test images")
    expect(page.locator("#diagnose-outdated .outdated")).to_have_count(0)
    expect(save).to_be_visible()


def test_a_network_below_raw_pixels_says_so_wherever_its_results_are_used(
    page: Page, poor: RunDirectory
) -> None:
    """Kind: 42.9 % beside 70.0 % of raw pixels was a green "finished", and 240 labels were called suspicious."""
    below = "Below raw pixels: kNN 40.0%, where comparing the images themselves gives 70.0%."
    check(page, poor, f"&runs={poor.id}")
    expect(page.locator(".bar-verdict")).to_contain_text(below)
    doubt = page.locator("#diagnose-labels summary")
    first = page.locator("#diagnose-labels .found-card").first
    expect(doubt).to_contain_text(below)
    expect(doubt).to_contain_text("its own mistake")
    expect(first).to_be_hidden()
    doubt.click()
    first.locator(".found-image").first.click()
    expect(page.locator("#neighbours-gallery .card").first).to_be_visible()
    expect(page.locator("#neighbours-notice")).to_contain_text(below)
    page.locator("#tab-runs-button").click()
    expect(page.locator("#runs-verdict")).to_contain_text(below)
    page.locator("#tab-evaluate-button").click()
    expect(page.locator("#evaluate-head .verdict")).to_contain_text("Below raw pixels: kNN 30.0%")


def test_a_network_is_taken_away(page: Page, run: RunDirectory) -> None:
    page.goto(f"/?page=check&run={run.id}")
    page.locator("#bar-use > button").click()
    expect(page.locator("#use-texts")).to_contain_text(f"s.open_run('{run.id}', checkpoint='epoch=0003'")
    expect(page.locator("#use-texts")).to_contain_text("python -m simsiam_core train --name=checked")
    expect(page.locator("#use-texts")).to_contain_text("@inproceedings{simsiam,")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save: Config").click()
    assert saved.value.suggested_filename == "config.yaml"
    page.locator("#use-prepare").click()
    expect(page.locator("#use-usage")).to_contain_text("safetensors.torch.load_file")
    with page.expect_download() as saved:
        page.locator("#use-download").click()
    assert saved.value.suggested_filename == f"{run.id[16:]}-epoch-0003-safetensors.zip"
