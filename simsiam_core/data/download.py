"""Downloading of published files."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

from simsiam_core.data.cache import Progress

# What `download` raises.
DOWNLOAD_ERRORS = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)


def reason_of(error: Exception) -> str:
    """Return why a download failed, as a clause."""
    return str(getattr(error, "reason", None) or error or type(error).__name__)


def download(url: str, target: Path, progress: Progress) -> None:
    """Download a file to `target`, which appears only when it is complete. Raises one of `DOWNLOAD_ERRORS`."""
    request = urllib.request.Request(url, headers={"User-Agent": "simsiam-dashboard"})
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with urllib.request.urlopen(request, timeout=30) as response, partial.open("wb") as file:
            total, done = int(response.headers.get("Content-Length") or 0), 0
            while block := response.read(1 << 20):
                done += file.write(block)
                progress(done / total if total else 0.0, f"{done / 1e6:.0f} of {total / 1e6:.0f} MB")
            if done < total:
                raise ConnectionError(f"the connection ended after {done / 1e6:.0f} of {total / 1e6:.0f} MB")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
