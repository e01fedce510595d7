"""A page on another site tries to use the dashboard, by DNS rebinding or by requests across sites."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from simsiam_core.features.worker import InspectionWorker
from simsiam_core.runs import RunStore
from simsiam_core.ui import server
from simsiam_core.ui.app import build, launch_options
from simsiam_core.ui.context import Context
from simsiam_core.ui.hosts import Hosts, hostname, own_name

EVIL = "rebound.example"
CLIENT = httpx.Client(timeout=30, verify=False)  # a context for TLS takes a while to make
REFUSED = "does not answer to the name"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    """The page as `dashboard.py` launches it, with a name that was allowed, and its app."""
    with InspectionWorker("") as worker, socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        probe.close()
        page = build(Context(RunStore(tmp_path_factory.mktemp("runs")), worker))
        options = launch_options(Hosts("127.0.0.1", ("lab.example.org",)))
        app, _, _ = page.launch(prevent_thread_lock=True, quiet=True, server_port=port, **options)
        yield f"http://127.0.0.1:{port}", app
        page.close()


def endpoints(app: Any) -> list[tuple[str, str]]:
    """Every method and path that the server knows, those of included routers too."""
    routes = [*app.routes]
    for route in routes:
        routes += getattr(getattr(route, "original_router", None), "routes", [])
    known = [route for route in routes if isinstance(route, Route)]
    paths = [(method, re.sub(r"{.*?}", "x", r.path)) for r in known for method in sorted(r.methods or ())]
    for needed in ("/config", "/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/component_server"):
        assert needed in [path for _, path in paths]
    return paths


def ask(address: str, method: str, path: str, headers: dict[str, str], **options: Any) -> tuple[int, str]:
    with CLIENT.stream(method, address + path, headers=headers, **options) as answer:
        # An answer that is in order may be a stream that never ends.
        text = "" if answer.status_code == 200 else answer.read().decode(errors="replace")
        return answer.status_code, text


def test_no_endpoint_answers_under_another_name(served: tuple[str, Any]) -> None:
    """DNS rebinding: any Host header was answered."""
    address, app = served
    for method, path in endpoints(app):
        status, text = ask(address, method, path, {"Host": f"{EVIL}:7860"})
        assert status == 400, (method, path)
        assert REFUSED in text or method == "HEAD", (method, path)


def test_uploads_and_event_streams_are_refused_too(served: tuple[str, Any]) -> None:
    """DNS rebinding: uploads and server-sent events."""
    evil, own = {"Host": EVIL}, {"Host": "LAB.example.org.:443"}
    upload = {"files": {"files": ("a.png", b"x")}}
    assert ask(served[0], "POST", "/gradio_api/upload", evil, **upload)[0] == 400
    assert ask(served[0], "POST", "/gradio_api/upload", own, **upload)[0] == 200
    for path in ("/gradio_api/heartbeat/x", "/gradio_api/queue/data?session_hash=x"):
        assert ask(served[0], "GET", path, evil)[0] == 400
    assert ask(served[0], "GET", "/gradio_api/heartbeat/x", own)[0] == 200


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:1", "localhost", "LOCALHOST:80", "localhost.", "app.localhost", "[::1]:7860", "127.8.8.8",
     "[::ffff:127.0.0.1]", "lab.example.org"],
)  # fmt: skip
def test_the_page_answers_to_its_own_names(served: tuple[str, Any], host: str) -> None:
    """Loopback names and addresses and --allowed-host, whatever the port."""
    assert ask(served[0], "GET", "/config", {"Host": host})[0] == 200


@pytest.mark.parametrize(
    "host",
    [EVIL, "127.0.0.1.rebound.example", "localhost.rebound.example", "127.0.0.1@rebound.example", "user@127.0.0.1",
     "rebound.example#localhost", "rebound.example/localhost", "xlocalhost", "192.168.0.1", "0.0.0.0", "[::]",
     "[fe80::1%25eth0]", "", "127.0.0.1:x", "[127.0.0.1", "::1", "lab.example.org.rebound.example", "xlab.example.org",
     "2130706433"],
)  # fmt: skip
def test_names_that_only_look_like_its_own_are_refused(served: tuple[str, Any], host: str) -> None:
    """Parsing tricks: user info, fragments, suffixes, zones, brackets."""
    forwarded = {"X-Forwarded-Host": "localhost", "Forwarded": "host=localhost", "X-Host": "localhost"}
    assert ask(served[0], "GET", "/config", {"Host": host, **forwarded})[0] == 400


def raw(address: str, *headers: str) -> int:
    port = int(address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall("\r\n".join(["GET /config HTTP/1.1", *headers, "Connection: close", "", ""]).encode())
        return int(line.recv(64).split()[1])


def test_a_missing_or_second_host_is_refused(served: tuple[str, Any]) -> None:
    """Headers that no client library sends."""
    assert raw(served[0], "Host: localhost") == 200
    assert raw(served[0]) == 400
    assert raw(served[0], "Host:  ") == 400
    assert raw(served[0], "Host: localhost", f"Host: {EVIL}") == 400
    assert raw(served[0], f"Host: {EVIL}", "Host: localhost") == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://rebound.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost.rebound.example"}, 403),
        ({"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://rebound.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://127.0.0.1:7860"}, 200),
        ({"Origin": "https://lab.example.org"}, 200),
        ({"Origin": "https://behind.example", "X-Forwarded-Host": "behind.example"}, 200),
        ({"Origin": "https://behind.example", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 200),  # a link from another site: no Origin
    ],
)
def test_pages_of_other_sites_cannot_call_it(
    served: tuple[str, Any], headers: dict[str, str], status: int
) -> None:
    """Requests across sites, which a browser sends without asking when they are simple ones."""
    assert ask(served[0], "GET", "/config", headers)[0] == status
    upload = {"files": {"files": ("a.png", b"x")}}
    assert ask(served[0], "POST", "/gradio_api/upload", headers, **upload)[0] == status


def test_on_all_addresses_numbers_pass_and_names_need_the_flag() -> None:
    """--host 0.0.0.0 or ::."""
    for host in ("0.0.0.0", "::", ""):
        hosts = Hosts(host, ("lab.example.org", "fd00::7"))
        for given in (
            "192.168.1.5:7860",
            "[fd00::7]",
            "[fe80::1%eth0]:80",
            "8.8.8.8",
            "localhost",
            "lab.example.org",
        ):
            assert hosts.accept(str(hostname(given))), (host, given)
        assert not hosts.accept(EVIL)
    assert Hosts("box.lan").accept("box.lan")
    assert not Hosts("192.168.1.5").accept("192.168.1.6")


@pytest.mark.parametrize("given", ["http://lab.example.org", "*", "a b", "", "lab.example.org/x", "me@lab"])
def test_an_allowed_host_is_a_name(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--allowed-host with an address line or a pattern would never match: it is refused."""
    with pytest.raises(SystemExit):
        server.main(["--allowed-host", given])
    assert "--allowed-host" in capsys.readouterr().err
    assert own_name("LAB.example.org:8443") == "lab.example.org"
    assert own_name("fd00::0007") == "fd00::7"
