"""Runs: found, ticked, compared, written about, taken away and brought back, by mouse and by keyboard."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect
from tiny import tiny

from simsiam_core.runs import Notes, RunDirectory, Status
from simsiam_core.training.worker import train
from simsiam_core.ui.text import run_name

from .conftest import Server
from .test_dashboard import open_tab

LOSS = "document.querySelector('#monitor-loss .js-plotly-plot')"
TICKED = "#monitor-runs .run-box:checked"


@pytest.fixture(scope="module")
def pair(server: Server) -> list[RunDirectory]:
    """Two runs that differ in their batch size, and have measured a loss that swings."""
    runs = []
    for name, batch_size, accuracy in (("alpha", 20, 0.3), ("beta", 40, 0.6)):
        config = tiny(name=name, training={"batch_size": batch_size})
        run = server.store.create(config, Status(state="finished", step=20, total_steps=20))
        with run.metrics_path.open("w") as file:
            for step in range(1, 21):
                line = {"step": step, "epoch": 0, "time": 1e9 + step, "train/loss": -0.5 + 0.5 * (-1) ** step}
                file.write(json.dumps(line | {"val/knn_accuracy": accuracy}) + "\n")
        runs.append(run)
    return runs


def row(page: Page, run: RunDirectory) -> object:
    return page.locator(f'#monitor-runs .run[data-id="{run.id}"]')


def names(page: Page) -> list[str]:
    return [text.split(" · ")[0] for text in page.locator("#monitor-runs .run-name").all_inner_texts()]


def test_runs_are_found_ticked_and_compared_and_a_reload_keeps_it_all(
    page: Page, pair: list[RunDirectory]
) -> None:
    first, second = pair
    page.goto("/?tab=monitor")  # as an earlier version called it
    find = page.locator("#monitor-runs .list-search")
    find.fill("knn>")
    expect(page.locator("#monitor-runs .problem")).to_contain_text("says nothing after >")
    find.fill("knn>50 beta")
    expect(page.locator("#monitor-runs .run")).to_have_count(1)
    find.fill("alpha knn<100")
    expect(row(page, first)).to_be_visible()
    expect(row(page, second)).to_have_count(0)
    row(page, first).locator(".run-body").click()
    expect(page.locator("#monitor-head h2")).to_have_text(run_name(first.id))
    find.fill("batch>=20")
    row(page, second).locator(".run-box").check()
    page.wait_for_function(f"{LOSS}?.data?.length === 2")
    colours = page.evaluate(f"{LOSS}.data.map((trace) => trace.line.color)")
    assert len(set(colours)) == 2
    expect(page.locator("#runs-difference tbody")).to_contain_text("Batch size")
    expect(page.locator("#runs-scatter .js-plotly-plot .point").first).to_be_visible()

    # What smoothing leaves of a loss that swings, with the raw line behind; kNN is an evaluation and stays as it is.
    page.locator("#runs-smoothing input").fill("0.9")
    page.wait_for_function(f"{LOSS}.data.length === 4 && Math.abs({LOSS}.data.at(-1).y.at(-1) + 0.5) < 0.1")
    page.locator("#runs-axis label", has_text="Images").click()
    page.wait_for_function(f"{LOSS}.data.at(-1).x.at(-1) === 800")
    page.locator("#runs-legend .legend-run", has_text="beta").click()
    page.wait_for_function(f"{LOSS}.data.filter((trace) => trace.opacity === 0.08).length === 2")

    find.press("Enter")
    expect(page).to_have_url(re.compile(f"(?=.*filter=batch)(?=.*{first.id})(?=.*{second.id})"))
    page.reload()
    expect(page.locator("#monitor-runs .list-search")).to_have_value("batch>=20")
    expect(page.locator("#monitor-head h2")).to_have_text(run_name(first.id))
    expect(row(page, second).locator(".run-box")).to_be_checked()
    again = page.evaluate_handle(f"() => {LOSS}?.data?.map((trace) => trace.line.color)")
    page.wait_for_function(f"{LOSS}?.data?.length >= 2")
    assert set(page.evaluate(f"{LOSS}.data.map((trace) => trace.line.color)")) == set(colours), again


def test_a_note_that_is_not_kept_yet_survives_another_row_and_a_reload(
    page: Page, pair: list[RunDirectory]
) -> None:
    first, second = pair
    page.goto(f"/?tab=runs&runs={first.id}")
    notes, tags = page.locator("#runs-notes textarea"), page.locator("#runs-tags input")
    expect(page.locator("#runs-keep")).to_be_disabled()
    notes.fill("Half a thought")
    row(page, second).locator(".run-body").click()
    expect(page.locator("#monitor-head h2")).to_have_text(run_name(second.id))
    expect(notes).to_have_value("")
    page.reload()
    row(page, first).locator(".run-body").click()
    expect(notes).to_have_value("Half a thought")
    expect(page.locator("#runs-about")).to_contain_text("Not kept yet")
    tags.fill("wide, wide, to repeat")
    page.locator("#runs-keep").click()
    expect(page.locator("#runs-about")).not_to_contain_text("Not kept yet")
    expect(page.locator("#runs-keep")).to_be_disabled()
    assert first.notes() == Notes(tags=("wide", "to repeat"), text="Half a thought")
    page.locator("#monitor-runs .list-search").fill('tag:"to repeat"')
    expect(page.locator("#monitor-runs .run")).to_have_count(1)


def test_rows_take_the_focus_and_keep_it_while_the_list_is_drawn_anew(
    page: Page, server: Server, pair: list[RunDirectory]
) -> None:
    first, second = pair
    page.goto(f"/?tab=runs&runs={second.id}")
    body = row(page, first).locator(".run-body")
    body.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#monitor-head h2")).to_have_text(run_name(first.id))
    newer = server.store.create(tiny(name="newer"), Status(state="stopped"))
    expect(row(page, newer)).to_be_visible()  # as from a terminal, while nothing runs
    expect(body).to_be_focused()
    expect(page.locator("#monitor-head h2")).to_have_text(run_name(first.id))  # and it moves to no newer run
    page.locator("#monitor-runs .list-button", has_text="Table").click()
    heading = page.locator('#monitor-runs .list-heading[data-key="knn"]')
    heading.focus()
    page.keyboard.press("Enter")
    expect(heading).to_contain_text("↓")
    expect(heading).to_be_focused()
    assert [name for name in names(page) if name in ("alpha", "beta")] == ["beta", "alpha"]
    page.locator("#monitor-runs .list-button", has_text="List").click()


def test_ticked_runs_go_into_the_trash_together_and_come_back(page: Page, server: Server) -> None:
    three = [server.store.create(tiny(name=f"bulk-{n}"), Status(state="finished")) for n in range(3)]
    page.goto(f"/?tab=runs&runs={three[0].id}")
    page.locator("#monitor-runs .list-search").fill("bulk")
    expect(page.locator("#monitor-runs .run")).to_have_count(3)
    page.locator("#monitor-runs .list-all .run-box").click()
    expect(page.locator(TICKED)).to_have_count(3 + 1)  # and the box of all
    page.locator("#runs-bulk button", has_text="Move to the trash").click()
    expect(page.locator("#runs-bulk button", has_text="Move them")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#runs-bulk")).to_contain_text("3 runs moved to the trash.")
    expect(page.locator("#monitor-runs .run")).to_have_count(0)
    expect(page.locator("#monitor-runs")).to_contain_text("No run matches that.")
    page.locator("#runs-bulk button", has_text="Bring back").click()
    expect(page.locator("#monitor-runs .run")).to_have_count(3)
    assert {run.id for run in three} <= {run.id for run in server.store.runs()}


def test_a_pointer_over_one_chart_shows_the_values_on_the_others(
    page: Page, pair: list[RunDirectory]
) -> None:
    page.goto(f"/?tab=runs&runs={pair[0].id}")
    plot = page.locator("#monitor-loss .nsewdrag")
    expect(plot).to_be_visible()
    expect(page.locator("#monitor-knn .nsewdrag")).to_be_visible()
    plot.hover()
    expect(page.locator("#monitor-knn .hoverlayer .legend")).to_contain_text("30.0%")


def test_a_copied_run_fills_the_form(page: Page, server: Server) -> None:
    run = server.store.create(tiny(name="cloned", training={"batch_size": 24}), Status(state="paused"))
    assert train(run) == 0
    page.goto(f"/?tab=runs&runs={run.id}")
    page.locator("#monitor-more > button").click()
    page.locator("#monitor-copy").click()
    expect(page.locator("#field-training-batch-size input")).to_have_value("24")
    open_tab(page, "Runs")
    with page.expect_download() as saved:
        page.locator("#monitor-loss .js-plotly-plot").hover()
        page.locator('#monitor-loss .modebar-btn[data-title="Save as SVG"]').click()
    assert saved.value.suggested_filename == "loss.svg"


def test_a_run_that_is_not_here_is_named_above_the_one_that_is_shown(
    page: Page, pair: list[RunDirectory]
) -> None:
    first, _ = pair
    page.goto("/?page=runs&run=nonexistent")
    missing = page.locator("#runs-missing")
    expect(missing).to_contain_text("Not here: “nonexistent”")
    expect(missing).to_contain_text("This is another run.")
    row(page, first).locator(".run-body").click()
    expect(page.locator("#monitor-head h2")).to_have_text(run_name(first.id))
    expect(missing.locator(".problem")).to_have_count(0)
