"""A headless client of the dashboard, which uses the same API as gradio's front end."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx

TIMEOUT = 120.0


class CallError(RuntimeError):
    """An error in the server's response to an event; the message is the one the page would show."""


class PageClient:
    """A simulated browser tab: a session, the page's config, uploads and events."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address.rstrip("/"), timeout=TIMEOUT)
        self.session = secrets.token_hex(8)
        self.config: dict[str, Any] = self._http.get("/config").raise_for_status().json()
        self._api = self.config.get("api_prefix", "/gradio_api")
        self._have: dict[str, str] = {}
        self._chosen: dict[str, str] = {}

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def component(self, elem_id: str) -> int:
        """Return the number of the component with that `elem_id`."""
        return next(c["id"] for c in self.config["components"] if c["props"].get("elem_id") == elem_id)

    def functions(self, component: int, event: str) -> list[dict[str, Any]]:
        """Return the functions that an event of a component calls."""
        return [
            d for d in self.config["dependencies"] if [component, event] in [list(t) for t in d["targets"]]
        ]

    def news(self, **asked: Any) -> int:
        """Poll Runs for updates, as `assets/ui/live/updates.js` does; returns the response size in bytes."""
        answer = self._ask(
            "monitor-news", "news", {"chosen": [], "axis": "step", **asked, "have": self._have}
        )
        self._have |= json.loads(answer)["versions"]
        return len(answer)

    def part(self, elem_id: str, **asked: Any) -> Any:
        """Return what one part of Runs shows, whether or not it has changed."""
        answer = self._ask("monitor-news", "news", {"chosen": [], "axis": "step", **asked})
        return json.loads(answer)["parts"][elem_id]

    def notices(self) -> None:
        """Request toasts and the title, as `assets/ui/live/title.js` does."""
        self._ask("page-title", "notices", {})

    def _ask(self, elem_id: str, function: str, data: Any) -> bytes:
        body = {
            "data": data,
            "fn_name": function,
            "component_id": self.component(elem_id),
            "session_hash": self.session,
        }
        return self.post("/component_server", json=body).raise_for_status().content

    def neighbours(self, run_id: str, checkpoint: str, image: bytes) -> float:
        """Upload an image and request its 20 nearest test images; returns the seconds until they are there.

        The network is chosen first, as a person has done who uploads a question. Returns only once the page
        has been told the rest: how far to trust them. Raises CallError.
        """
        network = self._choose(run_id, checkpoint)
        started, seconds, told = time.perf_counter(), None, ""
        for told in self._answers(network, self.upload("noise.png", image), 20):
            if 'class="problem"' in told:
                raise CallError(f"No neighbours: {told[:300]}")
            if seconds is None and "most alike" in told:
                seconds = time.perf_counter() - started
        if seconds is None:
            raise CallError(f"No neighbours: {told[:300]}")
        return seconds

    def ask(self, run_id: str, checkpoint: str, file: dict[str, Any], k: int = 20) -> str:
        """Request the k nearest test images of an uploaded file; returns all that the page is told, as text."""
        return "\n".join(self._answers(self._choose(run_id, checkpoint), file, k))

    def _choose(self, run_id: str, checkpoint: str) -> dict[str, str]:
        """Choose a network in the context bar, where there is one and it is not chosen; returns the choice.

        Dashboards of earlier versions have none, and are measured as well, for comparison with them.
        """
        network = {"run": run_id, "checkpoint": checkpoint, "images": "test"}
        has_bar = any(c["props"].get("elem_id") == "context-bar" for c in self.config["components"])
        if has_bar and network != self._chosen:
            bar = self.component("bar")
            (choose,) = self.functions(bar, "select")
            self.call(choose["id"], [None] * len(choose["inputs"]), event=network, trigger=bar)
            self._chosen = network
        return network

    def _answers(self, network: dict[str, str], file: dict[str, Any], k: int) -> Iterator[str]:
        """Ask for the k nearest test images of an uploaded file; yields what the page is told, as text."""
        given: dict[str, Any] = {f"neighbours-{name}": value for name, value in network.items()}
        given |= {"neighbours-split": "test", "neighbours-k": k, "neighbours-temperature": 0.1}
        given |= {"neighbours-hide": False, "neighbours-beside": [], "neighbours-how": [k, 0.1, False]}
        box = self.component("neighbours-upload")
        (register,) = self.functions(box, "upload")
        ask = next(d for d in self.config["dependencies"] if d["trigger_after"] == register["id"])
        self.call(register["id"], self._values(register, {**given, "neighbours-upload": [file]}), trigger=box)
        yield from map(str, self._outputs(ask["id"], self._values(ask, given), trigger=box))

    def _values(self, function: dict[str, Any], given: dict[str, Any]) -> list[Any]:
        """The inputs of a function, by `elem_id`; what the server keeps for the page is None."""
        names = {c["id"]: str(c["props"].get("elem_id")) for c in self.config["components"]}
        return [given.get(names[number]) for number in function["inputs"]]

    def upload(self, name: str, content: bytes, kind: str = "image/png") -> dict[str, Any]:
        """Upload a file; returns its value for use in an event."""
        answer = self._http.post(f"{self._api}/upload", files={"files": (name, content, kind)})
        answer.raise_for_status()
        path = answer.json()[0]
        return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    def post(self, path: str, **options: Any) -> httpx.Response:
        """Send a POST request below the API path."""
        return self._http.post(f"{self._api}{path}", **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Send a GET request."""
        return self._http.get(path, **options)

    def call(self, function: int, data: list[Any], event: Any = None, trigger: int | None = None) -> Any:
        """Run an event to its end and return its output. Raises CallError."""
        *_, last = self._outputs(function, data, event, trigger)
        return last

    def _outputs(
        self, function: int, data: list[Any], event: Any = None, trigger: int | None = None
    ) -> Iterator[Any]:
        """Run an event to its end; yields its output as often as it has one."""
        body = {
            "data": data,
            "fn_index": function,
            "session_hash": self.session,
            "event_data": event,
            "trigger_id": trigger,
        }
        joined = self.post("/queue/join", json=body)
        if joined.status_code >= 400:
            raise CallError(f"{joined.status_code}: {joined.text[:300]}")
        wanted = joined.json()["event_id"]
        for message in self._messages():
            if message.get("event_id") != wanted or not message["msg"].startswith("process_"):
                continue
            if not message.get("success", True):
                raise CallError(str(message["output"].get("error")))
            if "output" in message:
                yield message["output"]
            if message["msg"] == "process_completed":
                return
        raise CallError("The stream ended without an answer.")

    def _messages(self) -> Iterator[dict[str, Any]]:
        query = {"session_hash": self.session}
        with self._http.stream("GET", f"{self._api}/queue/data", params=query) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    yield json.loads(line[5:])
