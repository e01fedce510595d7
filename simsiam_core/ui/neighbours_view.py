"""Answers as the Neighbours tab shows them: gallery, vote, several beside each other, and as files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from simsiam_core.features.compare import changes
from simsiam_core.features.retrieval import Answer
from simsiam_core.ui.cards import card, data_uri, gallery

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
    note = f"The {len(answer.neighbours)} {among} most alike, the nearest first."
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
        {"votes": votes, "note": "" if votes else "These images have no labels, so there is no vote."},
        gallery(cards, note=f"{note} Answered in {took:.2f} s."),
    ]


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
