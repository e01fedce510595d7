from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from simsiam_core.ui.addresses import PageNames, runs_in


async def told(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.url.query)


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ("page=look", ""),
        ("run=x&page=look&image=a%2Fb", "run=x&image=a%2Fb"),
        ("homepage=1", "homepage=1"),
        ("", ""),
    ],
)
def test_the_name_of_a_page_is_kept_from_what_answers(given: str, passed: str) -> None:
    app = Starlette(routes=[Route("/", told)], middleware=[Middleware(PageNames)])
    assert TestClient(app).get(f"/?{given}").text == passed


@pytest.mark.parametrize(
    ("address", "runs"),
    [
        ({}, []),
        ({"run": "a"}, ["a"]),
        ({"run": "a", "checkpoint": "last"}, []),
        ({"runs": "b,,c", "run": "a"}, ["b", "c"]),
    ],
)
def test_an_address_names_the_runs_on_the_charts(address: dict[str, str], runs: list[str]) -> None:
    assert runs_in(address) == runs
