"""A real server on a free loopback port, over a folder of its own, and a real browser that looks at it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import psutil
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright
from warm import Warm

from simsiam_core.bench.chromium import FLAGS, find_chromium
from simsiam_core.jobs import stop
from simsiam_core.model.bundled import install
from simsiam_core.runs import RunDirectory, RunStore

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 180  # of a busy machine
# gradio's words about a request that was cut off, as every reload does; they may come before it is heard of.
CUT_OFF = ("AbortError: signal is aborted", "Unexpected error Connection errored out")
# gradio's own words about an exception, which stand in no console; not those of a page that is being left.
SAY_TOASTS = """
new MutationObserver(() => {
  for (const toast of document.querySelectorAll(".toast-body.error:not([data-heard])")) {
    toast.dataset.heard = "yes";
    const leaving = /Connection (to the server was lost|errored out)/.test(toast.innerText);
    if (!leaving) console.error(`toast: ${toast.innerText}`);
  }
}).observe(document, { childList: true, subtree: true });
"""
expect.set_options(timeout=60_000)  # of a busy machine; what is timed says its own limit


@dataclass(frozen=True)
class Server:
    """Where the dashboard answers, and what it was started with."""

    address: str
    store: RunStore


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    with sync_playwright() as playwright:
        bundled = Path(playwright.chromium.executable_path)
        if program is None and not bundled.exists():
            sentence = "No Chromium here; install it, or run `playwright install chromium`."
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(sentence)
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Iterator[Server]:
    warm.have("umap")  # which takes longer than all else that the workers of the page import
    folder = tmp_path_factory.mktemp("dashboard")
    log, store = folder / "server.log", RunStore(folder / "runs")
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                sys.executable,
                "dashboard.py",
                "--no-browser",
                "--no-bundled",
                "--port",
                str(free_port()),
                "--runs-dir",
                str(folder / "runs"),
            ],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "SIMSIAM_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"},
        )
    try:
        yield Server(_address(process, log), store)
    finally:
        for run in store.runs():
            if run.status().active:
                stop(run, timeout=20)
        process.terminate()
        psutil.wait_procs([psutil.Process(process.pid)], timeout=10)
        process.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"dashboard: (http://\S+)", log.read_text()):
            return found[1]
        time.sleep(0.1)
    pytest.fail(f"The server did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def network(server: Server) -> Iterator[RunDirectory]:
    """The bundled network, alone in the folder of runs."""
    run = install(server.store)
    assert run is not None
    yield run
    shutil.rmtree(run.path)


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page that fails its test for an error in the console or a request that leaves this machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=server.address)
    page = context.new_page()
    page.set_default_timeout(60_000)
    troubles = watched(page)
    yield page
    seen = list(troubles)  # a page that closes cuts off its own requests
    context.close()
    assert not seen


def watched(page: Page) -> list[str]:
    """What goes wrong in a page, as it is noticed: errors in console and toasts, requests that leave this machine."""
    troubles: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(CUT_OFF):
            troubles.append(f"console: {message.text} ({message.location.get('url')})")

    def look(request: Request) -> None:
        if _outside(request.url):
            troubles.append(f"outside: {request.url}")

    page.add_init_script(SAY_TOASTS)
    page.on("console", hear)
    page.on("pageerror", lambda error: troubles.append(f"page error: {error}"))
    page.on("request", look)
    return troubles


def _outside(url: str) -> bool:
    return urlparse(url).hostname not in (None, "", "127.0.0.1", "localhost")
