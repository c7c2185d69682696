from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from bakeoff.core.errors import EvaluationError
from bakeoff.core.failures import read_failures
from bakeoff.core.machine import ComputeParams
from bakeoff.core.seeding import default_threads
from bakeoff.interpret import run
from bakeoff.interpret.figures import caption, heat_map
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.run import interpret_candidate, open_subject
from bakeoff.records.files import derived_key
from bakeoff.records.interpretation import AttributionsRecord, ChannelsRecord, ExplainedPhoto, PhotoCounts
from numpy_predictor import NumpyPredictor, make_catalogue, write_training

KEY = "0123456789abcdef"


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
def test_a_figure_that_fails_costs_no_record(tmp_path, numpy_candidate, broken_figures):
    _, out = _run(tmp_path, _params())
    items = AttributionsRecord.read(out / "attributions.json").items
    assert [failure.what for failure in read_failures(out)] == [
        "figures/channels.png",
        *(item.figure for item in items),
    ]
    assert (out / "channels.json").is_file()


@pytest.fixture
def numpy_candidate(monkeypatch):
    """Let what opens a trained candidate return the NumPy predictor, which has no model file; return its device."""
    devices = []

    def load(training_dir, *, device):
        devices.append(device)
        return NumpyPredictor(["blue", "green", "red"])

    monkeypatch.setattr(run, "load_predictor", load)
    return devices


def _open(tmp_path, *, threads=2):
    catalogue = make_catalogue(tmp_path)
    catalogue.products.loc[catalogue.rows("test")[0], "product_id"] = "../odd id"
    write_training(tmp_path / "training", catalogue)
    return open_subject(tmp_path / "training", catalogue, ComputeParams(device="cpu", threads=threads))


def _run(tmp_path, params):
    subject = _open(tmp_path)
    out = tmp_path / "interpretation"
    interpret_candidate(subject, out, params=params)
    return subject.predictor, out


def test_a_candidate_is_opened_with_its_own_predictions_on_the_study_s_machine(tmp_path, numpy_candidate):
    subject = _open(tmp_path)
    assert numpy_candidate == ["cpu"]
    assert subject.predictor.threads == 2
    assert _open(tmp_path / "all", threads=None).predictor.threads == default_threads()
    assert subject.training.candidate == "linear-frozen"
    assert subject.predictions.products["product_id"].tolist() == subject.catalogue.products["product_id"].tolist()


def test_predictions_of_another_split_are_not_explained(tmp_path, numpy_candidate):
    catalogue = make_catalogue(tmp_path)
    write_training(tmp_path / "training", catalogue)
    catalogue.products["split"] = catalogue.products["split"].to_numpy()[::-1]
    with pytest.raises(EvaluationError, match="its column split differs from the catalogue's"):
        open_subject(tmp_path / "training", catalogue, ComputeParams(device="cpu", threads=1))
    assert numpy_candidate == [], "nothing is loaded for predictions that do not fit"


@pytest.mark.slow
def test_whole_interpretation(tmp_path, numpy_candidate):
    params = _params(n_correct=5)
    predictor, out = _run(tmp_path, params)
    channels = ChannelsRecord.read(out / "channels.json")
    assert channels.key == derived_key(KEY, params.model_dump())
    assert channels.training_key == KEY
    assert (channels.n, channels.repeats) == (4, 1)
    assert list(channels.channels) == ["red", "green", "blue"]
    record = AttributionsRecord.read(out / "attributions.json")
    assert record.explained_score == {"integrated_gradients": "logit", "occlusion": "probability"}
    assert len(record.items) == record.found.n_correct + record.found.n_wrong > 0
    for item in record.items:
        assert item.correct == (item.true == item.predicted)
        with Image.open(out / item.figure) as image:
            assert image.width > 1000
    assert (out / "figures" / "channels.png").is_file()
    assert all(path.parent == out / "attributions" for path in out.rglob("*.png") if path.name != "channels.png")
    n_windows = 9
    assert predictor.n_predicted == 3 * 4 + len(record.items) * (n_windows + 1)


def test_fewer_photos_are_said(tmp_path, numpy_candidate):
    _, out = _run(tmp_path, _params(n_correct=0, n_wrong=50))
    record = AttributionsRecord.read(out / "attributions.json")
    assert record.requested == PhotoCounts(n_correct=0, n_wrong=50)
    assert record.note == f"only {record.found.n_wrong} of 50 wrong test photos exist."


def test_channels_of_a_product_with_several_photos_are_those_of_its_first(tmp_path, numpy_candidate):
    catalogue = make_catalogue(tmp_path, n_per_class=20)
    ids = catalogue.products["product_id"]
    catalogue.products["photo_of"] = ids.where(ids != "p059", "p056")  # which alone is taken for another class
    write_training(tmp_path / "training", catalogue)
    subject = open_subject(tmp_path / "training", catalogue, ComputeParams(device="cpu", threads=1))
    labels, probabilities = subject.predictions.split("test")
    assert (len(labels), (probabilities.argmax(axis=1) == labels).sum()) == (11, 10)
    interpret_candidate(subject, tmp_path / "out", params=_params(n_correct=1, n_wrong=0, channel_max_rows=None))
    channels = ChannelsRecord.read(tmp_path / "out" / "channels.json")
    assert (channels.n, channels.baseline_accuracy) == (11, pytest.approx(9 / 11))


def test_nothing_to_explain_is_fine(tmp_path, numpy_candidate):
    _, out = _run(tmp_path, _params(n_correct=0, n_wrong=0))
    record = AttributionsRecord.read(out / "attributions.json")
    assert record.items == []
    assert record.note is None


def test_heat_map_is_signed_and_scaled():
    drops = np.zeros((10, 10), np.float32)
    drops[:5], drops[5:] = 2.0, -1.0
    heat = heat_map(drops)
    assert heat.max() == 1.0
    assert heat.min() == pytest.approx(-0.5)
    assert not heat_map(np.zeros((4, 4), np.float32)).any()
    assert heat_map(np.ones((8, 8, 3), np.float32)).shape == (8, 8)


def test_caption_needs_no_colours():
    names = {"product_id": "p1", "true": "cat", "probability": 0.875, "method": "occlusion", "figure": "p1.png"}
    wrong = ExplainedPhoto(predicted="dog", correct=False, **names)
    assert caption("m-frozen", wrong) == "✗ wrong: dog with probability 0.88, truly cat\nm-frozen · p1"
    right = ExplainedPhoto(predicted="cat", correct=True, **names)
    assert caption("m-frozen", right).startswith("✓ right: cat with probability 0.88\n")
