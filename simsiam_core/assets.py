"""Paths of presets, scripts, styles and the bundled encoder, in a checkout and in an installed package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
_INSTALLED, _CHECKOUT = PACKAGE / "_assets", PACKAGE.parent / "assets"  # setup.py maps one to the other


def asset_path(*names: str) -> Path:
    """Return the path of a file or folder below `assets/`."""
    return (_INSTALLED if _INSTALLED.is_dir() else _CHECKOUT).joinpath(*names)
