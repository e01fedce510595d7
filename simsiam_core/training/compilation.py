"""torch.compile for the network: whether it pays off, whether it works here, and how it is applied.

It makes every step faster but takes about a minute before the first. Where it does not work, training
continues without it: a missing compiler never fails a run.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from simsiam_core.config import TrainingConfig

WORTH_STEPS = 5_000  # shorter runs end before the minute is recovered
BACKEND_VARIABLE = "SIMSIAM_COMPILE_BACKEND"  # for tests: overrides the backend of torch.compile
NOT_EVERYWHERE = "The network could not be compiled in every process; training goes on without."
PROBE_SECONDS = 60.0
_PROBE = "#include <stdlib.h>\n#include <Python.h>\nint probe(void) { return 0; }\n"


def decide(config: TrainingConfig, device: torch.device, steps: int) -> tuple[bool, str]:
    """Return whether to compile the network for the `steps` to come on `device`, and why, as a sentence."""
    if config.compile != "auto":
        return config.compile == "always", f"Compiling the network: {config.compile}, as set."
    if device.type != "cuda":
        return False, "The network is not compiled: that is for GPUs."
    if steps < WORTH_STEPS:
        return (
            False,
            f"The network is not compiled: that pays from {WORTH_STEPS:,} steps, and {steps:,} are to come.",
        )
    if missing := toolchain_problem():
        return False, f"The network is not compiled: {missing}."
    return True, f"The network is compiled, which pays over the {steps:,} steps to come."


def switch_sentence(before: bool | None, now: bool) -> str:
    """Say that a run switches between compiled and eager at its checkpoint; empty if it does not.

    `before` is None if it is not known, as at the start of a run.
    """
    if before is None or before == now:
        return ""
    ways = ("without compiling", "with the network compiled")
    return (
        f"Until here this run was trained {ways[before]}, and goes on {ways[now]}: rounding differs, so its "
        "figures are not to the last digit those of a run that was never interrupted."
    )


def prepare(
    network: nn.Module, config: TrainingConfig, device: torch.device, steps: int, trial: Callable[[], object]
) -> tuple[bool, str]:
    """Compile the network in place if that pays off and works; returns whether it is compiled, and why.

    `trial` runs a step like those to come, which triggers compilation; its changes to the network's buffers
    are undone.
    """
    compiles, why = decide(config, device, steps)
    if compiles and (problem := _try(network, trial)):
        return False, f"The network could not be compiled ({problem}); training goes on without."
    return compiles, why


def compile_network(network: nn.Module) -> None:
    """Compile in place, which keeps the names in checkpoints; compilation itself happens at the first step.

    Every entry point of the network that training uses is compiled. Mixing eager and compiled calls would
    fail: compiled code replaces the running statistics that the eager call saved for its backward pass. The
    backbone alone, which encodes for the kNN check, stays eager. Shapes are static: they never change during
    training.
    """
    how: dict[str, Any] = {"backend": os.environ.get(BACKEND_VARIABLE, "inductor"), "dynamic": False}
    network.compile(**how)
    for name in getattr(network, "entry_points", ()):
        # Set on the instance, to shadow the method of the class.
        object.__setattr__(network, name, torch.compile(getattr(network, name), **how))


def uncompile(network: nn.Module) -> None:
    """Make a network eager again."""
    network._compiled_call_impl = None  # torch has no public API for this
    for name in getattr(network, "entry_points", ()):
        network.__dict__.pop(name, None)


def _try(network: nn.Module, trial: Callable[[], object]) -> str:
    """Compile the network and run `trial`; on an error, make it eager again and return a short description."""
    kept: dict[str, Tensor] = {name: buffer.clone() for name, buffer in network.named_buffers()}
    compile_network(network)
    try:
        trial()
    except Exception as error:  # dynamo, inductor, Triton and the C compiler raise different types
        uncompile(network)
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    finally:
        with torch.no_grad():
            for name, buffer in network.named_buffers():
                buffer.copy_(kept[name])
    return ""


@cache
def toolchain_problem() -> str:
    """Return what this machine lacks for torch.compile on a GPU, as a clause with what to do; empty if none.

    Triton builds its launchers with a C compiler and Python's headers, in a folder that must be writable and
    on a file system that allows execution: a small library is built and loaded in the same way.
    """
    from torch.utils._triton import has_triton

    if not has_triton():
        return "Triton, which that takes, does not work here"
    return _build_problem()


def _build_problem() -> str:
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return "that takes a C compiler, and none is installed; install gcc"
    for folder in _cache_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as place:
                if problem := _probe(compiler, Path(place)):
                    return problem
        except OSError as error:
            return (
                f"its cache folder {folder} cannot be written ({error.strerror}); "
                "set TORCHINDUCTOR_CACHE_DIR and TRITON_CACHE_DIR to one that can"
            )
    return ""


def _cache_folders() -> list[Path]:
    """Return the cache folders of torch.compile and Triton."""
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    torch_folder = Path(os.environ.get("TORCHINDUCTOR_CACHE_DIR") or default_cache_dir())
    triton_home = Path(os.environ.get("TRITON_HOME") or Path("~").expanduser())
    triton_folder = os.environ.get("TRITON_CACHE_DIR") or triton_home / ".triton" / "cache"
    return [torch_folder, Path(triton_folder)]


def _probe(compiler: str, place: Path) -> str:
    """Build and load a library in a folder; return what fails, as a clause. Raises OSError if not writable."""
    scheme = sysconfig.get_default_scheme()
    headers = sysconfig.get_paths("posix_prefix" if scheme == "posix_local" else scheme)["include"]  # Debian
    source, library = place / "probe.c", place / "probe.so"
    source.write_text(_PROBE)
    command = [compiler, str(source), "-shared", "-fPIC", f"-I{headers}", "-o", str(library)]
    try:
        built = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        return f"the C compiler {compiler} does not work ({error})"
    if built.returncode and "Python.h" in built.stderr:
        return "that takes the headers of Python, which are not installed; install python3-dev"
    if built.returncode:
        reason = (built.stderr.strip().splitlines() or ["it says nothing"])[0]
        return f"the C compiler {compiler} fails ({reason})"
    try:
        ctypes.CDLL(str(library))
    except OSError:
        return (
            f"nothing built in its cache folder {place.parent} can be run there; "
            "set TORCHINDUCTOR_CACHE_DIR and TRITON_CACHE_DIR to another one"
        )
    return ""
