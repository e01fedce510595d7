"""What the page shows is what is on disk: in every tab of the browser, within two seconds, and when it is broken."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import time
from pathlib import Path
from statistics import median

import pytest
from playwright.sync_api import Browser, Page, expect
from tiny import tiny

from simsiam_core.runs import RunDirectory, Status
from simsiam_core.runs.processes import process_identity

from .conftest import Server
from .test_dashboard import LOSS, POINTS, open_tab, png

TOASTS = ".toast-body"


@pytest.fixture
def followed(server: Server) -> RunDirectory:
    """A run that says it is running, by the hand of this test."""
    run = server.store.create(tiny(name="followed"), Status(state="paused"))  # not to be started by the queue
    pid, started = process_identity(os.getpid())
    run.update_status(
        state="running",
        pid=pid,
        pid_started=started,
        host=socket.gethostname(),
        started=time.time(),
        total_steps=100,
    )
    write_loss(run, 1, 2)
    yield run
    run.update_status(state="finished", ended=time.time())


@pytest.fixture(scope="session")
def trained(server: Server) -> RunDirectory:
    """A run with checkpoints, trained in this process."""
    from simsiam_core.training.worker import train

    run = server.store.create(tiny(name="trained"), Status(state="paused"))
    assert train(run) == 0
    return run


def write_loss(run: RunDirectory, *steps: int, std: float = 0.9) -> None:
    with run.metrics_path.open("a") as file:
        for step in steps:
            line = {"step": step, "epoch": 0, "time": time.time(), "train/loss": -step / 100}
            file.write(json.dumps(line | {"representation/std": std}) + "\n")


@pytest.mark.timed
def test_a_line_of_the_metrics_is_on_the_chart_within_two_seconds(page: Page, followed: RunDirectory) -> None:
    page.goto(f"/?tab=monitor&run={followed.id}")
    page.wait_for_function(f"({POINTS}) === 2")
    seconds = []
    for count in (3, 4, 5):
        written = time.monotonic()
        write_loss(followed, count)
        page.wait_for_function(f"({POINTS}) === {count}", polling=50)
        seconds.append(time.monotonic() - written)
    assert median(seconds) < 2, seconds  # the median: other work on this machine may hold one up
    assert page.evaluate(f"document.querySelector('{LOSS}').data[0].y") == [-0.01, -0.02, -0.03, -0.04, -0.05]


def test_a_second_tab_shows_the_same_truth(page: Page, server: Server, followed: RunDirectory) -> None:
    page.goto(f"/?tab=monitor&run={followed.id}")
    other = page.context.new_page()
    other.goto("/")
    open_tab(other, "Runs")
    row = f'#monitor-runs .run[data-id="{followed.id}"]'
    for tab in (page, other):
        expect(tab.locator(f"{row} .run-state")).to_have_text("running")
        expect(tab.locator("#monitor-head")).to_contain_text("0 of 100")
    followed.update_status(step=40)
    for tab in (page, other):
        expect(tab.locator("#monitor-head")).to_contain_text("40 of 100")
        expect(tab.locator(f"{row} .run-detail")).to_contain_text("40%")
    followed.update_status(state="failed", error="The disk is full.", ended=time.time())
    for tab in (page, other):
        expect(tab.locator(f"{row} .run-state")).to_have_text("failed")
        expect(tab.locator("#monitor-head .problem")).to_have_text("The disk is full.")
    other.reload()
    expect(other.locator(f"{row} .run-state")).to_have_text("failed")


def test_a_collapse_is_told_in_words_on_every_tab(page: Page, followed: RunDirectory) -> None:
    page.goto("/?tab=train")
    expect(page).to_have_title(re.compile("^0% followed"))
    write_loss(followed, *range(3, 30), std=0.03)
    expect(page.locator(TOASTS)).to_contain_text("looks collapsed: its representation std fell to 0.03")
    page.goto(f"/?tab=monitor&run={followed.id}")
    words = "per-dimension std is 3% of a healthy value since step 3; loss near −1 is not success"
    expect(page.locator("#monitor-collapse")).to_contain_text(words)
    write_loss(followed, 30)
    expect(page.locator("#monitor-collapse")).to_have_count(0)


def test_a_run_whose_images_are_gone_says_so_where_it_is_asked(
    page: Page, server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    gone = tiny(name="gone", data={"source": "folder", "path": str(folder)})
    run = server.store.create(gone, Status(state="stopped"))
    page.goto(f"/?tab=monitor&run={run.id}")
    page.locator("#monitor-resume").click()
    expect(page.locator("#monitor-head .run-state")).to_have_text("failed")
    expect(page.locator("#monitor-head .problem")).to_contain_text(f"There is no folder {folder}")


def test_no_tab_is_wider_than_a_small_window(page: Page, trained: RunDirectory) -> None:
    page.set_viewport_size({"width": 800, "height": 700})
    page.goto(f"/?tab=train&run={trained.id}")
    for tab in ("Train", "Runs", "Look", "Check data", "Evaluate"):
        open_tab(page, tab)
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        page.wait_for_function("document.documentElement.scrollWidth <= 800")


def test_a_run_that_cannot_be_stopped_says_so_in_place(page: Page, followed: RunDirectory) -> None:
    followed.update_status(host="another-machine")
    page.goto(f"/?tab=monitor&run={followed.id}")
    expect(page.locator("#monitor-stop")).to_be_enabled()
    page.locator("#monitor-stop").click()
    expect(page.locator("#monitor-message")).to_contain_text("on the machine another-machine; stop it there")
    expect(page.locator("#monitor-stop")).to_be_enabled()
    expect(page.locator("#monitor-stop")).to_have_text("Stop")


def test_a_corrupt_checkpoint_is_told_and_the_server_lives(
    page: Page, server: Server, tmp_path: Path
) -> None:
    run = server.store.create(tiny(name="corrupt"), Status(state="paused"))
    (run.checkpoints_dir / "last.ckpt").write_bytes(b"no checkpoint at all")
    run.update_status(state="finished", ended=time.time())
    page.goto(f"/?run={run.id}")
    open_tab(page, "Look")
    expect(page.locator("#neighbours-grid .card")).to_have_count(20, timeout=60_000)
    page.locator("#neighbours-upload input[type=file]").set_input_files(png(tmp_path))
    expect(page.locator("#neighbours-message .problem")).to_contain_text("last.ckpt", timeout=60_000)
    expect(page.locator("#neighbours-gallery .card")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("tab", name="Look")).to_have_attribute("aria-selected", "true")
    open_tab(page, "Runs")
    expect(page.locator(f'#monitor-runs .run[data-id="{run.id}"]')).to_be_visible()


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_an_image_is_dropped_or_pasted(page: Page, trained: RunDirectory, tmp_path: Path, way: str) -> None:
    page.goto(f"/?run={trained.id}")
    open_tab(page, "Look")
    expect(page.locator("#neighbours-grid .card")).to_have_count(20, timeout=60_000)
    page.evaluate(
        """([way, content]) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "stripes.png", { type: "image/png" }));
            const zone = document.querySelector("#neighbours-upload .image-upload");
            const event = way === "drop"
                ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
                : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
            (way === "drop" ? zone : document.body).dispatchEvent(event);
        }""",
        [way, base64.b64encode(png(tmp_path).read_bytes()).decode()],
    )
    expect(page.locator("#neighbours-gallery .card")).to_have_count(20, timeout=60_000)
    expect(page.locator("#neighbours-upload")).to_contain_text("stripes.png")


def test_a_server_that_does_not_answer_is_told_until_it_does(browser: Browser, server: Server) -> None:
    page = browser.new_page(base_url=server.address)
    page.set_default_timeout(60_000)
    page.goto("/?tab=monitor")
    trouble = page.locator("#page-connection .problem")
    expect(page.locator("#monitor-head")).to_be_visible()
    expect(trouble).to_be_hidden()
    page.route("**/component_server/**", lambda route: route.abort())
    expect(trouble).to_contain_text("does not answer. Training goes on without it")
    page.unroute("**/component_server/**")
    expect(trouble).to_be_hidden()
    page.close()
