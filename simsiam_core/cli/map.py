"""`map`: where a checkpoint puts the images, as a table and as a page that opens anywhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from simsiam_core.cli.options import add_network, chosen_run, inspecting, number, print_json, whole_number
from simsiam_core.cli.terminal import print_row
from simsiam_core.config import ConfigError
from simsiam_core.config.paths import path_flag
from simsiam_core.names import storable


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser("map", help="draw a map of the images", description=__doc__)
    add_network(parser, "which images")
    parser.add_argument("--out", type=path_flag, metavar="FILE", help="table to write: .parquet or .csv")
    parser.add_argument(
        "--html", type=path_flag, metavar="FILE", help="page to write, with thumbnails and plotly inside"
    )
    parser.add_argument("--method", default="umap", choices=("umap", "pca"))
    parser.add_argument(
        "--sample",
        type=whole_number,
        default=5000,
        metavar="N",
        help="points, stratified, one of each class at the least (default: 5000)",
    )
    parser.add_argument("--dimensions", type=whole_number, default=2, choices=(2, 3))
    parser.add_argument(
        "--neighbours", type=whole_number, default=15, metavar="N", help="of UMAP (default: 15)"
    )
    parser.add_argument("--min-dist", type=number, default=0.1, metavar="D", help="of UMAP (default: 0.1)")
    parser.add_argument("--metric", default="cosine", choices=("cosine", "euclidean", "manhattan"))
    parser.add_argument(
        "--reproducible", action="store_true", help="the same map every time; one thread, slower"
    )
    parser.add_argument("--dense", action="store_true", help="densMAP: keep local densities")
    parser.set_defaults(run_command=_map)


def _map(arguments: argparse.Namespace) -> int:
    from simsiam_core.features import maps
    from simsiam_core.features.map_settings import MapSettings

    if not (arguments.out or arguments.html):
        raise ConfigError.at("out", "Say what to write: --out FILE.parquet, --html FILE.html, or both.")
    if arguments.out and arguments.out.suffix not in (".parquet", ".csv"):
        raise ConfigError.at("out", f"A table is written as .parquet or .csv, not {arguments.out.suffix!r}.")
    run = chosen_run(arguments)
    settings = MapSettings(
        arguments.method,
        arguments.split,
        arguments.sample,
        arguments.dimensions,
        arguments.neighbours,
        arguments.min_dist,
        arguments.metric,
        arguments.reproducible,
        arguments.dense,
    )
    with inspecting() as report:
        drawn = maps.draw_map(run.path, arguments.checkpoint, settings, report)
        facts = maps.facts(run.path, arguments.checkpoint, settings, report)
    try:
        if arguments.out:
            _write_table(arguments.out, drawn, facts)
        if arguments.html:
            arguments.html.write_bytes(_page(run, drawn, facts))
    except OSError as error:
        raise ConfigError.at("out", f"Cannot write {error.filename}: {error.strerror}.") from None
    written = [storable(str(path)) for path in (arguments.out, arguments.html) if path]
    if arguments.json:
        result = {
            "run": run.id,
            "checkpoint": arguments.checkpoint,
            "split": arguments.split,
            "written": written,
            "points": len(drawn.ids),
            "of": drawn.total,
            "classes_without_points": drawn.unseen,
        }
        print_json({**result, "seconds": round(drawn.seconds, 3)})
    else:
        if drawn.unseen:
            sentence = (
                f"{drawn.unseen:,} classes have no point; choose a --sample of at least as many as classes."
            )
            print_row(text=sentence)
        print_row(
            text=f"{len(drawn.ids):,} of {drawn.total:,} {arguments.split} images: {', '.join(written)}"
        )
    return 0


def _write_table(path: Path, drawn: Any, facts: Any) -> None:
    """Write one row per point: id, coordinates, label, prediction, confidence, density."""
    import pandas

    columns: dict[str, Any] = {"id": list(drawn.ids)}
    columns |= {"xyz"[d]: drawn.coordinates[:, d] for d in range(drawn.coordinates.shape[1])}
    if drawn.labels is not None and facts.predictions is not None:
        columns["label"] = [drawn.classes[i] for i in drawn.labels]
        columns["prediction"] = [drawn.classes[i] for i in facts.predictions]
        columns["confidence"] = facts.confidence
    table = pandas.DataFrame({**columns, "density": facts.density})
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        with path.open("wb") as file:  # pyarrow cannot open paths that are not UTF-8
            table.to_parquet(file)


def _page(run: Any, drawn: Any, facts: Any) -> bytes:
    from simsiam_core.features import inspection
    from simsiam_core.ui.look import canvas, html_file

    found = inspection.image_records(run.path, drawn.settings.split, drawn.ids)
    value = canvas.geometry([drawn], [drawn.checkpoint], of=None, key="map", note=canvas.described(drawn))
    paint = canvas.paint(drawn, facts, "label" if drawn.labels is not None else "density")
    return html_file.map_file(f"{run.id}, {drawn.checkpoint}", value, paint, [p.pixels for p in found])
