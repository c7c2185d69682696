"""Products whose titles tell their classes, and text candidates that learn them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from bakeoff.backbones.params import WeightsParams
from bakeoff.core.machine import ComputeParams
from bakeoff.core.section import read_yaml, validate_section
from bakeoff.data.table import Catalogue
from bakeoff.records.candidate import Candidate
from bakeoff.records.text import CleaningParams, TextSettings, TranslationParams
from bakeoff.text.train import TextTraining, plan_text_training
from bakeoff.weights.texts import fetch_text_weights
from numpy_predictor import make_catalogue

CONF = Path(__file__).resolve().parents[1] / "conf"
ONE_CORE = ComputeParams(device="cpu", threads=1, loader_workers=0, processes=1)
WEIGHTS = WeightsParams(policy="prefer", sources=["folder", "package", "hub"], folder=None, hub_timeout_s=1)
WORDS = {"blue": "sky ocean sapphire", "green": "leaf meadow emerald", "red": "rose brick ruby"}


def settings(name: str = "tfidf_svm") -> TextSettings:
    own = yaml.safe_load((CONF / "text_model" / f"{name}.yaml").read_text(encoding="utf-8"))["text_settings"][name]
    steps = read_yaml(CONF / "config.yaml")["text"]["cleaning"]["full"] | {"languages": ["en"], "lemmas": "none"}
    known = own | {"cleaning": validate_section(CleaningParams, steps, where="cleaning")}
    how = {"to": "fr", "service": None, "model": None, "url": None, "block": 4900, "licence": "MIT"}
    known["translation"] = TranslationParams.model_validate(how | {"commercial_use": True})
    return TextSettings(model=name, licence_code="BSD-3-Clause", commercial_use=True, **known)


def catalogue_of(folder: Path, texts: list[str | None] | None = None) -> Catalogue:
    """Products whose title names two things of their class's colour, and texts.parquet beside them."""
    catalogue = make_catalogue(folder, n_per_class=20)
    catalogue.products["weight"] = np.float32(1)
    generator = np.random.default_rng(0)
    made = [
        " ".join(generator.choice(WORDS[label].split(), 2)) + f" no{n % 7}"
        for n, label in enumerate(catalogue.products["label"])
    ]
    ids = catalogue.products["product_id"]
    table = pd.DataFrame(
        {"product_id": ids, "title": made if texts is None else texts, "description": None}, dtype="string"
    )
    table.sample(frac=1, random_state=0).to_parquet(folder / "texts.parquet", index=False)
    (folder / "labels.json").write_text("{}", encoding="utf-8")
    return catalogue


def plan_of(folder: Path, catalogue: Catalogue, **changes) -> TextTraining:
    given = {"settings": settings(), "variant": "original", "seed": 0, "compute": ONE_CORE, "root": folder} | changes
    own, weights_dir = given["settings"], given["root"] / "weights" / given["settings"].model
    if not own.encoders:
        fetch_text_weights(own, WEIGHTS, weights_dir)
    candidate = Candidate.of(own.model, given["variant"], given["seed"])
    return plan_text_training(own, candidate, catalogue, folder, compute=given["compute"], weights_dir=weights_dir)
