"""gradio's config as plain values in the browser, so that pages open sooner.

The config is the state of a Svelte component, so its arrays and objects are proxies that note who reads them
(https://svelte.dev/docs/svelte/$state#Deep-state), though nothing in them ever changes. Reading them is slow, and
gradio reads all events for each component. Its own `head` is added after that, so the page itself is changed here.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simsiam_core.assets import asset_path

CONFIG = b"window.gradio_config"  # in gradio's pages, and not in files that the dashboard gives away, such as a map
END_OF_HEAD = b"</head>"  # after the config, and before gradio's own scripts, which are modules


class PlainConfig:
    """Adds the script assets/ui/plain-config.js to the head of each of gradio's pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._script = b"<script>%b</script>" % asset_path("ui/plain-config.js").read_bytes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as without it, but for HTML that comes in one part and holds a config."""
        start: Message | None = None

        async def pass_on(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_html(message):
                start = message
                return
            if start is not None:
                if not message.get("more_body") and CONFIG in message.get("body", b""):
                    message = {**message, "body": self._with_script(message["body"])}
                    MutableHeaders(raw=start["headers"])["content-length"] = str(len(message["body"]))
                await send(start)
                start = None
            await send(message)

        await self._app(scope, receive, pass_on if scope["type"] == "http" else send)

    def _with_script(self, page: bytes) -> bytes:
        return page.replace(END_OF_HEAD, self._script + END_OF_HEAD, 1)


def _is_html(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
