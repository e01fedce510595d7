"""The address of a page: what it names, and where gradio would read it as its own."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

PAGE = b"page="


def runs_in(address: Mapping[str, str]) -> list[str]:
    """Return the ids of the runs on the charts that an address names, as typed: none of them need be here.

    A `run` beside no checkpoint is a link to that run; beside one it is the context bar's.
    """
    named = address.get("runs") or ("" if "checkpoint" in address else address.get("run", ""))
    return [run_id for run_id in named.split(",") if run_id]


class PageNames:
    """Keeps `page` in an address from gradio, which answers with an error for pages that it does not know.

    The name is for the script that opens the page (assets/ui/components/link.js).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on without the name."""
        if scope["type"] == "http" and PAGE in scope["query_string"]:
            others = [pair for pair in scope["query_string"].split(b"&") if not pair.startswith(PAGE)]
            scope = {**scope, "query_string": b"&".join(others)}
        await self._app(scope, receive, send)
