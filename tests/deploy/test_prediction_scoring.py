"""Scoring without a framework: chunks, going on after an interruption, measures, locks."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from PIL import Image

from bakeoff.catalogue.measures import MEASURES
from bakeoff.core.errors import EvaluationError
from bakeoff.core.machine import ComputeParams
from bakeoff.data.batching import PREDICT_BATCH
from bakeoff.data.decode import Rejection, pixel_digest
from bakeoff.data.products import Products
from bakeoff.data.table import DIGESTS
from bakeoff.deploy.prediction import request, scores, scoring
from bakeoff.deploy.prediction.candidates import TrainedCandidate
from bakeoff.deploy.prediction.request import Request, request_key
from bakeoff.deploy.prediction.scores import find_splits
from numpy_predictor import NumpyPredictor
from prepared import PREPARE as AT_100_PX
from records_made import dataset, training_record

LABELS = ["blue", "green", "red"]
PREPARE = AT_100_PX.model_copy(update={"store_px": 64})


@pytest.fixture
def photos(tmp_path) -> pd.DataFrame:
    """Eleven flat photos in blue, green and red by turns; the fifth is none, the sixth is missing."""
    paths = []
    for number in range(11):
        colour = [0, 0, 0]
        colour[2 - number % 3] = 200
        path = tmp_path / "photos" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), tuple(colour)).save(path)
        paths.append(str(path))
    (tmp_path / "photos" / "4.png").write_text("no photo")
    (tmp_path / "photos" / "5.png").unlink()
    return pd.DataFrame({"path": paths, "malformed": None, "column": None}, dtype=object)


class WithFeatures(NumpyPredictor):
    """Also gives features: the mean colour."""

    def classify_with_features(self, images):
        return self.predict_images(images), images.mean(axis=(1, 2)).astype(np.float32)


@pytest.fixture
def numpy_request(tmp_path, monkeypatch) -> Request:
    """A request that the NumPy predictor answers in this process, four photos a chunk."""
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    for module in (scores, scoring, request):
        monkeypatch.setattr(module, "CHUNK", 4)
    monkeypatch.setattr(request, "load_predictor", lambda folder, *, device: WithFeatures(LABELS))
    monkeypatch.setattr(request, "_PACKAGES", {"torch": "numpy"})
    known = {"training_dir": str(tmp_path), "training_key": "k", "prepare": PREPARE, "device": "cpu", "threads": 1}
    return Request(environment="torch", **known, title="t", more=True)


def test_every_photo_has_a_row_in_order(numpy_request, photos):
    with request.scored(numpy_request, photos) as folder:
        parts = list(scores.read_chunks(folder, len(photos)))
    assert [len(part.reasons) for part in parts] == [4, 4, 3]
    reasons = [reason for part in parts for reason in part.reasons]
    assert reasons == [None] * 4 + ["not_an_image", "missing_file"] + [None] * 5
    probabilities = np.concatenate([part.probabilities for part in parts])
    sound = [0, 1, 2, 3, 6, 7, 8, 9, 10]
    assert probabilities[sound].argmax(axis=1).tolist() == [number % 3 for number in sound]
    assert np.isnan(probabilities[[4, 5]]).all()
    features = np.concatenate([part.features for part in parts])
    assert features[6] == pytest.approx([0, 0, 200 / 255], abs=1e-5)
    measures = np.concatenate([part.measures for part in parts])
    assert measures[6, MEASURES.index("megapixels")] == pytest.approx(256e-6)
    assert not folder.exists(), "the scores were only needed until the answers are written"


def test_an_interrupted_run_goes_on_where_it_ended(numpy_request, photos, monkeypatch, capsys):
    class Stops(WithFeatures):
        def images(self, products):
            if self.n_predicted >= 4:
                raise KeyboardInterrupt
            return super().images(products)

    seen: list[WithFeatures] = []

    def load(folder, *, device):
        seen.append((Stops if not seen else WithFeatures)(LABELS))
        return seen[-1]

    monkeypatch.setattr(request, "load_predictor", load)
    with pytest.raises(KeyboardInterrupt), request.scored(numpy_request, photos):
        pass
    assert "stopped; 4 of 11 photos are done, the same command goes on there" in capsys.readouterr().err
    with request.scored(numpy_request, photos, keep=True) as folder:
        parts = list(scores.read_chunks(folder, len(photos)))
    assert seen[1].n_predicted == 5, "the first four photos are not looked at again"
    with request.scored(numpy_request, photos) as folder:
        again = list(scores.read_chunks(folder, len(photos)))
    assert len(seen) == 2, "complete scores need no predictor"
    assert np.array_equal(parts[2].probabilities, again[2].probabilities)


def test_the_key_follows_photos_candidate_and_preparation(numpy_request, photos):
    key = request_key(numpy_request, photos)
    assert key == request_key(numpy_request, photos)
    Image.new("RGB", (20, 20)).save(photos["path"][0])
    assert request_key(numpy_request, photos) != key
    other = Request(**vars(numpy_request) | {"training_key": "other"})
    assert request_key(other, photos) != request_key(numpy_request, photos)


def test_two_processes_do_not_share_a_folder(numpy_request, photos, tmp_path):
    lock = tmp_path / ".bakeoff" / "predictions" / f"{request_key(numpy_request, photos)}.lock"
    lock.parent.mkdir(parents=True)
    with (
        FileLock(lock),
        pytest.raises(EvaluationError, match="another process is predicting the same photos"),
        request.scored(numpy_request, photos),
    ):
        pass


def test_the_studys_own_photos_are_found_by_their_pixels(numpy_request, photos, tmp_path, capsys):
    """The first photo is a copy of a train and a test product in another file format, the second of a test product."""
    with request.scored(numpy_request, photos, keep=True) as folder:
        assert set(find_splits(tmp_path, folder, len(photos))) == {""}
    assert "digests.parquet is missing: the study's own photos count as new ones; run" in capsys.readouterr().err
    for name in ("catalogue", "splits"):
        (tmp_path / "data" / name).mkdir(parents=True)
    colours = [(0, 0, 200), (0, 0, 200), (0, 200, 0), (9, 9, 9)]
    digests = [pixel_digest(Image.new("RGB", (16, 16), colour)) for colour in colours]
    ids = ["a", "b", "c", "d"]
    pd.DataFrame({"product_id": ids, "digest": digests}).to_parquet(tmp_path / "data" / "catalogue" / DIGESTS)
    splits = pd.DataFrame({"product_id": ids[::-1], "split": ["train", "test", "test", "train"]})
    splits.to_parquet(tmp_path / "data" / "splits" / "splits.parquet")
    found = find_splits(tmp_path, folder, len(photos)).tolist()
    assert found == ["train", "test", "", "train", "", "", "train", "test", "", "train", "test"]
    splits.replace({"train": "unused"}).to_parquet(tmp_path / "data" / "splits" / "splits.parquet")
    found = find_splits(tmp_path, folder, len(photos)).tolist()
    assert found == ["test", "test", "", "test", "", "", "test", "test", "", "test", "test"]


@pytest.mark.slow
def test_a_failing_environment_is_told(numpy_request, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(request, "_PACKAGES", {"torch": "no_such_package"})
    monkeypatch.setenv("BAKEOFF_PYTHON_TORCH", sys.executable)
    with (
        pytest.raises(EvaluationError, match=r"predicting in .* failed \(status 1\); see the message above"),
        request.scored(numpy_request, photos),
    ):
        pass


def test_what_cannot_be_a_path_is_a_missing_file():
    found = list(scoring.read_files(["", "x" * 300, "a\0b"], PREPARE, malformed=[None] * 3))
    assert [one.reason for one in found if isinstance(one, Rejection)] == ["missing_file"] * 3


def test_memory_does_not_grow_with_the_number_of_photos(photos, tmp_path):
    """At most one batch is held and one chunk is read ahead."""
    most, taken, done = 0, 0, 0

    class Watched(NumpyPredictor):
        def images(self, products: Products):
            nonlocal most
            most = max(most, len(products))
            return super().images(products)

    def source():
        nonlocal taken
        n = 3 * scores.CHUNK
        for photo in scoring.read_files([photos["path"][0]] * n, PREPARE, malformed=[None] * n):
            taken += 1
            assert taken - done <= scores.CHUNK
            yield photo

    def advance(n):
        nonlocal done
        done += n

    scoring.score_photos(Watched(LABELS), source(), tmp_path, advance=advance)
    assert (most, done) == (PREDICT_BATCH, 3 * scores.CHUNK)
    assert scores.n_done(tmp_path) == 3


def test_a_chunk_of_refusals_keeps_the_width_of_its_columns(tmp_path):
    photos = [Rejection("empty_file", "0 bytes")]
    scoring.score_photos(WithFeatures(LABELS), photos, tmp_path, more=True)
    (part,) = scores.read_chunks(tmp_path, 1)
    assert part.probabilities.shape == (1, 3)
    assert part.features is not None
    assert part.features.shape == (1, 3)
    assert part.measures is not None
    assert np.isnan(part.measures).all()


def test_the_request_comes_back_as_it_was_written(numpy_request, photos, tmp_path):
    numpy_request.save(tmp_path, photos)
    found, listing = request.load_request(tmp_path)
    assert found == numpy_request
    assert [os.fsdecode(path) for path in listing["path"]] == photos["path"].tolist()
    told = json.loads((tmp_path / "request.json").read_text())
    assert (told["device"], told["threads"], told["prepare"]["store_px"]) == ("cpu", 1, 64)


@pytest.mark.parametrize(("threads", "used"), [(3, 3), (None, request.default_threads())])
def test_a_request_takes_packing_from_the_training_and_the_machine_from_params(threads, used, tmp_path):
    training = training_record("baseline_tf", dataset=dataset(prepare=PREPARE), key="k")
    candidate = TrainedCandidate("baseline_tf", 0, tmp_path, training)
    found = request.make_request(candidate, ComputeParams(device="cpu", threads=threads), title="t")
    assert (found.environment, found.training_key, found.prepare.store_px) == ("tf", "k", 64)
    assert (found.device, found.threads) == ("cpu", used)
    assert found.training_dir == str(tmp_path / "training")


def test_many_photos_are_worth_finding_the_fastest_way(numpy_request, photos, monkeypatch, capsys):
    class Faster(WithFeatures):
        def speed_up(self, *, n_trials=3):
            return "at full speed"

    monkeypatch.setattr(request, "load_predictor", lambda folder, *, device: Faster(LABELS))
    with request.scored(numpy_request, photos):
        assert "runs" not in capsys.readouterr().err
    monkeypatch.setattr(request, "ENOUGH_TO_TRY", 11)
    with request.scored(numpy_request, photos):
        assert "bakeoff: t runs at full speed." in capsys.readouterr().err


def test_importing_it_loads_no_framework():
    import subprocess

    code = (
        "import sys, bakeoff.deploy.prediction.run, bakeoff.deploy.monitoring.run; "
        "print([name for name in ('torch', 'tensorflow', 'keras', 'mlflow') if name in sys.modules])"
    )
    path = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr
