"""The dashboard: start it, then open the address it prints."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import threading
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from simsiam_core import garbage_collection, output
from simsiam_core.config import ConfigError
from simsiam_core.config.cache import uploads_dir
from simsiam_core.config.homes import prepare_home
from simsiam_core.config.paths import path_flag
from simsiam_core.program import add_version, called_as
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.runs.placement import LOCAL
from simsiam_core.ui.auth import AUTH_VARIABLE, Check, door
from simsiam_core.ui.hosts import Hosts, is_loopback, own_name

if TYPE_CHECKING:
    from simsiam_core.ui.blocks import PageBlocks
    from simsiam_core.ui.context import Context

NEXT_PORTS = 100
LOGIN_NODE_NICENESS, LOGIN_NODE_THREADS = 10, 4
TIDY_SECONDS = 3600.0


def run() -> int:
    """Run the program: `python dashboard.py`, or `simsiam-dashboard` where it is installed."""
    garbage_collection.reduce_gc_overhead()
    with output.recorded():  # the queue goes on when nobody reads any more
        return main()


def main(arguments: list[str] | None = None) -> int:
    """Read the flags and serve the page until Ctrl-C; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        prepare_home()
        check = door(options.auth, options.users)
    except ConfigError as error:
        return _refused(str(error))
    if not is_loopback(options.host) and check is None and not options.insecure:
        return _refused(
            f"Anybody who reaches {options.host} could use this page and start programs with it; "
            "add --auth USER:PASSWORD or --users FILE, or leave --host at 127.0.0.1. "
            "(--insecure opens it to everybody all the same.)"
        )
    port = _free_port(options.host, options.port)
    if port is None:
        return _no_port(options)
    if port != options.port:
        print(f"Port {options.port} is in use; taking {port}.", flush=True)
    return _serve(options, port, check)


def _no_port(options: argparse.Namespace) -> int:
    last = options.port + NEXT_PORTS - 1
    sentence = f"No port from {options.port} to {last} can be opened on {options.host}"
    return _refused(f"{sentence}; give another --port or --host.")


def _refused(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2


def _serve(options: argparse.Namespace, port: int, check: Check | None) -> int:
    """Start the queue, then build the page and serve it."""
    # Here and not above: --help and wrong flags are answered before the seconds that gradio takes.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    # Else gradio summarises its last 10,000 events, for a monitoring page that is not there, after each of them.
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(sys.maxsize))
    # A folder of our own, since it is emptied by a rule of ours.
    os.environ.setdefault("GRADIO_TEMP_DIR", str(uploads_dir()))
    from simsiam_core.jobs import Notifier, Scheduler
    from simsiam_core.jobs.executor import usual_executor

    store = RunStore(options.runs_dir)
    executor = options.executor or usual_executor()
    if executor != LOCAL:
        _be_modest()
    notifier = Notifier(options.notify_url, options.notify_command)
    with contextlib.ExitStack() as stack:
        scheduler = None
        try:
            if not options.read_only:
                elsewhere = executor != LOCAL
                scheduler = stack.enter_context(
                    Scheduler(store, options.cpu_slots, notifier, elsewhere=elsewhere)
                )
                scheduler.start()  # first of all: what was queued starts, whatever becomes of the page
        except RunError as error:
            return _refused(str(error))
        from simsiam_core.features.worker import InspectionWorker
        from simsiam_core.ui.app import build
        from simsiam_core.ui.context import Context

        worker = stack.enter_context(InspectionWorker())
        context = Context(
            store,
            worker,
            scheduler=scheduler,
            notifier=notifier,
            bank_root=options.bank_root,
            executor=executor,
            unpacking=not (options.read_only or options.no_bundled),
        )
        page = build(context)
        address = _launch(page, options, port, check)
        if address is None:
            return _no_port(options)
        if scheduler is not None:
            scheduler.describe(address)
        _announce(options, address, context)
        page.block_thread()
    return 0


def _launch(page: PageBlocks, options: argparse.Namespace, port: int, check: Check | None) -> str | None:
    """Serve the page, on a later port if another program took this one meanwhile; returns its address."""
    from simsiam_core.ui.app import launch_options

    while True:
        try:
            _, address, _ = page.launch(
                server_name=options.host,
                server_port=port,
                auth=check,
                root_path=options.root_path,
                prevent_thread_lock=True,
                quiet=True,
                **launch_options(Hosts(options.host, tuple(options.allowed_host))),
            )
            return str(address)
        except OSError:
            free = _free_port(options.host, port)
            if free is None:
                return None
            if free == port:  # it is not what is wrong
                raise
            print(f"Port {port} was taken meanwhile; taking {free}.", flush=True)
            port = free


def _be_modest() -> None:
    """Bound what this server and its workers take of a login node, which others use too."""
    os.nice(LOGIN_NODE_NICENESS)
    for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(variable, str(min(LOGIN_NODE_THREADS, os.cpu_count() or 1)))


def _announce(options: argparse.Namespace, address: str, context: Context) -> None:
    """Print the address, open a browser there, and start what can wait until the page is up."""
    print(f"SimSiam dashboard: {address}  (runs in {context.store.path}; Ctrl-C ends it)", flush=True)
    if not options.no_browser and _has_display():
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    threading.Thread(target=_work_in_background, args=(context,), daemon=True).start()


def _work_in_background(context: Context) -> None:
    """Unpack the bundled run, for which torch is imported that the form's first answer needs; keep the cache small."""
    from simsiam_core.data.pruning import prune

    if context.unpacking:
        from simsiam_core.model.bundled import install

        run = None
        try:
            run = install(context.store)
        except (OSError, ImportError) as error:
            print(f"The bundled encoder could not be imported: {error}.", file=sys.stderr)
        finally:
            context.unpacking = False
        if run is not None and context.executor == LOCAL:
            _encode_images_of(run, context)
    while True:
        prune()
        time.sleep(TIDY_SECONDS)


def _encode_images_of(run: RunDirectory, context: Context) -> None:
    """Have the images of a run at hand by the time that somebody looks inside."""
    from simsiam_core.features.worker import WorkError
    from simsiam_core.ui.components.checkpoint_picker import in_order

    with contextlib.suppress(WorkError, RunError):
        for _ in context.encoded(run, in_order(run)[-1], "train"):
            pass


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=called_as("simsiam-dashboard", "dashboard.py"), description=__doc__, allow_abbrev=False
    )
    add_version(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=7860, help="port, or the next free one (%(default)s)")
    parser.add_argument(
        "--runs-dir", type=path_flag, default=Path("runs"), help="folder of runs (%(default)s)"
    )
    parser.add_argument(
        "--auth", type=_user, metavar="USER:PASSWORD", help=f"ask for these (also: {AUTH_VARIABLE})"
    )
    parser.add_argument(
        "--bank-root",
        type=path_flag,
        metavar="DIR",
        help="folders of images below it can be searched from the page",
    )
    parser.add_argument(
        "--users", type=path_flag, metavar="FILE", help="let in who stands in this file of hashed passwords"
    )
    parser.add_argument("--insecure", action="store_true", help="allow other hosts without a password")
    parser.add_argument(
        "--allowed-host",
        type=_name,
        action="append",
        default=[],
        metavar="NAME",
        help="a further name or address under which browsers reach the page, such as that of a reverse proxy; "
        "may be repeated",
    )
    parser.add_argument("--root-path", default=None, metavar="PATH", help="prefix behind a reverse proxy")
    parser.add_argument("--read-only", action="store_true", help="show runs that another dashboard works on")
    parser.add_argument(
        "--no-bundled", action="store_true", help="do not import the bundled encoder into the runs"
    )
    parser.add_argument(
        "--executor",
        choices=("local", "slurm"),
        help="where jobs run: slurm starts none on this machine (default: slurm where sbatch is found, else local)",
    )
    parser.add_argument("--cpu-slots", type=_slots, default=1, help="jobs on the CPU at a time (%(default)s)")
    parser.add_argument(
        "--notify-url", default="", metavar="URL", help="POST here when a run ends or collapses"
    )
    parser.add_argument("--notify-command", default="", metavar="COMMAND", help="run this then")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"a port is a whole number from 1 to 65535, not {text!r}")
    return int(text)


def _user(text: str) -> str:
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise argparse.ArgumentTypeError("it must be USER:PASSWORD")
    return text


def _name(text: str) -> str:
    if own_name(text) is None or "*" in text:
        raise argparse.ArgumentTypeError(
            f"a host is a name or an address, such as lab.example.org, not {text!r}"
        )
    return text


def _slots(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"it must be a whole number from 1 to 64, not {text!r}")
    return int(text)


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
    sys.exit(run())
