"""Writes TensorBoard event files from a candidate's files, alike in both environments: no framework is imported."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.core.paths import state_dir
from bakeoff.tracking.records import HISTORY, Results, epoch_metrics, read_rows

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event


def write_events(results: Results) -> Path:
    """Write one event file over all results, replacing the last one of the same key, and return it.

    They lie in the main checkout's .bakeoff/tensorboard/<candidate>/seed_<s>/<key>/, outside every DVC output, and can
    be written again at any time.
    """
    from tensorboard.summary.writer.record_writer import RecordWriter

    training = results.training
    folder = state_dir(f"tensorboard/{training.candidate}/seed_{training.seed}/{training.key}")
    path = folder / "events.out.tfevents.0000000000.bakeoff"
    unfinished = path.with_name("unfinished")
    with unfinished.open("wb") as file:
        writer = RecordWriter(file)
        for event in _events(results):
            writer.write(event.SerializeToString())
    os.replace(unfinished, path)
    return path


def _events(results: Results) -> Iterator[Event]:
    from PIL import Image
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.text.summary_v2 import text_pb

    def scalars(metrics: Mapping[str, float]) -> Any:
        return Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()])

    now_s = results.ended_s - results.cost.train_time_s
    yield Event(wall_time=now_s, file_version="brain.Event:2")
    for row in read_rows(results.parts["training"].folder / HISTORY):
        values = epoch_metrics(row)
        now_s += values.get("epoch/seconds", 0.0)
        yield Event(wall_time=now_s, step=int(float(row["epoch"])), summary=scalars(values))
    final = {f"final/{name}": value for name, value in results.metrics.items()}
    yield Event(wall_time=now_s, step=0, summary=scalars(final))
    if evaluation := results.parts.get("evaluation"):
        shown = []
        if (figure := evaluation.folder / "figures/confusion.png").is_file():
            with Image.open(figure) as image:
                width, height = image.size
            picture = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=figure.read_bytes())
            shown.append(Summary.Value(tag=figure.stem, image=picture))
        if (report := evaluation.folder / "classification_report.txt").is_file():  # in a fixed-width block
            indented = "\n".join(f"    {line}" for line in report.read_text(encoding="utf-8").splitlines())
            shown += text_pb(f"{report.stem}/text_summary", indented).value
        yield Event(wall_time=now_s, step=0, summary=Summary(value=shown))
