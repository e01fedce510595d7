"""Answers as the page shows them: gallery, vote, how far to trust them, several beside each other, and as files."""

from __future__ import annotations

import base64
import html
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from simsiam_core.features.compare import changes
from simsiam_core.features.novelty import Novelty
from simsiam_core.features.original import Original
from simsiam_core.features.retrieval import Answer
from simsiam_core.runs.verdict import Verdict
from simsiam_core.ui.components.images import card, data_uri, gallery
from simsiam_core.ui.text import stamp

SHOWN_NEIGHBOURS = 60
SHOWN_BESIDE = 20


def answer_values(answer: Answer, among: str, region: Any) -> list[Any]:
    """Values for the query, the vote and the gallery."""
    winner = answer.votes[0].label if answer.votes else None
    counts = Counter(neighbour.label for neighbour in answer.neighbours)
    cards = [
        card(
            n.id,
            n.pixels,
            n.label,
            similarity=n.similarity,
            agrees=None if winner is None else n.label == winner,
        )
        for n in answer.neighbours[:SHOWN_NEIGHBOURS]
    ]
    note = f"The {len(answer.neighbours)} {among} most alike, the nearest first; the figure is the cosine similarity."
    if any(shown["agrees"] is False for shown in cards):
        note += f" Those in orange are not of the class {winner}, which the vote chose."
    if len(answer.neighbours) > SHOWN_NEIGHBOURS:
        note += f" The first {SHOWN_NEIGHBOURS} are shown; all of them vote."
    votes = [
        {"label": v.label, "share": v.share, "weight": v.weight, "count": counts[v.label]}
        for v in answer.votes
    ]
    took = sum(answer.seconds.values())
    label = f" It is labelled {answer.query_label}." if answer.query_label else ""
    hint = " Click it to ask with the whole." if region else " Drag a square on it to ask with a part."
    return [
        {"src": data_uri(answer.query), "note": f"As the network sees it.{label}{hint}"},
        {
            "title": "How the neighbours vote, the nearest with the most weight:",
            "votes": votes,
            "of": len(answer.neighbours),
            "note": "" if votes else "These images have no labels, so there is no vote.",
        },
        gallery(cards, note=f"{note} Answered in {took:.2f} s."),
    ]


def caption(title: str, network: str) -> str:
    """Whose question it is and whose answer, as HTML."""
    return f'<p class="look-question">{html.escape(title)}</p>{stamp(network)}'


def unlike(found: Novelty) -> str:
    """That the query is unlike anything in the bank, and how that is known, as HTML."""
    held_out = (
        f"{found.held_out:,} {'test images' if found.from_test else 'of these images, each left out in turn'}"
    )
    as_far = round(found.share * (found.held_out + 1)) - 1
    few = f"only {as_far} of {held_out}" if as_far else f"none of {held_out}"
    if found.by_colours:
        how = f"Its colours and edges are far from those of the images here; {few} are as far."
    else:
        how = f"Even its nearest images are alike by {found.similarity:.2f} only; {few} have so little alike."
    return (
        f'<p class="warning"><strong>Unlike anything here.</strong> {html.escape(how)} '
        "The vote names the least unlike class, whatever the image is.</p>"
    )


def distrusted(judged: Verdict) -> str:
    """That the network itself is not to be trusted, as HTML; empty where nothing speaks against it."""
    return f'<p class="warning">{html.escape(judged.text)}</p>' if judged.level in ("bad", "warn") else ""


def viewed(found: Original, title: str) -> dict[str, Any]:
    """An original for the viewer; the same twice opens it twice."""
    size = f"{found.width:,} × {found.height:,} px"
    note = (
        f"{size}, as the file has it." if found.whole else f"{size}: these images have no files of their own."
    )
    source = f"data:{found.kind};base64,{base64.b64encode(found.content).decode()}"
    return {"src": source, "title": title, "note": note, "at": time.time()}


def beside(answers: Sequence[Answer], names: Sequence[str]) -> dict[str, Any]:
    """Answers to one question in columns; each but the first tells what changed against the first."""
    first = [n.id for n in answers[0].neighbours]
    images = {n.id: n for answer in answers for n in answer.neighbours}
    columns = []
    for index, (answer, name) in enumerate(zip(answers, names, strict=True)):
        ids = [n.id for n in answer.neighbours]
        rows, found = [], changes(first, ids)
        for change in found:
            kind, text = "stayed", f"{change.after}"
            if index and change.before is None:
                kind, text = "came", f"{change.after} new"
            elif index and change.after is None:
                kind, text = "left", f"was {change.before}"
            elif index and change.before is not None and change.after is not None:
                by = change.before - change.after
                text = f"{change.after}" + (f" ↑{by}" if by > 0 else f" ↓{-by}" if by < 0 else " =")
            n = images[change.id]
            rows.append(
                {"id": n.id, "src": data_uri(n.pixels), "label": n.label, "change": kind, "text": text}
            )
        counts = Counter(row["change"] for row in rows)
        winner = f"votes {answer.votes[0].label} {answer.votes[0].share:.0%}" if answer.votes else ""
        told = (
            f"{counts['stayed']} stayed, {counts['came']} came, {counts['left']} left"
            if index
            else "the first"
        )
        keep = [row for row in rows if row["change"] != "left"][:SHOWN_BESIDE]
        gone = [row for row in rows if row["change"] == "left"][:SHOWN_BESIDE]
        columns.append({"title": name, "summary": f"{told}. {winner}".strip(), "rows": keep + gone})
    return {"columns": columns}


def rows_of(answer: Answer) -> tuple[list[str], list[list[Any]]]:
    """All neighbours as a table."""
    winner = answer.votes[0].label if answer.votes else None
    header = ["rank", "id", "label", "similarity", "agrees"]
    return header, [
        [rank, n.id, n.label or "", f"{n.similarity:.6f}", "" if winner is None else int(n.label == winner)]
        for rank, n in enumerate(answer.neighbours, start=1)
    ]
