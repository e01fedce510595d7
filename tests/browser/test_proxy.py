"""A dashboard that only looks, seen through a reverse proxy that gives it a prefix."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from tiny import tiny

from simsiam_core.jobs import Scheduler
from simsiam_core.runs import RunStore, Status

from .conftest import ROOT, _address, free_port, watched

PREFIX = "/lab/simsiam"
HOP_BY_HOP = ("content-length", "transfer-encoding", "content-encoding", "connection")


def proxy(behind: str) -> Starlette:
    """Takes the prefix off and passes on, as nginx would with `proxy_pass`."""
    # A new connection for each request, as nginx does: the server may just be closing one that is kept.
    limits = httpx.Limits(max_keepalive_connections=0)
    client = httpx.AsyncClient(base_url=behind, timeout=None, limits=limits)

    async def forward(request: Request) -> Response:
        path = request.url.path.removeprefix(PREFIX) or "/"
        query = request.url.query.encode()
        onward = client.build_request(
            request.method,
            httpx.URL(path=path, query=query),
            headers=request.headers.raw,
            content=await request.body(),
        )
        answer = await client.send(onward, stream=True)

        async def body() -> AsyncIterator[bytes]:
            async for part in answer.aiter_bytes():
                yield part

        headers = {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP}
        return StreamingResponse(
            body(), answer.status_code, headers, background=BackgroundTask(answer.aclose)
        )

    routes = [
        Route(PREFIX + "{path:path}", forward, methods=["GET", "POST", "HEAD"]),
        Route("/favicon.ico", lambda _: Response(status_code=204)),  # every browser asks the host for it
    ]
    return Starlette(routes=routes)


@pytest.fixture
def outside(store: RunStore, tmp_path: Path) -> Iterator[str]:
    """The address of the proxy; another scheduler holds the folder of runs meanwhile."""
    run = store.create(tiny(name="watched"), Status(state="paused"))
    port, log = free_port(), tmp_path / "server.log"
    flags = ["--read-only", "--root-path", PREFIX, "--port", str(port), "--runs-dir", str(store.path)]
    with Scheduler(store) as elsewhere, log.open("wb") as file:
        elsewhere.queue.refresh()
        program = [sys.executable, "dashboard.py", "--no-browser", "--no-bundled", *flags]
        process = subprocess.Popen(program, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)
        here = free_port()
        front = uvicorn.Server(
            uvicorn.Config(proxy(f"http://127.0.0.1:{port}"), port=here, log_level="error")
        )
        thread = threading.Thread(target=front.run, daemon=True)
        try:
            _address(process, log)
            thread.start()
            while not front.started:
                time.sleep(0.05)
            yield f"http://127.0.0.1:{here}{PREFIX}/?tab=monitor&run={run.id}"
        finally:
            front.should_exit = True
            process.terminate()
            process.wait(20)
            thread.join(20)


def test_behind_a_prefix_it_looks_and_changes_nothing(
    browser: Browser, outside: str, store: RunStore
) -> None:
    page = browser.new_page()
    page.set_default_timeout(30_000)
    troubles, elsewhere = watched(page), []
    page.on(
        "request", lambda r: elsewhere.append(r.url) if PREFIX not in r.url and "data:" not in r.url else None
    )
    page.goto(outside)
    expect(page.locator("#monitor-head")).to_contain_text("it keeps its place and waits for Resume")
    page.locator("#monitor-resume").click()
    expect(page.locator("#monitor-message")).to_contain_text("This dashboard only looks (--read-only)")
    expect(page.locator("#monitor-queue .queue-button")).to_have_count(0)
    page.locator("#monitor-more > button").click()
    page.locator("#monitor-extend").click()
    expect(page.locator("#monitor-more-message")).to_contain_text("only looks")
    assert store.runs()[0].status().state == "paused"
    page.close()
    assert not troubles
    assert not elsewhere, "these leave the prefix"
