"""The flags of dashboard.py: answered before anything heavy is loaded."""

from __future__ import annotations

import socket

import pytest

from simsiam_core.ui import server as dashboard


@pytest.mark.parametrize("flags", [["--colour"], ["--port", "0"], ["--port", "many"], ["--auth", "me"]])
def test_wrong_flags_exit_with_two(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        dashboard.main(flags)
    assert ended.value.code == 2
    assert flags[0] in capsys.readouterr().err


def test_a_page_for_everybody_needs_a_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert dashboard.main(["--host", "0.0.0.0"]) == 2
    assert "--auth USER:PASSWORD" in capsys.readouterr().err


def test_a_port_in_use_gives_the_next_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = dashboard._free_port("127.0.0.1", port)
    assert found is not None
    assert port < found < port + dashboard.NEXT_PORTS


def test_loopback_goes_by_many_names() -> None:
    assert all(dashboard.is_loopback(host) for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"))
    assert not any(dashboard.is_loopback(host) for host in ("0.0.0.0", "192.168.0.2", "example.org"))
