"""The doors: hostile uploads, hostile calls to every endpoint, paths that lead out, and passwords."""

from __future__ import annotations

import io
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tiny import tiny

from simsiam_core.bench.client import CallError, PageClient
from simsiam_core.cli import main
from simsiam_core.config import ConfigError
from simsiam_core.data import ImageError, read_image
from simsiam_core.features.worker import InspectionWorker
from simsiam_core.jobs import Scheduler
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.ui import auth, server
from simsiam_core.ui.app import build, launch_options
from simsiam_core.ui.context import Context

from .conftest import Trainers, free_port
from .mutations import CALLS, SECRET, calls, images, mutated, strings

MUTATIONS = int(os.environ.get("SIMSIAM_MUTATIONS", "1000"))
WHOLE_WAY = int(os.environ.get("SIMSIAM_UPLOADS", "40"))  # of the uploads, through server and worker
ASKERS = 6  # pages that call at once


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outside of everything that a client may read, with a secret in it."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "canary.txt").write_text(SECRET)
    (folder / "canary.ckpt").write_text(SECRET)
    (folder / "canary.yaml").write_text(f"name: {SECRET}")
    return folder


@pytest.fixture(scope="module")
def served(folder: Path, trainers: Trainers) -> Iterator[tuple[str, RunDirectory]]:
    """A page over one trained run; its scheduler starts nothing, so that calls may queue what they like."""
    store = RunStore(folder / "runs")
    run = store.create(tiny(training={"epochs": 1}))
    trainers.train(run)
    with InspectionWorker() as worker, Scheduler(store) as scheduler:
        page = build(Context(store, worker, scheduler=scheduler))
        options: dict[str, Any] = {"prevent_thread_lock": True, "quiet": True, "server_port": free_port()}
        # A smaller limit than the page's own, so that a test can go beyond it.
        limited = {**launch_options(), "max_file_size": "20mb"}
        page.launch(root_path="/behind/proxy", **options, **limited)
        yield f"http://127.0.0.1:{options['server_port']}", run
        page.close()


# --- uploads ------------------------------------------------------------------------------------------


def test_a_thousand_mutated_images_are_read_or_refused_with_a_sentence() -> None:
    dice, good, read = random.Random(0), images(), 0
    sentences = set()
    for _ in range(MUTATIONS):
        try:
            shape = read_image(mutated(dice, good), 16).shape
        except ImageError as error:
            sentences.add(str(error))
        else:
            read += shape == (3, 16, 16)
    assert all(10 < len(sentence) < 400 for sentence in sentences)
    assert MUTATIONS * 0.2 < read < MUTATIONS * 0.9, "the mutations are too harmless or too coarse"


def test_mutated_uploads_through_server_and_worker(served: tuple[str, RunDirectory]) -> None:
    address, run = served
    page = PageClient(address)
    dice, good, answers = random.Random(1), images(), []
    for number in range(WHOLE_WAY):
        content = mutated(dice, good) or b"x"
        name = dice.choice(("a.png", "../../a.png", "a.exe", "a" * 300 + ".jpg", "x.ckpt", "ü\u202e.gif"))
        file = page.upload(name, content, dice.choice(("image/png", "text/html", "application/x-python")))
        answers.append(page.ask(run.id, "last", file, k=3))
        assert "Traceback" not in answers[-1], number
    assert any("most alike" in answer for answer in answers)
    assert any('class="problem"' in answer for answer in answers)


def test_an_upload_that_is_too_large_is_refused(served: tuple[str, RunDirectory]) -> None:
    page = PageClient(served[0])
    with pytest.raises(httpx.HTTPStatusError) as caught:
        page.upload("large.png", b"x" * (21 * 2**20))
    assert caught.value.response.status_code == 413


# --- calls --------------------------------------------------------------------------------------------


def test_mutated_calls_to_every_endpoint(served: tuple[str, RunDirectory], folder: Path) -> None:
    """Every event of the page is an endpoint. No 5xx, no traceback, nothing read that lies outside."""
    address, run = served
    functions = [d for d in PageClient(address).config["dependencies"] if d["backend_fn"]]
    waiting, lock = calls(functions, folder), threading.Lock()
    answers: list[tuple[bool, str, tuple[dict, list[Any], Any]]] = []

    def ask() -> None:
        page = PageClient(address)
        while True:
            with lock:
                call = next(waiting, None)
            if call is None:
                return
            function, data, event = call
            try:
                trigger = (None, 3, 10**9)[len(answers) % 3]
                answers.append((True, str(page.call(function["id"], data, event, trigger=trigger)), call))
            except CallError as error:
                answers.append((False, str(error), call))

    askers = [threading.Thread(target=ask) for _ in range(ASKERS)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(answers) >= CALLS, "a page was left without an answer"
    assert {call[0]["id"] for _, _, call in answers} == {f["id"] for f in functions}
    for answered, text, (function, data, _) in answers:
        assert answered or not text.startswith("5"), (function["id"], data, text)
        assert "Traceback" not in text, (function["id"], data)
        assert SECRET not in text, (function["id"], data)
        assert "root:x:0" not in text, (function["id"], data)
    assert len(answers) * 0.1 < sum(answered for answered, _, _ in answers) < len(answers) * 0.95
    assert PageClient(address).get("/config").status_code == 200, "the server is up"
    # A call that is in order may have moved the run to the trash, as a click would: it is there or here.
    store = RunStore(folder / "runs")
    (kept,) = [r for r in (*store.runs(), *store.trashed()) if r.id == run.id]
    assert kept.status().state == "finished"
    assert (folder / "canary.txt").read_text() == SECRET


PLACES = (
    "/gradio_api/file={}",
    "/gradio_api/file/{}",
    "/file={}",
    "/static/{}",
    "/assets/{}",
    "/svelte/{}",
    "/gradio_api/proxy={}",
    "/custom_component/{}/client/component/index.js",
    "/custom_component/x/client/component/{}",
    "/gradio_api/stream/{}/1/1/playlist.m3u8",
    "/gradio_api/queue/data?session_hash={}",
    "/gradio_api/call/{}/1",
    "/gradio_api/deep_link?session_hash={}",
    "/monitoring/{}",
    "/pwa_icon/{}",
    "/?run={}&tab=map",
    "/theme.css?x={}",
)


def test_no_path_leads_out(served: tuple[str, RunDirectory], folder: Path) -> None:
    address, run = served
    client = httpx.Client(base_url=address, timeout=20)
    inside = [str(run.path / "config.yaml"), str(run.path / "checkpoints" / "last.ckpt"), "dashboard.py"]
    troubles = []
    for place in PLACES:
        if "queue/data" in place:
            continue  # a stream that waits; its session is asked for above
        for string in [*strings(folder)[:11], *inside]:
            try:
                answer = client.get(place.format(string))
            except (httpx.InvalidURL, UnicodeEncodeError, httpx.RemoteProtocolError):
                continue  # no address, or gradio hangs up on it
            if answer.status_code >= 500:
                troubles.append((place, string[:40], answer.status_code))
            assert SECRET not in answer.text, (place, string)
            assert "root:x:0" not in answer.text, (place, string)
            assert "schema_version" not in answer.text or place.startswith("/?"), (place, string)
    assert not troubles


def test_the_page_knows_its_prefix_behind_a_proxy(served: tuple[str, RunDirectory]) -> None:
    assert PageClient(served[0]).config["root"].endswith("/behind/proxy")


# --- passwords ----------------------------------------------------------------------------------------


def test_without_the_password_nothing_is_shown(folder: Path) -> None:
    check = auth.door("ann:correct horse", None)
    with InspectionWorker("") as worker:
        page = build(Context(RunStore(folder / "runs"), worker))
        options: dict[str, Any] = {"prevent_thread_lock": True, "quiet": True, "server_port": free_port()}
        page.launch(auth=check, **options, **launch_options())
        try:
            client = httpx.Client(base_url=f"http://127.0.0.1:{options['server_port']}")
            for place in (
                "/config",
                "/gradio_api/info",
                "/gradio_api/queue/data?session_hash=x",
                "/gradio_api/file=x",
            ):
                assert client.get(place).status_code == 401, place
            assert client.post("/gradio_api/queue/join", json={"data": [], "fn_index": 0}).status_code == 401
            assert client.post("/gradio_api/upload", files={"files": ("a.png", b"x")}).status_code == 401
            assert "monitor-stop" not in client.get("/").text
            for name, password in (("ann", "wrong"), ("bob", "correct horse"), ("", ""), ("ann", "")):
                assert client.post("/login", data={"username": name, "password": password}).status_code >= 400
            assert (
                client.post("/login", data={"username": "ann", "password": "correct horse"}).status_code
                == 200
            )
            assert client.get("/config").status_code == 200
        finally:
            page.close()


def test_users_stand_in_a_file_as_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "users"
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert main(["users", "add", str(file), "ann"]) == 0
    assert "correct" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    check = auth.door(None, file)
    assert check is not None
    assert check("ann", "correct horse")
    assert not check("ann", "correct house")
    assert not check("eve", "correct horse")
    assert main(["users", "remove", str(file), "ann"]) == 0
    with pytest.raises(ConfigError, match="names no user"):
        auth.door(None, file)
    file.write_text("ann:correct horse")
    with pytest.raises(ConfigError, match="no file of users"):
        auth.door(None, file)


def test_the_environment_may_hold_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    assert auth.door(None, None) is None
    monkeypatch.setenv(auth.AUTH_VARIABLE, "ann:secret")
    check = auth.door(None, None)
    assert check is not None
    assert check("ann", "secret")
    monkeypatch.setenv(auth.AUTH_VARIABLE, "no colon")
    with pytest.raises(ConfigError, match="USER:PASSWORD"):
        auth.door(None, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_other_addresses_need_a_password(host: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert server.main(["--host", host, "--runs-dir", str(tmp_path), "--no-browser", "--no-bundled"]) == 2
    assert "--auth" in capsys.readouterr().err


def test_a_second_dashboard_is_refused_and_read_only_is_named(
    store: RunStore, capsys: pytest.CaptureFixture
) -> None:
    with Scheduler(store) as first:
        first.describe("http://127.0.0.1:7860/")
        assert (
            server.main(
                ["--runs-dir", str(store.path), "--no-browser", "--no-bundled", "--port", str(free_port())]
            )
            == 2
        )
        said = capsys.readouterr().err
    assert "http://127.0.0.1:7860/" in said
    assert "--read-only" in said
