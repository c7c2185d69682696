from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from bakeoff.core.failures import read_failures
from bakeoff.data.predictions import predict_catalogue
from bakeoff.interpret.figures import Caption, heat_map
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.run import Subject, interpret_candidate, prepare_explainer
from bakeoff.records.files import derived_key
from numpy_predictor import NumpyPredictor, make_catalogue

TRAINING = {"candidate": "linear-frozen", "model": "linear", "mode": "frozen", "seed": 0, "key": "0123456789abcdef"}


def _params(**changes) -> InterpretParams:
    values = {
        "n_correct": 1,
        "n_wrong": 1,
        "integrated_gradients_steps": 4,
        "occlusion_window_px": 8,
        "occlusion_stride_px": 4,
        "channel_repeats": 1,
        "channel_max_rows": 4,
    }
    return InterpretParams(**{**values, **changes})


@pytest.mark.survives
def test_a_figure_that_fails_costs_no_record(tmp_path, broken_figures):
    _, out = _run(tmp_path, _params())
    items = json.loads((out / "attributions.json").read_text())["items"]
    assert [failure.what for failure in read_failures(out)] == [
        "figures/channels.png",
        *(item["figure"] for item in items),
    ]
    assert (out / "channels.json").is_file()


def _run(tmp_path, params):
    catalogue = make_catalogue(tmp_path)
    catalogue.products.loc[catalogue.rows("test")[0], "product_id"] = "../odd id"
    predictor = NumpyPredictor(catalogue)
    predictions = predict_catalogue(predictor, catalogue)
    predictor.n_predicted = 0
    explainer = prepare_explainer("tf", predictor, params=params, threads=2)
    out = tmp_path / "interpretation"
    interpret_candidate(Subject(predictor, catalogue, predictions, TRAINING), explainer, out, params=params)
    return predictor, out


@pytest.mark.slow
def test_whole_interpretation(tmp_path):
    params = _params(n_correct=5)
    predictor, out = _run(tmp_path, params)
    channels = json.loads((out / "channels.json").read_text())
    assert channels["key"] == derived_key(TRAINING["key"], params.model_dump())
    assert (channels["n"], channels["repeats"]) == (4, 1)
    assert list(channels["channels"]) == ["red", "green", "blue"]
    record = json.loads((out / "attributions.json").read_text())
    assert record["explained_score"] == {"integrated_gradients": "logit", "occlusion": "probability"}
    assert len(record["items"]) == sum(record["found"].values()) > 0
    for item in record["items"]:
        assert set(item) >= {"product_id", "true", "predicted", "correct", "method", "figure"}
        assert item["correct"] == (item["true"] == item["predicted"])
        with Image.open(out / item["figure"]) as image:
            assert image.width > 1000
    assert (out / "figures" / "channels.png").is_file()
    assert all(path.parent == out / "attributions" for path in out.rglob("*.png") if path.name != "channels.png")
    assert predictor.threads == 2
    n_windows = 9
    assert predictor.n_predicted == 3 * 4 + len(record["items"]) * (n_windows + 1)


def test_fewer_photos_are_said(tmp_path):
    _, out = _run(tmp_path, _params(n_correct=0, n_wrong=50))
    record = json.loads((out / "attributions.json").read_text())
    assert record["requested"] == {"n_correct": 0, "n_wrong": 50}
    assert record["note"] == f"only {record['found']['n_wrong']} of 50 wrong test photos exist."


def test_nothing_to_explain_is_fine(tmp_path):
    _, out = _run(tmp_path, _params(n_correct=0, n_wrong=0))
    record = json.loads((out / "attributions.json").read_text())
    assert record["items"] == []
    assert record["note"] is None


def test_heat_map_is_signed_and_scaled():
    drops = np.zeros((10, 10), np.float32)
    drops[:5], drops[5:] = 2.0, -1.0
    heat = heat_map(drops)
    assert heat.max() == 1.0
    assert heat.min() == pytest.approx(-0.5)
    assert not heat_map(np.zeros((4, 4), np.float32)).any()
    assert heat_map(np.ones((8, 8, 3), np.float32)).shape == (8, 8)


def test_caption_needs_no_colours():
    caption = Caption(candidate="m-frozen", product_id="p1", true="cat", predicted="dog", probability=0.875)
    assert caption.text == "✗ wrong: dog with probability 0.88, truly cat\nm-frozen · p1"
    right = Caption(candidate="m-frozen", product_id="p1", true="cat", predicted="cat", probability=0.875)
    assert right.text.startswith("✓ right: cat with probability 0.88\n")
