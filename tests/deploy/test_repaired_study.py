"""A study whose photos are repaired: new photos are seen as the candidate saw the catalogue's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bakeoff.core.machine import ComputeParams
from bakeoff.data.predictions import read_predictions
from bakeoff.data.table import REPAIR
from bakeoff.deploy.explanation.run import ExplainOptions, explain_photos
from bakeoff.deploy.monitoring.products import score_reference
from bakeoff.deploy.prediction.candidates import find_candidate
from bakeoff.deploy.prediction.request import make_request, scored
from bakeoff.deploy.prediction.scores import read_chunks
from bakeoff.evaluation.calibration import apply_temperature
from bakeoff.records.catalogue import Repair
from bakeoff.records.training import TrainingRecord
from deploy.small_study import read_catalogue, train_tiny, write_catalogue, write_params


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """Every other product is sharpened; what is measured would sharpen new photos alike."""
    pytest.importorskip("torch")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    write_params(tmp_path)
    write_catalogue(tmp_path)
    off = dict.fromkeys(("crop_border", "saturation", "dominance_above", "equalise_below", "reject_below"))
    repair = Repair(name="mine", splits=["train", "validation", "test"], sharpen_below=99.0, **off)
    path = tmp_path / "data" / "splits" / "splits.parquet"
    splits = pd.read_parquet(path)
    splits[REPAIR] = pd.Series([None if n % 2 and s != "test" else "sharpen" for n, s in enumerate(splits["split"])])
    splits.attrs[REPAIR] = repair.model_dump()
    splits.to_parquet(path, index=False)
    train_tiny(tmp_path, read_catalogue(tmp_path), "frozen")
    return tmp_path


def test_predict_monitor_and_explain_repair_as_the_training_did(study):
    candidate = find_candidate(study, "tiny-frozen", seed=0)
    record = TrainingRecord.read(candidate.folder / "training" / "training.json")
    assert record.dataset.repair_name == "mine"
    predictions = read_predictions(candidate.folder / "training" / "predictions.parquet")
    compute = ComputeParams(device="cpu", threads=1)
    catalogue = read_catalogue(study)
    own = np.concatenate([catalogue.rows("test"), catalogue.rows("validation")])
    expected = apply_temperature(predictions.probabilities[own].astype(float), candidate.calibration.temperature)
    reference, _, splits = score_reference(study, candidate, compute)
    assert splits == ["test", "validation"]
    assert reference.probabilities == pytest.approx(expected, abs=1e-5)
    test = catalogue.rows("test")
    ids = catalogue.products["product_id"].to_numpy()[test]
    paths = [str(study / "raw" / "test" / one) for one in ids]
    listing = pd.DataFrame({"path": paths, "malformed": None, "column": None}, dtype=object)
    for repaired in (True, False):
        request = make_request(candidate, compute, title="t")
        if not repaired:
            plain = request.prepare.model_copy(update={"repair": None})
            request = request.model_copy(update={"prepare": plain})
        with scored(request, listing) as folder:
            (found,) = read_chunks(folder, len(paths))
        is_same = np.abs(found.probabilities - predictions.probabilities[test]).max() < 1e-5
        assert is_same == repaired, "the repair is what makes them equal"
    explain_photos(study, [Path(paths[0])], ExplainOptions("tiny-frozen", "occlusion", output=study / "out"))
    (explained,) = (study / "out").rglob("*.npz")
    assert np.load(explained)["probabilities"] == pytest.approx(expected[0], abs=1e-5)
