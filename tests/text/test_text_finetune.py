"""Fine-tuned encoders: they learn on from the frozen one, by the house's loop, and are opened as any text candidate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bakeoff.core.errors import ParamsError
from bakeoff.core.section import load_section, load_top, read_yaml, validate_section
from bakeoff.data.predictions import read_out_of_fold, read_predictions
from bakeoff.learning.recipe import TrainingParams
from bakeoff.records.catalogue import LabelsRecord
from bakeoff.records.text import TextClassifierParams
from bakeoff.text.params import StudyTexts
from bakeoff.text.predictor import load_text_predictor, open_text_model
from bakeoff.text.train import train_text
from bakeoff.training.loop import _Trainer
from bakeoff.weights.texts import fetch_text_weights
from records_made import dataset
from text_study import ONE_CORE, WEIGHTS, catalogue_of, plan_of
from tiny_encoder import encoder_params, encoder_settings, save_encoder

pytestmark = pytest.mark.torch
ROOT = Path(__file__).resolve().parents[2]
OWN = {"epochs": 20, "learning_rate": 0.01, "batch_size": 8, "layer_decay": 0.5, "ema": None, "select": "accuracy"}
HEAD = {"name": "finetune", "c": 0.01, "max_iter": 100, "recipe": OWN}


def whole(recipe):
    """Return a recipe as data/candidates has it."""
    return (
        load_top(ROOT / "params.yaml", StudyTexts)
        .model_copy(update={"text_settings": {"tiny": tiny(recipe)}})
        .describe("tiny", load_section(ROOT / "params.yaml", TrainingParams))
        .classifier.recipe
    )  # type: ignore[union-attr]


def tiny(recipe):
    own = load_top(ROOT / "params.yaml", StudyTexts).text_settings["minilm_finetuned"]
    return own.model_copy(update={"classifier": own.classifier.model_copy(update={"recipe": recipe})})


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A main checkout with an encoder's files, a catalogue, and the settings of a fine-tuned text model."""
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("")
    save_encoder(tmp_path / "encoder")
    own = encoder_settings({"tiny": encoder_params("encoder")}, classifier=HEAD | {"recipe": whole(OWN)})
    fetch_text_weights(own, WEIGHTS, tmp_path / "weights" / "tiny")
    return tmp_path, catalogue_of(tmp_path), own


def trained(study, name="one"):
    root, catalogue, own = study
    folder = root / name / "seed_0" / "training"
    return train_text(plan_of(root, catalogue, settings=own), folder), folder


def test_it_learns_and_leaves_what_every_candidate_leaves(study):
    root, catalogue, own = study
    record, folder = trained(study)
    assert record.not_learned is None
    assert (record.candidate, record.modality, record.learned) == ("tiny-original", "text", True)
    assert record.training == own.classifier.recipe
    assert record.training["learning_rate"] == 0.01
    assert record.n_trainable == record.n_parameters
    history = pd.read_csv(folder / "history.csv")
    assert (len(history), record.epochs_run) == (20, 20)
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0] / 2
    assert (folder / "figures" / "history.png").is_file()
    predictions = read_predictions(folder / "predictions.parquet", catalogue=catalogue)
    label_ids, probabilities = predictions.split("test")
    assert (probabilities.argmax(axis=1) == label_ids).mean() > 0.9
    assert read_out_of_fold(folder, catalogue=catalogue) is None  # the encoder has learnt from all of train
    before, after = root / "weights" / "tiny" / "tiny" / "model.safetensors", folder / "encoder" / "tiny"
    assert before.read_bytes() != (after / "model.safetensors").read_bytes()
    assert (before.parent / "tokenizer.json").read_bytes() == (after / "tokenizer.json").read_bytes()


def test_what_is_opened_answers_as_what_was_trained_without_the_weights(study):
    root, catalogue, _ = study
    _, folder = trained(study)
    (root / "weights").rename(root / "gone")
    texts = pd.read_parquet(root / "texts.parquet").set_index("product_id")["title"]
    asked = texts.loc[catalogue.products["product_id"].tolist()].tolist()
    expected = read_predictions(folder / "predictions.parquet").probabilities
    np.testing.assert_array_equal(load_text_predictor(folder).predict(asked), expected)


def test_a_seed_gives_the_same_bytes_also_after_an_interruption(study, monkeypatch):
    def files(folder):
        names = ("encoder/tiny/model.safetensors", "classifier.npz", "training.json", "predictions.parquet")
        return [(folder / name).read_bytes() for name in names]

    expected = files(trained(study)[1])
    monkeypatch.setattr("bakeoff.training.checkpoint.CheckpointFolder.is_due", lambda self: True)
    end_epoch, n_ended = _Trainer._end_epoch, []

    def killed(self):
        n_ended.append(1)
        if len(n_ended) == 3:
            raise KeyboardInterrupt
        return end_epoch(self)

    with monkeypatch.context() as patch:
        patch.setattr(_Trainer, "_end_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            trained(study, "two")
    assert len(list((study[0] / ".bakeoff" / "checkpoints").glob("*/state.pt"))) == 1
    _, folder = trained(study, "two")
    assert files(folder) == expected
    assert not list((study[0] / ".bakeoff" / "checkpoints").glob("*/state.pt"))


def test_a_class_without_a_training_text_gets_nearly_nothing(study):
    root, catalogue, own = study
    products = catalogue.products
    products.loc[(products["label"] == "red") & (products["split"] == "train"), "split"] = "validation"
    folder = root / "two" / "training"
    train_text(plan_of(root, catalogue, settings=own), folder)
    red = list(catalogue.labels).index("red")
    assert read_predictions(folder / "predictions.parquet").probabilities[:, red].max() < 0.01


def test_it_is_timed_from_its_weights(study):
    root, catalogue, own = study
    catalogue.products.to_parquet(root / "products.parquet", index=False)
    LabelsRecord(labels=list(catalogue.labels), dataset=dataset(name="flat", digest="0")).write(root / "labels.json")
    timed = open_text_model(own, root, compute=ONE_CORE, weights_dir=root / "weights" / "tiny")
    assert timed.forward(["sky", "rose"]).shape == (2, 3)


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ({"augment": "flip"}, r"recipe of a text model: finetune\.augment: texts take no augment"),
        ({"compile": True}, r"finetune\.compile: texts take no compile"),
        ({"gradient_checkpointing": True}, r"texts take no gradient_checkpointing"),
        ({"balance": {"name": "smote"}}, r"finetune\.balance: smote needs features, which change here"),
        ({"loss": "bce"}, r"recipe of a text model: finetune\.loss: texts learn by cross_entropy, got bce"),
        ({"epochs": 0}, r"recipe of a text model: finetune\.epochs"),
        ({"rate": 1}, r"recipe of a text model: finetune\.rate"),
    ],
)
def test_what_is_no_recipe_of_a_text_is_refused(recipe, told):
    with pytest.raises(ParamsError, match=told):
        whole(recipe)


@pytest.mark.parametrize(
    "change",
    [
        {"balance": "smote"},
        {"vectoriser": None},
        {"vectoriser": {"encoders": {name: dict(encoder_params("x")) for name in ("a", "b")}}},
    ],
)
def test_one_encoder_learns_at_a_time(change):
    known = {"vectoriser": {"encoders": {"a": dict(encoder_params("x"))}}, "classifier": HEAD, "balance": "none"}
    validate_section(TextClassifierParams, known, where="here")
    with pytest.raises(ParamsError, match="finetune takes one encoder and balance none"):
        validate_section(TextClassifierParams, known | change, where="here")


@pytest.mark.parametrize("name", ["minilm_finetuned", "camembert_finetuned"])
def test_the_files_of_the_house_are_whole(name):
    study, training = load_top(ROOT / "params.yaml", StudyTexts), load_section(ROOT / "params.yaml", TrainingParams)
    own = read_yaml(ROOT / "params.yaml")["text_settings"][name]["classifier"]["recipe"]
    recipe = study.describe(name, training).classifier.recipe  # type: ignore[union-attr]
    assert {*own} < {*recipe}
    assert recipe["augment"]["name"] == "none"
