"""The port of a dashboard: another program may take it while the page is being built."""

from __future__ import annotations

import argparse
import socket
from typing import Any

import pytest

from simsiam_core.ui import server


class _Page:
    """A page whose port may be taken before it is served."""

    def __init__(self, fails: bool = False) -> None:
        self.asked: list[int] = []
        self._fails = fails

    def launch(self, *, server_name: str, server_port: int, **_: Any) -> tuple[None, str, None]:
        self.asked.append(server_port)
        if self._fails:
            raise PermissionError("no port is what is wrong")
        with socket.create_server((server_name, server_port)):  # OSError where it is taken
            return None, f"http://{server_name}:{server_port}/", None


def _options(port: int) -> argparse.Namespace:
    return argparse.Namespace(host="127.0.0.1", port=port, root_path="", allowed_host=[])


def test_two_dashboards_that_start_together_both_start(capsys: pytest.CaptureFixture[str]) -> None:
    """Kind: the second one ended in a traceback, since a port was only free when it was looked for."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        page = _Page()
        address = server._launch(page, _options(taken), taken, None)  # type: ignore[arg-type]
    assert page.asked[0] == taken and page.asked[-1] > taken
    assert address == f"http://127.0.0.1:{page.asked[-1]}/"
    assert f"Port {taken} was taken meanwhile; taking {page.asked[1]}." in capsys.readouterr().out


def test_what_has_nothing_to_do_with_the_port_is_raised() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    page = _Page(fails=True)
    with pytest.raises(PermissionError):
        server._launch(page, _options(free), free, None)  # type: ignore[arg-type]
    assert page.asked == [free]
