"""A candidate's methods measured from end to end: what is written, what is told, what is left out."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from bakeoff.core.machine import ComputeParams
from bakeoff.data.table import BOX_COLUMNS
from bakeoff.faithfulness import run as faithfulness
from bakeoff.faithfulness.params import FaithfulnessParams
from bakeoff.faithfulness.run import measure_faithfulness
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.run import read_candidate
from bakeoff.interpret.subject import NotExplainable
from bakeoff.records.faithfulness import FaithfulnessRecord
from bakeoff.records.training import TrainingRecord
from interpret_params import params
from linear_subject import LinearSubject, edges, exact_map
from numpy_predictor import SIDE, NumpyPredictor, make_catalogue, write_training

pytestmark = pytest.mark.torch
COMPUTE = ComputeParams(device="cpu", threads=1, loader_workers=0, processes=1)
LABELS = ["blue", "green", "red"]
METHODS_ASKED = ["integrated_gradients", "occlusion"]


class HalfSubject(LinearSubject):
    """Judges by the left half of a photo alone, each pixel with a weight of its own."""

    def __init__(self, weights: np.ndarray | None = None, labels: list[str] | None = None) -> None:
        if weights is None:
            weights = 6 * NumpyPredictor(LABELS).weights
            weights[:, SIDE // 2 :] = 0
            weights *= np.random.default_rng(3).uniform(0.2, 1.8, size=(SIDE, SIDE, 1, 1))
        super().__init__(weights, labels or LABELS)


@pytest.fixture
def opened(monkeypatch):
    """Open every training as a linear classifier."""
    subjects = [HalfSubject()]

    @contextlib.contextmanager
    def open_one(training_dir, compute, *, batch_px):
        yield subjects[0]

    monkeypatch.setattr(faithfulness, "open_subject", open_one)
    for name, attribute in (("integrated_gradients", exact_map), ("occlusion", edges)):
        monkeypatch.setitem(METHODS, name, SimpleNamespace(TITLE=name.title(), attribute=attribute))
    return subjects


def section(**changes) -> FaithfulnessParams:
    values = {"models": [], "modes": [], "baseline_seeds": [], "rows": 12, "steps": 8, "squares": 20}
    return FaithfulnessParams(**{**values, "sensitivity_rows": 2, "noises": 2, **changes})


def measure(tmp_path, *, boxes=None, training=None, n_per_class=20, **changes):
    catalogue = make_catalogue(tmp_path, n_per_class=n_per_class)
    if boxes is not None:
        catalogue.products[list(BOX_COLUMNS)] = np.asarray(boxes, dtype=np.float64)
        catalogue.products[["width", "height"]] = SIDE
    write_training(tmp_path / "training", catalogue)
    if training:
        record = TrainingRecord.read(tmp_path / "training" / "training.json")
        record.model_copy(update=training).write(tmp_path / "training" / "training.json")
    candidate, out = read_candidate(tmp_path / "training", catalogue), tmp_path / "faithfulness"
    asked = params(methods=METHODS_ASKED)
    record = measure_faithfulness(candidate, out, params=section(**changes), interpret=asked, compute=COMPUTE)
    assert FaithfulnessRecord.read(out / "faithfulness.json") == record
    return record, out


def test_the_exact_map_is_trusted_and_an_edge_detector_is_not(tmp_path, opened):
    record, out = measure(tmp_path)
    assert len(record.product_ids) == 12
    exact, detector = record.methods["integrated_gradients"], record.methods["occlusion"]
    assert exact.trust == "yes", exact.sentence
    assert exact.insertion.gain_low > 0
    assert exact.infidelity == pytest.approx(0, abs=1e-4)
    assert (exact.same_when_random or 0) < 0.3
    assert (exact.title, exact.n) == ("Integrated_Gradients", 12)
    assert detector.trust == "no"
    assert detector.same_when_random == pytest.approx(1)
    assert "network that knows nothing" in detector.sentence
    assert exact.pointing is None
    with Image.open(out / "figures" / "faithfulness.png") as drawn:
        assert drawn.width == 1008
    assert len(record.random_deletion) == len(exact.deletion.probabilities) == 9


@pytest.mark.parametrize(("box", "trust", "share"), [((0, 0, 8, 16), "yes", 1), ((8, 0, 16, 16), "no", 0)])
def test_boxes_are_held_against_the_maps_of_right_photos(tmp_path, opened, box, trust, share):
    record, _ = measure(tmp_path, boxes=box)
    found = record.methods["integrated_gradients"]
    assert found.pointing is not None
    assert (found.pointing.share, found.pointing.chance, found.pointing.top_in_box) == (share, 0.5, share)
    assert found.trust == trust, found.sentence
    assert found.pointing.n <= 12


def test_every_candidate_is_measured_on_the_same_photos(tmp_path, opened):
    first, _ = measure(tmp_path / "a", rows=4)
    opened[0] = LinearSubject(-HalfSubject().weights, LABELS)
    second, _ = measure(tmp_path / "b", rows=4)
    assert first.product_ids == second.product_ids
    assert len(set(first.product_ids)) == 4


def test_one_photo_tells_nothing(tmp_path, opened):
    record, out = measure(tmp_path, rows=1)
    assert {one.trust for one in record.methods.values()} == {"undecided"}
    assert record.methods["occlusion"].sentence == "1 photos are too few to tell; 8 are needed."
    assert (out / "figures" / "faithfulness.png").is_file()


def test_a_candidate_that_did_not_learn_is_believed_nothing(tmp_path, opened):
    record, _ = measure(tmp_path, training={"learned": False, "not_learned": "its accuracy is the largest class's"})
    assert {one.trust for one in record.methods.values()} == {"no"}
    assert "did not learn (its accuracy is the largest class's)" in record.methods["integrated_gradients"].sentence


def test_what_cannot_be_had_is_told_and_the_rest_is_made(tmp_path, opened, monkeypatch):
    def refuse(subject, images, targets, settings):
        raise NotExplainable("a linear classifier has no map before pooling.")

    monkeypatch.setitem(METHODS, "occlusion", SimpleNamespace(TITLE="Grad-CAM", attribute=refuse))
    record, _ = measure(tmp_path)
    assert record.refused == {"occlusion": "a linear classifier has no map before pooling."}
    assert list(record.methods) == ["integrated_gradients"]


def test_photos_that_a_method_cannot_explain_are_left_out(tmp_path, opened, monkeypatch):
    seen = []

    def sometimes(subject, images, targets, settings):
        seen.append(len(images))
        if len(seen) == 1:
            raise NotExplainable("the photo is a single superpixel.")
        return exact_map(subject, images, targets)

    monkeypatch.setitem(METHODS, "occlusion", SimpleNamespace(TITLE="LIME", attribute=sometimes))
    record, _ = measure(tmp_path)
    assert record.methods["occlusion"].n == 11
    assert record.refused == {}


def test_a_map_of_no_numbers_is_refused(tmp_path, opened, monkeypatch):
    broken = SimpleNamespace(TITLE="LIME", attribute=lambda subject, images, *_, **__: images[..., 0] * np.nan)
    for name in METHODS_ASKED:
        monkeypatch.setitem(METHODS, name, broken)
    record, out = measure(tmp_path)
    assert record.refused == dict.fromkeys(METHODS_ASKED, "the map holds values that are not finite numbers.")
    assert record.methods == {}
    assert not (out / "figures").exists()


def test_a_network_that_cannot_be_drawn_anew_is_measured_without(tmp_path, opened):
    class Trees(HalfSubject):
        def randomised(self, seed):
            raise NotExplainable("trees have no parameters to draw.")

    opened[0] = Trees()
    found = measure(tmp_path)[0].methods["integrated_gradients"]
    assert found.same_when_random is None
    assert found.trust == "undecided"


def test_a_class_that_is_never_predicted_does_no_harm(tmp_path, opened):
    weights = HalfSubject().weights
    weights[..., 0] = weights[..., 1]  # a tie goes to neither by much: blue is taken for green
    weights[..., 1] *= 1.01
    opened[0] = LinearSubject(weights, LABELS)
    assert measure(tmp_path)[0].methods["integrated_gradients"].n == 12


def test_a_key_tells_what_was_measured_not_of_whom(tmp_path, opened):
    first, _ = measure(tmp_path / "a", rows=2)
    second, _ = measure(tmp_path / "b", rows=2, models=["x"], modes=["frozen"], baseline_seeds=[0])
    third, _ = measure(tmp_path / "c", rows=2, steps=4)
    assert first.key == second.key != third.key


def test_the_section_refuses_what_cannot_be():
    with pytest.raises(ValidationError, match="rows"):
        section(rows=0)
    with pytest.raises(ValidationError, match="modes"):
        section(modes=["molten"])
