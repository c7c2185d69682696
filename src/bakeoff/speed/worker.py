"""A process that holds one network and gives it a turn whenever it is told to.

It reads one number of seconds a line from stdin and answers with one JSON object a line on stdout, the first one when
the network is ready; everything a library prints goes to stderr. `bakeoff.speed.session` runs it as
`python -m bakeoff.speed.worker NETWORK` in the project's folder.
"""

import json
import os
import sys
from collections.abc import Sized
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from bakeoff.core.errors import BakeoffError
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.section import load_section, load_top
from bakeoff.core.workers import keep_stdout
from bakeoff.data.products import StoredProducts, evenly_spaced
from bakeoff.data.store import ImageStore
from bakeoff.learning.params import BaselineParams
from bakeoff.predictors.protocol import Measurable
from bakeoff.records.candidate import BASELINE
from bakeoff.records.catalogue import LabelsRecord
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.study import TextModels
from bakeoff.records.text import TextSettings
from bakeoff.speed.params import ThroughputParams
from bakeoff.speed.turns import Stand


def open_network(root: Path, network: str) -> Measurable:
    """Return a network of the study, built from its settings on the study's device."""
    params_file, wanted = root / "params.yaml", load_section(root / "params.yaml", ThroughputParams)
    compute = load_section(params_file, ComputeParams)
    compute = compute.model_copy(update={"threads": wanted.threads or compute.threads})
    labels = LabelsRecord.read(root / "data" / "catalogue" / "labels.json").labels
    weights_dir = root / "weights" / network
    if network == BASELINE:
        from bakeoff.speed.baseline import open_baseline

        params = load_section(params_file, BaselineParams)
        return open_baseline(params, labels, compute=compute, weights_dir=weights_dir)
    if (of_texts := text_settings(root, network)) is not None:
        from bakeoff.text.predictor import open_text_model

        return open_text_model(of_texts, root / "data" / "catalogue", compute=compute, weights_dir=weights_dir)
    from bakeoff.speed.backbone import open_backbone

    settings = CandidateSettings.read(root / "data" / "candidates" / f"{network}.json")
    scan = load_section(params_file, ScanParams)
    return open_backbone(settings, labels, compute=compute, scan=scan, weights_dir=weights_dir)


def first_photos(root: Path, n: int) -> StoredProducts:
    """Return at most `n` photos, evenly spaced over the catalogue, so that all classes are among them."""
    store = ImageStore(root / "data" / "catalogue" / "images.arrow")
    return StoredProducts(store, evenly_spaced(len(store), n))


def first_products(root: Path, network: str, n: int) -> Sized:
    """Return at most `n` products as the network reads them, evenly spaced over the catalogue."""
    if (settings := text_settings(root, network)) is None:
        return first_photos(root, n)
    from bakeoff.text.predictor import stored_texts

    return stored_texts(root / "data" / "catalogue", settings, n)


def text_settings(root: Path, network: str) -> TextSettings | None:
    """Return the settings of a text model of the study; None for any other network."""
    if network not in load_top(root / "params.yaml", TextModels).text_models:
        return None
    return TextSettings.read(root / "data" / "candidates" / f"{network}.json")


def serve(root: Path, network: str, questions: TextIO, answers: TextIO) -> None:
    """Load the network, say what it is, and give it a turn for each line of `questions`; an error is an answer too."""

    def answer(values: dict[str, object]) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    try:
        opened = open_network(root, network)
        sizes = load_section(root / "params.yaml", ThroughputParams).batch_sizes
        stand = Stand(opened, first_products(root, network, max(sizes)), sizes)
        gmacs, method = opened.count_gmacs()
        answer({"ready": opened.description | {"gmacs": gmacs, "gmacs_method": method}})
        for line in questions:
            answer({"turn": asdict(stand.take_turn(float(line)))})
    except (BakeoffError, OSError, RuntimeError, ValueError) as error:
        answer({"problem": str(error) or type(error).__name__})


if __name__ == "__main__":
    with os.fdopen(keep_stdout(), "w", encoding="utf-8") as to_session:
        serve(Path.cwd(), sys.argv[1], sys.stdin, to_session)
