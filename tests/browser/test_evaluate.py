"""How good is it, and what was tried: measured, cancelled, looked into, written about and compared on the page."""

from __future__ import annotations

import json
import time

import pytest
from playwright.sync_api import Page, expect
from tiny import tiny

from simsiam_core.jobs import stop
from simsiam_core.runs import RunDirectory
from simsiam_core.runs.evaluations import evaluations

from .conftest import Server
from .test_dashboard import eventually


@pytest.fixture(scope="session")
def pair(server: Server) -> list[RunDirectory]:
    """Two runs that differ in their batch size, the first with a trained checkpoint."""
    from simsiam_core.training.worker import train

    first = server.store.create(tiny(name="first"))
    assert train(first) == 0
    second = server.store.create(tiny(name="second", training={"batch_size": 40}))
    with second.metrics_path.open("w") as file:
        for step in range(1, 21):
            line = {"step": step, "epoch": step // 2, "time": time.time(), "train/loss": (-1) ** step / 2}
            file.write(json.dumps(line | {"representation/std": 0.9, "val/knn_accuracy": 0.3}) + "\n")
    second.update_status(state="finished", step=6, total_steps=6, ended=time.time())
    return [first, second]


def test_a_checkpoint_is_measured_and_a_confusion_is_looked_into(
    page: Page, pair: list[RunDirectory]
) -> None:
    run = pair[0]
    page.goto(f"/?tab=evaluate&run={run.id}")
    expect(page.locator("#evaluate-results")).to_contain_text("not measured here", timeout=60_000)
    page.locator("#evaluate-start").click()
    expect(page.locator("#evaluate-head .figures")).to_contain_text("kNN, on test", timeout=90_000)
    (job,) = evaluations(run)
    result = job.result()
    assert result is not None
    expect(page.locator("#evaluate-head")).to_contain_text(f"{result['figures']['knn/accuracy']:.1%}")
    expect(page.locator("#evaluate-results tbody")).to_contain_text("first")

    counts = result["details"]["confusion"]
    true, found = max(
        ((i, j) for i in range(10) for j in range(10)), key=lambda cell: counts[cell[0]][cell[1]]
    )
    plot = page.locator("#evaluate-confusion .nsewdrag")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.click(
        box["x"] + box["width"] * (found + 0.5) / 10, box["y"] + box["height"] * (true + 0.5) / 10
    )
    expect(page.locator("#evaluate-pictures .card")).to_have_count(counts[true][found])
    with page.expect_download() as saved:
        page.locator("#evaluate-latex").click()
    assert saved.value.suggested_filename == "results.tex"
    page.locator(
        "#evaluate-start"
    ).click()  # another one's confusions must not be taken for those of this one
    expect(page.locator("#evaluate-pictures .card")).to_have_count(0)
    expect(page.locator("#evaluate-jobs tbody tr")).to_have_count(2)
    eventually(lambda: not any(j.status().active for j in evaluations(run)), 60)


def test_an_evaluation_waits_for_the_slot_and_can_be_cancelled(
    page: Page, server: Server, pair: list[RunDirectory]
) -> None:
    busy = server.store.create(tiny(name="busy", training={"epochs": 5000}))
    eventually(lambda: busy.status().state == "running", 60)
    page.goto(f"/?tab=evaluate&run={pair[0].id}")
    page.locator("#evaluate-kind label", has_text="Fine-tuning").click()
    page.locator("#evaluate-share label", has_text="100 %").click()
    page.locator("#evaluate-epochs input").fill("1000")
    page.locator("#evaluate-start").click()
    head = page.locator("#evaluate-head")
    expect(head).to_contain_text("Waits for a CPU slot: 1 of 1 taken.")
    job = evaluations(pair[0])[0]
    page.locator("#evaluate-beside").click()
    expect(head).to_contain_text("Training from the checkpoint: epoch", timeout=90_000)
    assert job.status().state == "running"
    page.locator("#evaluate-cancel").click()
    expect(head).to_contain_text("stopped", timeout=30_000)
    expect(head).to_contain_text("It left no result.")
    assert job.result() is None

    stop(busy)


def test_what_is_missing_is_told_where_it_was_asked_for(page: Page, pair: list[RunDirectory]) -> None:
    page.goto(f"/?tab=evaluate&run={pair[0].id}")
    page.locator("#evaluate-kind label", has_text="Fine-tuning").click()
    page.locator("#evaluate-share label", has_text="1 %").first.click()
    page.locator("#evaluate-start").click()
    expect(page.locator("#evaluate-head .problem")).to_contain_text(
        "1 labels of 80, fewer than the 10 classes", timeout=90_000
    )
    page.locator("#evaluate-epochs input").fill("0")
    page.locator("#evaluate-start").click()
    expect(page.locator("#evaluate-message .problem")).to_contain_text("Epochs is 0; it must be greater")


def test_what_trains_shows_its_curves_and_the_gain(page: Page, pair: list[RunDirectory]) -> None:
    page.goto(f"/?tab=evaluate&run={pair[0].id}")
    traces = "document.querySelector('#evaluate-curves .js-plotly-plot')?.data.length ?? 0"
    head = page.locator("#evaluate-head")
    page.locator("#evaluate-kind label", has_text="Linear").click()
    page.locator("#evaluate-protocol label", has_text="crops and flips").click()
    page.locator("#evaluate-epochs input").fill("2")
    page.locator("#evaluate-start").click()
    expect(head.locator(".figures")).to_contain_text("linear, on validation", timeout=90_000)
    expect(head).to_contain_text("protocol augmented")
    page.wait_for_function(f"{traces} > 1")
    page.locator("#evaluate-kind label", has_text="Fine-tuning").click()
    page.locator("#evaluate-share label", has_text="100 %").click()
    page.locator("#evaluate-start").click()
    for figure in ("fine-tuned, on test", "from random weights", "gain"):
        expect(head.locator(".figures")).to_contain_text(figure, timeout=90_000)
    page.wait_for_function(f"{traces} === 2")
