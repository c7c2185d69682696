from __future__ import annotations

import csv
import dataclasses

import numpy as np
import pytest
from PIL import Image

from bakeoff.core.errors import EvaluationError, SetupError, TrainingError, WeightsError
from bakeoff.data.predictions import read_predictions
from bakeoff.learning.history import COLUMNS
from bakeoff.records.training import CostRecord, TrainingRecord
from baseline_tf.conftest import make_catalogue
from several_photos import N_PRODUCTS, PARAMS, PHOTOS_PER_CLASS, mean_by_product, with_several_photos

pytestmark = [pytest.mark.tf, pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")]


def read(folder):
    return TrainingRecord.read(folder / "training.json")


def predictions(folder, catalogue):
    return read_predictions(folder / "predictions.parquet", catalogue=catalogue).probabilities


def test_training_json_says_what_was_trained(frozen_dir, params):
    values = read(frozen_dir)
    assert (values.candidate, values.model, values.mode) == ("baseline_tf", "baseline_tf", "frozen")
    assert (values.framework, values.environment, values.scan) == ("tensorflow", "tf", None)
    assert (values.loss, values.probabilities, values.score) == ("cross_entropy", "softmax", "logits")
    assert values.preprocessing == {"image_size": 32, "crop_pct": 0.875, "interpolation": "bicubic"}
    assert values.training["optimizer"] == {"name": "adamw", "weight_decay": 0.01}
    assert values.settings == params().model_dump(mode="json")
    assert values.training["epochs"] == values.epochs_run == 10
    assert values.steps_run == 30  # 24 products, 8 a step, 10 epochs
    assert values.n_trainable == 1280 * 3 + 3
    assert values.n_features == 1280
    assert len(values.key) == 16
    n_values = 4_049_571 + 1280 * 3 + 3  # EfficientNet-B0 without top, its statistics included, and the dense layer
    assert values.size_mib == 4 * n_values / 2**20


def test_cost_json_says_what_it_took(frozen_dir):
    cost = CostRecord.read(frozen_dir / "cost.json")
    assert cost.key == read(frozen_dir).key
    assert cost.started_at <= cost.ended_at
    assert cost.predict_time_s > 0 < cost.train_memory_mib


def test_it_learns_colours_and_says_so(frozen_dir, colours):
    values = read(frozen_dir)
    assert values.learned is True
    assert values.best_validation_accuracy >= 2 / 3  # of three; the majority class would give 1/3
    right = predictions(frozen_dir, colours).argmax(axis=1) == colours.label_ids(range(30))
    assert right.mean() > 0.8


@pytest.mark.usefixtures("three_layers", "no_rendering")
def test_a_run_at_the_majoritys_accuracy_says_that_it_did_not_learn(train, tmp_path, capsys):
    schedule = {"epochs": 1, "learning_rate": 1e-12, "max_steps": 1}
    values = train(tmp_path, pretrained="random", frozen=schedule, seed=2)
    assert values.best_validation_accuracy in (0, 1 / 3, 2 / 3, 1)
    assert values.learned is (values.best_validation_accuracy > 1 / 3)
    assert ("DID NOT LEARN" in capsys.readouterr().err) is not values.learned


def test_history_has_the_contracts_columns(frozen_dir):
    with (frozen_dir / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["epoch"] for row in rows][:3] == ["1", "2", "3"]
    assert [row["step"] for row in rows][:3] == ["3", "6", "9"]
    assert float(rows[0]["learning_rate"]) == pytest.approx(0.003)
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])


def test_both_figures_are_pictures(frozen_dir):
    for name in ("preview.png", "history.png"):
        with Image.open(frozen_dir / "figures" / name) as picture:
            assert min(picture.size) > 300


@pytest.mark.slow
def test_cached_features_give_the_uncached_paths_predictions(frozen_dir, train, colours, tmp_path):
    train(tmp_path / "uncached", cache_features=False)
    difference = predictions(tmp_path / "uncached", colours) - predictions(frozen_dir, colours)
    assert np.abs(difference).max() < 1e-5


@pytest.mark.slow
@pytest.mark.usefixtures("three_layers", "no_rendering")
def test_the_same_seed_gives_the_same_bits_and_key_and_another_does_not(train, colours, tmp_path):
    folder = tmp_path / "first"
    one, again, other = (train(tmp_path / name, seed=seed) for name, seed in (("first", 0), ("again", 0), ("other", 1)))
    first = predictions(folder, colours)
    np.testing.assert_array_equal(predictions(tmp_path / "again", colours), first)
    for name in ("training.json", "predictions.parquet"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name
    costs = [CostRecord.read(path / "cost.json") for path in (folder, tmp_path / "again")]
    assert costs[0].key == costs[1].key
    assert costs[0].predict_time_s != costs[1].predict_time_s
    assert np.abs(predictions(tmp_path / "other", colours) - first).max() > 1e-4
    assert again.key == one.key
    assert other.key != again.key


def test_frozen_changes_no_backbone_value_and_no_statistic(frozen_dir, backbone):
    from bakeoff.baseline_tf.runtime import keras

    saved = keras.models.load_model(frozen_dir / "model.keras").get_layer("efficientnetb0")
    for ours, theirs in zip(saved.get_weights(), backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_finetune_stops_at_the_step_cap_and_changes_weights_and_statistics(train, tmp_path, backbone, colours):
    from bakeoff.baseline_tf.runtime import keras

    values = train(tmp_path, mode="finetune", loss="bce")
    assert values.steps_run == 2
    assert values.n_trainable == values.n_parameters
    assert values.probabilities == "sigmoid_normalised"
    from bakeoff.predictors.keras_predictor import load_keras_predictor

    written = read_predictions(tmp_path / "predictions.parquet", catalogue=colours)
    reloaded = load_keras_predictor(tmp_path, device="cpu", threads=1)
    np.testing.assert_array_equal(reloaded.predict(colours.at(range(30))), written.probabilities)
    logits = reloaded.network(reloaded.images(colours.at(range(30))) * 255, training=False).numpy()
    one_hot = np.eye(3, dtype=np.float32)[colours.label_ids(range(30))]
    losses = keras.losses.BinaryCrossentropy(from_logits=True, reduction=None)(one_hot, logits).numpy()
    assert written.products["loss"].to_numpy() == pytest.approx(losses, rel=1e-3, abs=1e-5)
    saved = keras.models.load_model(tmp_path / "model.keras").get_layer("efficientnetb0")
    changed = {
        layer.name.split("_")[-1]
        for layer, start in zip(saved.layers, backbone.layers, strict=True)
        if layer.weights and all(np.any(a != b) for a, b in zip(layer.get_weights(), start.get_weights(), strict=True))
    }
    assert {"conv", "bn", "dwconv"} <= changed
    assert not any("normalization" in name for name in changed)


@pytest.mark.usefixtures("three_layers", "no_rendering")
def test_max_steps_caps_frozen_too_and_the_hook_sees_each_epoch(train, tmp_path, weights_dir, colours, params):
    from bakeoff.baseline_tf.train import prepare_run, train_baseline
    from bakeoff.core.machine import ComputeParams

    schedule = {"epochs": 3, "learning_rate": 0.003, "max_steps": 4}
    run = prepare_run(
        params(pretrained="random", frozen=schedule),
        catalogue=colours,
        weights_dir=weights_dir,
        seed=0,
        compute=ComputeParams(device="cpu", threads=1),
    )
    rows = []
    values = train_baseline(run, tmp_path, on_epoch=rows.append)
    assert values.steps_run == 4
    assert [row["step"] for row in rows] == [3, 4]
    assert values.stopped_early is False


@pytest.mark.slow
def test_as_is_trains_nothing_and_matches_classes_by_name(frozen_dir, train, colours, tmp_path):
    from bakeoff.baseline_tf.runtime import keras

    model = keras.models.load_model(frozen_dir / "model.keras")
    order = [2, 0, 1]
    keras.Model(model.input, keras.ops.take(model.output, order, axis=-1)).save(tmp_path / "earlier.keras")
    (tmp_path / "classes.txt").write_text("\n".join(colours.labels[index] for index in order))
    values = train(
        tmp_path / "out",
        mode="as_is",
        weights_file=str(tmp_path / "earlier.keras"),
        class_names=str(tmp_path / "classes.txt"),
    )
    assert (values.epochs_run, values.steps_run, values.n_trainable) == (0, 0, 0)
    assert values.probabilities == "as_is"
    assert values.best_validation_accuracy == pytest.approx(read(frozen_dir).best_validation_accuracy)
    assert values.learned is True
    np.testing.assert_allclose(predictions(tmp_path / "out", colours), predictions(frozen_dir, colours), atol=1e-6)
    found = read_predictions(tmp_path / "out" / "predictions.parquet").products
    assert set(found["origin"]) == {"held_out"}, "it was trained on other products"
    chosen = predictions(tmp_path / "out", colours)[np.arange(30), colours.label_ids(range(30))]
    assert found["loss"].to_numpy() == pytest.approx(-np.log(chosen), rel=1e-4, abs=1e-6)
    assert (tmp_path / "out" / "history.csv").read_text().startswith("epoch,step")


@pytest.mark.slow
def test_an_earlier_projects_backbone_starts_a_frozen_training(frozen_dir, train, colours, tmp_path):
    first = train(tmp_path / "a", weights_file=str(frozen_dir / "model.keras"))
    for name in ("model.keras", "training.json"):
        assert (tmp_path / "a" / name).is_file()
    assert first.weights.source == "user_file"
    np.testing.assert_allclose(predictions(tmp_path / "a", colours), predictions(frozen_dir, colours), atol=1e-6)
    assert first.key != read(frozen_dir).key


@pytest.mark.usefixtures("three_layers", "no_rendering")
def test_random_weights_are_taken_where_the_record_says_so(train, tmp_path):
    from bakeoff.records.weights import WeightsRecord

    record = WeightsRecord(
        model="baseline_tf",
        source="random",
        file=None,
        url_or_id=None,
        revision=None,
        sha256=None,
        licence="Apache-2.0",
        commercial_use=True,
        reason="unreachable",
    )
    record.write(tmp_path / "weights")
    values = train(tmp_path / "out", weights=tmp_path / "weights")
    assert values.weights.source == "random"


def test_a_recorded_file_that_is_gone_is_told(train, tmp_path, weights_dir):
    (tmp_path / "record.json").write_bytes((weights_dir / "record.json").read_bytes())
    with pytest.raises(WeightsError, match=r"efficientnetb0_notop\.h5 is missing though its record names it"):
        train(tmp_path / "out", weights=tmp_path)


def test_weights_fetched_for_other_params_are_refused(weights_dir, params):
    from bakeoff.baseline_tf.initial import fetched_file
    from bakeoff.records.weights import read_record

    asked = params(weights_file="data/raw/earlier.h5")
    with pytest.raises(WeightsError, match=r"\(source folder\), but baseline\.weights_file is data/raw"):
        fetched_file(asked, weights_dir=weights_dir, record=read_record(weights_dir))


@pytest.mark.usefixtures("three_layers", "no_rendering")
def test_a_loss_that_is_no_number_stops_the_training(train, tmp_path):
    schedule = {"epochs": 2, "learning_rate": 1e38, "max_steps": None}
    with pytest.raises(TrainingError, match=r"loss of baseline_tf is (nan|inf) at step \d+; lower"):
        train(tmp_path, pretrained="random", frozen=schedule)


def test_a_network_whose_scores_are_no_numbers_leaves_no_record(train, tmp_path, monkeypatch):
    from bakeoff.baseline_tf import train as trainer

    whole = trainer._forward_with_bar

    def diverged(run, net, positions, progress, title, **options):
        found = whole(run, net, positions, progress, title, **options)
        return found * np.nan if title == "predictions" else found

    monkeypatch.setattr(trainer, "_forward_with_bar", diverged)
    with pytest.raises(EvaluationError, match="baseline_tf gives scores that are no numbers; train it at a lower"):
        train(tmp_path, frozen={"epochs": 1, "learning_rate": 0.003, "max_steps": 1})
    assert list(tmp_path.iterdir()) == []


def test_an_empty_split_is_refused(train, tmp_path, colours, weights_dir, params):
    from bakeoff.baseline_tf.train import prepare_run
    from bakeoff.core.machine import ComputeParams

    empty = dataclasses.replace(colours, products=colours.products.assign(split="train"))
    with pytest.raises(TrainingError, match="the validation split has no product"):
        prepare_run(
            params(), catalogue=empty, weights_dir=weights_dir, seed=0, compute=ComputeParams(device="cpu", threads=1)
        )


@pytest.mark.parametrize(
    ("device", "sentence"), [("cuda", "TensorFlow finds no GPU"), ("mps", "choose auto, cpu or cuda")]
)
def test_a_device_that_is_not_there(device, sentence):
    from bakeoff.baseline_tf.runtime import start, tf

    if device == "cuda" and tf.config.list_physical_devices("GPU"):
        pytest.skip("a GPU is here")
    with pytest.raises(SetupError, match=sentence):
        start(device=device, threads=1)


@pytest.mark.usefixtures("three_layers", "no_rendering")
def test_a_product_of_several_photos_is_predicted_by_their_mean_and_counts_once(params, weights_dir, tmp_path):
    from bakeoff.baseline_tf.train import prepare_run, train_baseline
    from bakeoff.core.machine import ComputeParams
    from bakeoff.evaluation.run import evaluate_candidate
    from bakeoff.predictors.keras_predictor import load_keras_predictor

    several = with_several_photos(make_catalogue(tmp_path / "several", n_per_class=PHOTOS_PER_CLASS))
    compute, schedule = ComputeParams(device="cpu", threads=1), {"epochs": 1, "learning_rate": 0.003, "max_steps": None}
    run = prepare_run(params(frozen=schedule), catalogue=several, weights_dir=weights_dir, seed=0, compute=compute)
    train_baseline(run, tmp_path / "training", cache_features=False)
    written = read_predictions(tmp_path / "training" / "predictions.parquet", catalogue=several)
    found = load_keras_predictor(tmp_path / "training", device="cpu", threads=1).predict(several.at(range(54)))
    expected = mean_by_product(several, found)
    assert written.products["product_id"].tolist() == list(expected)
    assert np.abs(written.probabilities - list(expected.values())).max() < 1e-5
    metrics = evaluate_candidate(tmp_path / "training", several, tmp_path / "evaluation", params=PARAMS)
    assert {split: metrics.n(split) for split in N_PRODUCTS} == N_PRODUCTS


@pytest.mark.usefixtures("three_layers", "no_rendering")
def test_a_product_without_a_photo_is_not_learnt_from_and_gets_class_shares(colours, weights_dir, params, tmp_path):
    from bakeoff.baseline_tf.train import prepare_run, train_baseline
    from bakeoff.core.machine import ComputeParams

    without = [int(colours.rows(split)[0]) for split in ("train", "test")]
    products = colours.products.assign(has_photo=~colours.products.index.isin(without), has_text=True)
    fewer = dataclasses.replace(colours, products=products, reads="image")
    compute, schedule = ComputeParams(device="cpu", threads=1), {"epochs": 1, "learning_rate": 0.003, "max_steps": None}
    given = params(frozen=schedule, pretrained="random", batch_size=1)
    run = prepare_run(given, catalogue=fewer, weights_dir=weights_dir, seed=0, compute=compute)
    assert train_baseline(run, tmp_path).steps_run == len(colours.rows("train")) - 1
    train = colours.products.loc[colours.rows("train"), "label_id"]
    shares = np.bincount(train, minlength=3) / len(train)
    np.testing.assert_allclose(predictions(tmp_path, fewer)[without], [shares, shares], rtol=1e-6)
