"""The public API by name: the documented example runs as it stands, and what is wrong comes back as a sentence."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from tiny import TINY, tiny

from simsiam_core.features.worker import InspectionWorker
from simsiam_core.jobs import Scheduler
from simsiam_core.runs import RunStore
from simsiam_core.training.worker import train
from simsiam_core.ui import auth
from simsiam_core.ui.app import build, launch_options
from simsiam_core.ui.context import READ_ONLY, Context

EXAMPLES = re.findall(
    r"```python\n(.*?)```",
    (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8"),
    re.DOTALL,
)
USER = ("ann", "correct horse")


def served(context: Context, **options: Any) -> tuple[Any, str]:
    """A page on a free port, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    page = build(context)
    page.launch(server_port=port, prevent_thread_lock=True, quiet=True, **options, **launch_options())
    return page, f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def worker() -> Iterator[InspectionWorker]:
    with InspectionWorker() as worker:
        yield worker


@pytest.fixture(scope="module")
def address(
    worker: InspectionWorker, tmp_path_factory: pytest.TempPathFactory, warm: object
) -> Iterator[str]:
    store = RunStore(tmp_path_factory.mktemp("endpoints") / "runs")
    with Scheduler(store) as scheduler:
        scheduler.start()
        page, address = served(Context(store, worker, scheduler=scheduler))
        yield address
        page.close()


@pytest.fixture(scope="module")
def looking(
    worker: InspectionWorker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, RunStore]]:
    """A page that asks for a password and only looks, over one trained run."""
    store = RunStore(tmp_path_factory.mktemp("looking") / "runs")
    assert train(store.create(tiny())) == 0
    page, address = served(Context(store, worker), auth=auth.door(":".join(USER), None))
    yield address, store
    page.close()


def test_the_documented_example_runs(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").convert("RGB").save("photo.png")
    first, second = EXAMPLES
    first = first.replace("http://127.0.0.1:7860", address).replace('{"training": {"seed": 1}}', repr(TINY))
    world: dict[str, Any] = {}
    exec(first, world)
    assert world["now"]["state"] == "finished" and world["now"]["progress"] == 1.0
    assert world["now"]["checkpoints"][-1] == "last" and 0 <= world["now"]["knn_accuracy"] <= 1
    assert [line["step"] for line in world["losses"]] == sorted({line["step"] for line in world["losses"]})
    assert all(line.keys() == {"step", "epoch", "time", "train/loss"} for line in world["losses"])
    exec(second, world)
    answer, same, points = world["answer"], world["same"], world["points"]
    assert len(answer["neighbours"]) == 5 and answer["label"] is None
    assert sum(vote["share"] for vote in answer["votes"]) == pytest.approx(1, abs=1e-3)
    assert same["label"] == answer["neighbours"][0]["label"]
    assert answer["neighbours"][0]["id"] not in [found["id"] for found in same["neighbours"]]
    assert points["of"] == 80 == len(points["ids"]) == len(points["coordinates"]) == len(points["labels"])
    later = world["page"].predict(
        world["run"], world["losses"][0]["step"], ["train/loss"], api_name="/metrics"
    )
    assert later["lines"] == world["losses"][1:]


def test_what_is_wrong_is_a_sentence(address: str) -> None:
    page = Client(address, verbose=False)

    def refused(*given: Any, api_name: str, **named: Any) -> str:
        with pytest.raises(AppError) as caught:
            page.predict(*given, api_name=api_name, **named)
        return str(caught.value)

    assert "There is no run 'nobody'" in refused("nobody", api_name="/status")
    assert "Epochs is 0; it must be" in refused({"training": {"epochs": 0}}, api_name="/start")
    assert "settings: Input should be a valid dictionary" in refused([], api_name="/start")
    assert "no preset" in refused({}, "none", api_name="/start").lower()
    assert "k: Input should be a valid integer" in refused("x", "y", "last", "many", api_name="/neighbours")


def test_the_door_and_the_files_of_the_machine_stay_closed(
    looking: tuple[str, RunStore], tmp_path: Path
) -> None:
    address, store = looking
    with pytest.raises(Exception, match=r"Could not fetch config|credentials|401|Unauthorized"):
        Client(address, verbose=False)
    page = Client(address, auth=USER, verbose=False)
    (run,) = page.predict(api_name="/runs")
    assert run["run"] == store.runs()[0].id and run["state"] == "finished"
    with pytest.raises(AppError, match=re.escape(READ_ONLY)):
        page.predict(TINY, api_name="/start")
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8)).save(secret)
    for image in ({"path": str(secret)}, {"path": "/etc/passwd"}, {"no": "path"}, [str(secret)]):
        with pytest.raises(AppError, match=r"must be a file that was uploaded|Input should be"):
            page.predict(run["run"], image, api_name="/neighbours")
    assert page.predict(run["run"], handle_file(str(secret)), k=1, api_name="/neighbours")["neighbours"]
    assert len(store.runs()) == 1
