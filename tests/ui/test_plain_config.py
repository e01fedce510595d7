from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from simsiam_core.ui.plain_config import PlainConfig

PAGE = "<html><head><script>window.gradio_config = {}</script></head><body>é</body></html>"
FILE = "<html><head><title>A map</title></head></html>"


def answer(response: Response) -> Response:
    async def give(request: Request) -> Response:
        return response

    app = Starlette(routes=[Route("/", give)], middleware=[Middleware(PlainConfig)])
    return TestClient(app).get("/")


def test_a_page_has_the_script_at_the_end_of_its_head() -> None:
    found = answer(HTMLResponse(PAGE))
    assert found.text.startswith("<html><head><script>window.gradio_config = {}</script><script>//")
    assert "setPrototypeOf" in found.text
    assert found.text.endswith("}\n</script></head><body>é</body></html>")
    assert int(found.headers["content-length"]) == len(found.content)


@pytest.mark.parametrize(
    "response",
    [
        PlainTextResponse(PAGE),
        HTMLResponse("<p>no head</p>"),
        HTMLResponse(FILE),
        HTMLResponse(""),
        StreamingResponse(iter([PAGE, "more"]), media_type="text/html"),
    ],
    ids=["no page", "no head", "a file", "empty", "in parts"],
)
def test_all_else_is_as_it_was(response: Response) -> None:
    text = answer(response).text
    assert "setPrototypeOf" not in text
    assert text in (PAGE, "<p>no head</p>", FILE, "", f"{PAGE}more")
