"""The dashboard: `python dashboard.py`, then open the address it prints."""

from __future__ import annotations

import argparse
import ipaddress
import os
import socket
import sys
import threading
import webbrowser
from pathlib import Path

NEXT_PORTS = 100


def main(arguments: list[str] | None = None) -> int:
    """Read the flags, build the page, serve it until Ctrl-C."""
    options = _parser().parse_args(arguments)
    if not _is_loopback(options.host) and options.auth is None:
        print(
            f"Anybody who reaches {options.host} could use this page and start programs with it; "
            "add --auth USER:PASSWORD, or leave --host at 127.0.0.1.",
            file=sys.stderr,
        )
        return 2
    port = _free_port(options.host, options.port)
    if port is None:
        last = options.port + NEXT_PORTS - 1
        sentence = f"No port from {options.port} to {last} can be opened on {options.host}"
        print(f"{sentence}; give another --port or --host.", file=sys.stderr)
        return 2
    if port != options.port:
        print(f"Port {options.port} is in use; taking {port}.", flush=True)

    # Here and not above: --help and wrong flags are answered before the seconds that gradio takes.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    from simsiam_core.features.worker import InspectionWorker
    from simsiam_core.runs import RunStore
    from simsiam_core.ui.app import build, launch_options
    from simsiam_core.ui.context import Context

    with InspectionWorker() as worker:
        page = build(Context(RunStore(options.runs_dir), worker, bank_root=options.bank_root))
        _, address, _ = page.launch(
            server_name=options.host,
            server_port=port,
            auth=options.auth,
            prevent_thread_lock=True,
            quiet=True,
            **launch_options(),
        )
        print(
            f"SimSiam dashboard: {address}  (runs in {options.runs_dir.resolve()}; Ctrl-C ends it)",
            flush=True,
        )
        if not options.no_browser and _has_display():
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        page.block_thread()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dashboard.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=7860, help="port, or the next free one (%(default)s)")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"), help="folder of runs (%(default)s)")
    parser.add_argument(
        "--bank-root",
        type=Path,
        metavar="DIR",
        help="folders of pictures below it can be searched from the page",
    )
    parser.add_argument(
        "--auth", type=_user, metavar="USER:PASSWORD", help="ask for these; needed on other hosts"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"a port is a whole number from 1 to 65535, not {text!r}")
    return int(text)


def _user(text: str) -> tuple[str, str]:
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise argparse.ArgumentTypeError("it must be USER:PASSWORD")
    return user, password


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _free_port(host: str, first: int) -> int | None:
    for port in range(first, min(first + NEXT_PORTS, 65_536)):
        try:
            with socket.create_server(
                (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
            ):
                return port
        except OSError:
            continue
    return None


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


if __name__ == "__main__":
    sys.exit(main())
