"""One candidate explained from end to end, of a linear classifier: what is written, what is told, what is left out."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from PIL import Image

from bakeoff.core.code import digest
from bakeoff.core.errors import EvaluationError
from bakeoff.core.failures import read_failures
from bakeoff.core.machine import ComputeParams
from bakeoff.interpret import run
from bakeoff.interpret.figures import caption, panels, read_map, read_photo, scales
from bakeoff.interpret.run import interpret_candidate, read_candidate
from bakeoff.interpret.subject import NotExplainable
from bakeoff.records.interpretation import ExplainedPhoto, InterpretationRecord, PartsRecord, RobustnessRecord
from bakeoff.records.training import TrainingRecord
from interpret_params import params
from linear_subject import LinearSubject, exact_map
from numpy_predictor import NumpyPredictor, make_catalogue, write_training

pytestmark = pytest.mark.torch
KEY = "0123456789abcdef"
COMPUTE = ComputeParams(device="cpu", threads=1, loader_workers=0, processes=1)


@pytest.fixture
def linear(monkeypatch):
    """Open every training as the linear classifier that `write_training` predicts with, which has no model file."""
    subject = LinearSubject(NumpyPredictor(["blue", "green", "red"]).weights, ["blue", "green", "red"])

    @contextlib.contextmanager
    def opened(training_dir, compute, *, batch_px):
        yield subject

    monkeypatch.setattr(run, "open_subject", opened)
    return subject


def interpret(tmp_path, *, training=None, **changes):
    catalogue = make_catalogue(tmp_path)
    catalogue.products.loc[catalogue.rows("test")[0], "product_id"] = "../odd id"
    write_training(tmp_path / "training", catalogue)
    if training:
        record = TrainingRecord.read(tmp_path / "training" / "training.json")
        record.model_copy(update=training).write(tmp_path / "training" / "training.json")
    out, given = tmp_path / "interpretation", params(**changes)
    interpret_candidate(read_candidate(tmp_path / "training", catalogue), out, params=given, compute=COMPUTE)
    return out, InterpretationRecord.read(out / "interpretation.json"), given


def test_every_photo_and_method_is_one_item_with_its_raw_map(tmp_path, linear):
    out, record, given = interpret(tmp_path, n_shared=2, max_shared=None, counter_methods=["occlusion"])
    assert record.key == digest([KEY, given.used()])
    assert (record.training_key, record.score) == (KEY, "logit")
    assert record.notes == ["Only 0 of 1 further wrong and sure test photos exist."]
    assert len(record.photos) == 6, "two of each class"
    assert {"../odd id"} < {photo.product_id for photo in record.photos}
    assert len(record.items) == 6 * 3
    for photo in record.photos:
        image = read_photo(out, photo)
        assert image.shape == (16, 16, 3)
        with Image.open(out / photo.figure) as drawn:
            assert drawn.width > 1000
        items = [item for item in record.items if item.product_id == photo.product_id]
        assert [(item.method, item.target) for item in items] == [
            ("integrated_gradients", photo.predicted),
            ("occlusion", photo.predicted),
            ("occlusion", photo.counter),
        ]
        target = np.array([linear.labels.index(photo.predicted)])
        np.testing.assert_allclose(read_map(out, items[0]), exact_map(linear, image[None], target)[0], atol=1e-5)
        assert items[0].completeness_gap == pytest.approx(0, abs=1e-4)
    assert all(
        path.parent.name in ("attributions", "maps", "figures") for path in out.rglob("*.*") if path.parent != out
    )
    parts = PartsRecord.read(out / "parts.json")
    assert (parts.key, parts.training_key, parts.n, list(parts.parts)) == (record.key, KEY, 6, ["rgb"])
    assert not (out / "robustness.json").exists(), "quick does not ask for it"


def test_settings_of_methods_that_are_not_asked_for_change_no_key():
    assert params(lime={"samples": 7}).used() == params().used()
    assert params(occlusion={"window_px": 7}).used() != params().used()
    assert params(batch_px=1).used() == params().used()


def test_a_method_that_the_network_cannot_have_is_told_and_the_rest_is_made(tmp_path, linear):
    class Stepped(LinearSubject):
        @property
        def differentiable(self):
            raise NotExplainable("a linear classifier has no gradients here.")

    linear.__class__ = Stepped
    _, record, _ = interpret(tmp_path, n_own={"right_sure": 1, "right_unsure": 0, "wrong_sure": 0, "wrong_unsure": 0})
    refused = [item for item in record.items if item.map is None]
    assert {item.method for item in refused} == {"integrated_gradients"}
    assert refused[0].note == "Integrated Gradients: a linear classifier has no gradients here."
    assert all(item.map for item in record.items if item.method == "occlusion")


def test_a_candidate_that_did_not_learn_says_so(tmp_path, linear):
    _, record, _ = interpret(tmp_path, training={"learned": False, "not_learned": "no better than chance"})
    assert record.notes[-1] == (
        "This candidate did not learn (no better than chance): its maps show what chance looks at."
    )


def test_robustness_is_measured_where_strengths_are_given(tmp_path, linear):
    out, record, _ = interpret(tmp_path, robustness={"strengths": [2]}, parts={"groups": []}, n_shared=0)
    found = RobustnessRecord.read(out / "robustness.json")
    assert (found.key, found.training_key, found.n) == (record.key, KEY, 6)
    assert found.mean_loss == 100 * found.mean_lost.mean
    assert {path.name for path in (out / "figures").iterdir()} == {"robustness.png", "corruptions.png"}
    assert PartsRecord.read(out / "parts.json").parts == {}


def test_nothing_to_explain_is_fine(tmp_path, linear):
    _, record, _ = interpret(tmp_path, n_shared=0, n_own=dict.fromkeys(params().n_own, 0))
    assert (record.photos, record.items, record.notes) == ([], [], [])


@pytest.mark.survives
def test_a_figure_that_fails_costs_no_record(tmp_path, linear, broken_figures):
    out, record, _ = interpret(tmp_path)
    assert [failure.what for failure in read_failures(out)] == [
        "figures/parts.png",
        "figures/mean_maps.png",
        *(photo.figure for photo in record.photos),
    ]
    assert len(record.items) == 2 * len(record.photos) > 0


def test_predictions_of_another_split_are_not_explained(tmp_path):
    catalogue = make_catalogue(tmp_path)
    write_training(tmp_path / "training", catalogue)
    catalogue.products["split"] = catalogue.products["split"].to_numpy()[::-1]
    with pytest.raises(EvaluationError, match="its column split differs from the catalogue's"):
        read_candidate(tmp_path / "training", catalogue)


def test_maps_of_one_method_share_a_scale_and_any_number_of_panels_is_drawn(tmp_path, linear):
    out, record, _ = interpret(tmp_path, methods=["occlusion"], counter_methods=["occlusion"])
    shown = panels(out, record.items[:2])
    assert [panel.scale for panel in shown] == ["occlusion", "occlusion"]
    largest = max(np.percentile(np.abs(panel.values), 99) for panel in shown)
    assert scales(shown)["occlusion"] == pytest.approx(largest, rel=0.3)
    assert scales([panel._replace(values=0 * panel.values) for panel in shown])["occlusion"] == 1.0


def test_caption_needs_no_colours():
    names = {"product_id": "p1", "true": "cat", "kind": "shared", "box": None, "photo": "p", "figure": "p1.png"}
    names |= {"probabilities": {"dog": 0.875, "cat": 0.125}, "counter": "cat"}
    wrong = ExplainedPhoto(predicted="dog", correct=False, **names)
    assert caption("m-frozen", wrong) == "✗ wrong: dog with probability 0.88, truly cat\nm-frozen · p1"
    right = ExplainedPhoto(predicted="cat", correct=True, **names | {"probabilities": {"cat": 0.875}})
    assert caption("m-frozen", right).startswith("✓ right: cat with probability 0.88\n")
