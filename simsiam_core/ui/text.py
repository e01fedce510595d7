"""Numbers as a person would say them, and sentences as the page shows them."""

from __future__ import annotations

import html
import time


def duration(seconds: float) -> str:
    """`40 s`, `3 min`, `2 h 5 min`, `4 d 3 h`."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if minutes < 60:
        return f"{minutes} min" if minutes >= 10 else f"{minutes} min {seconds % 60} s"
    return f"{hours} h {minutes % 60} min" if hours < 24 else f"{days} d {hours % 24} h"


def moment(timestamp: float) -> str:
    """`14:02` today, `3 Mar 14:02` on another day, in the server's time zone."""
    then, now = time.localtime(timestamp), time.localtime()
    clock = time.strftime("%H:%M", then)
    return clock if then[:3] == now[:3] else f"{then.tm_mday} {time.strftime('%b', then)} {clock}"


def rate(images_per_second: float) -> str:
    """`1,240 images/s`, `3.2 images/s`."""
    precise = f"{images_per_second:,.0f}" if images_per_second >= 10 else f"{images_per_second:.1f}"
    return f"{precise} images/s"


_renamed: dict[str, str] = {}  # by run id; what stands in the run's notes, as far as they have been read


def rename(run_id: str, name: str) -> None:
    """Take note of what a person calls a run now; empty for the name it was created with."""
    if name:
        _renamed[run_id] = name
    else:
        _renamed.pop(run_id, None)


def run_name(run_id: str) -> str:
    """`quick · 3f2a`: what a person calls it, and what tells it from others of that name."""
    return f"{_renamed.get(run_id) or run_id[16:-5]} · {run_id[-4:]}"


def problem(text: str) -> str:
    """A sentence that says what is wrong, as HTML."""
    return f'<p class="problem">{html.escape(text)}</p>'


def stamp(text: str) -> str:
    """A sentence beside a result, as HTML."""
    return f'<p class="stamp">{html.escape(text)}</p>'


def bar(fraction: float) -> str:
    """A progress bar, 0 to 1, as HTML."""
    return f'<div class="bar"><span style="width:{fraction:.2%}"></span></div>'


def progress(fraction: float, text: str) -> str:
    """What is being done and how far it is, as HTML."""
    return f'<p class="activity">{html.escape(text)} · {fraction:.0%}</p>{bar(fraction)}'
