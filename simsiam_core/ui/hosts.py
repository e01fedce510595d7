"""Which names the page answers to, and which pages may call it: against DNS rebinding and cross-site requests.

A page on another site may point its own name at this machine and then use the dashboard as if it were its own; only
the `Host` header tells. No gradio here: the flags are read before it is imported.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Callable[[], Awaitable[Message]], Send], Awaitable[None]]

_AUTHORITY = re.compile(
    r"(?:\[([0-9a-f:.]+)(?:%[^\[\]]*)?\]|([^\s:@/\\?#\[\]%]+))(?::[0-9]*)?", re.IGNORECASE
)
_ORIGIN = re.compile(r"https?://(.+)", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9._-]{1,253}")
BAD_REQUEST, FORBIDDEN = 400, 403


def hostname(authority: str) -> str | None:
    """The name or address in a `Host` header, in lower case and without the port; None for what is neither.

    Addresses are in their shortest form, without a zone; one full stop at the end is dropped.
    """
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return None
    name = (found[1] or found[2]).lower().removesuffix(".")
    address = _address(name)
    return name if address is None else str(address)


def own_name(text: str) -> str | None:
    """As `hostname`, of what a person gives as a flag: an IPv6 address needs no brackets there."""
    return hostname(text) or hostname(f"[{text}]")


def is_loopback(name: str) -> bool:
    """Whether only this machine reaches a name or address; browsers never ask a name server for `localhost`."""
    address = _address(name)
    return address.is_loopback if address else name == "localhost" or name.endswith(".localhost")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@dataclass(frozen=True)
class Hosts:
    """The names and addresses that are the dashboard's own: this machine's, `host` and those in `allowed`.

    On all addresses (`host` 0.0.0.0 or ::) every address is its own, since no name server is asked for one.
    """

    host: str = "127.0.0.1"
    allowed: tuple[str, ...] = ()

    def accept(self, name: str) -> bool:
        """Whether a name or address, as `hostname` gives it, is one of them."""
        listens_on = _address(self.host)
        everywhere = self.host == "" or bool(listens_on and listens_on.is_unspecified)
        return is_loopback(name) or self.named(name) or (everywhere and _address(name) is not None)

    def named(self, name: str) -> bool:
        """Whether a person has given this very name or address."""
        return name in map(own_name, (self.host, *self.allowed))


class HostCheck:
    """ASGI middleware that refuses requests under other names, and those that pages of other sites make."""

    def __init__(self, app: App, hosts: Hosts) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        """Pass the request on, or answer it with one sentence."""
        if scope["type"] in ("http", "websocket") and (refusal := self._refusal(scope["headers"])):
            await _refuse(scope, send, *refusal)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, headers: list[tuple[bytes, bytes]]) -> tuple[int, str] | None:
        given = _values(headers, b"host")
        name = hostname(given[0]) if len(given) == 1 else None
        if name is None:
            return BAD_REQUEST, "The request has no Host header, or one that is no name or address."
        if not self._hosts.accept(name):
            return BAD_REQUEST, _not_ours(name)
        if _values(headers, b"origin") and not self._same_site(headers, name):
            return FORBIDDEN, (
                "The request comes from a page of another site. If that is this dashboard's own name, start it "
                "with --allowed-host and that name."
            )
        return None

    def _same_site(self, headers: list[tuple[bytes, bytes]], name: str) -> bool:
        """Whether the page that asks is ours. A reverse proxy may have changed `Host`, but not what browsers add."""
        if told := _values(headers, b"sec-fetch-site"):
            return told == ["same-origin"]
        ours = {name, *map(hostname, _values(headers, b"x-forwarded-host"))}
        for origin in _values(headers, b"origin"):
            found = _ORIGIN.fullmatch(origin)
            asking = hostname(found[1]) if found else None
            if asking is None or not (asking in ours or self._hosts.named(asking)):
                return False
        return True


def _values(headers: list[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key.lower() == name]


def _not_ours(name: str) -> str:
    if not _NAME.fullmatch(name) and _address(name) is None:
        return "The dashboard does not answer to the name in the Host header."
    return f"The dashboard does not answer to the name {name}. If it is its own, start it with --allowed-host {name}."


async def _refuse(scope: Message, send: Send, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": sentence[:120]})
        return
    body = f"{sentence}\n".encode()
    kinds = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*kinds, length]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
