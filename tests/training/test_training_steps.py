"""Rates, groups and single steps against numbers by hand; what a mode lets learn."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.core.errors import ParamsError
from bakeoff.core.modes import parse_mode
from bakeoff.data.table import Catalogue
from training.conftest import recipe

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def factors(scheduler: Any, n_steps: int, losses: tuple[float, ...] = ()) -> list[float]:
    from bakeoff.training.optimise import rate_factor

    chosen = recipe(scheduler=scheduler).scheduler
    return [rate_factor(chosen, step, n_steps, losses) for step in range(n_steps)]


def test_schedules_by_hand() -> None:
    assert factors("constant", 3) == [1, 1, 1]
    step = {"name": "step", "every_epochs": 2, "factor": 0.5}
    assert [factors(step, 1, (1.0,) * n)[0] for n in range(6)] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    cosine = {"name": "cosine", "warmup": 0, "final": 0.1}
    assert factors(cosine, 4)[2] == pytest.approx(0.55)  # half the way
    warm = factors({"name": "cosine", "warmup": 0.5}, 8)
    assert warm[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1])


def test_one_cycle_is_torchs() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=20)
    expected = []
    for _ in range(20):
        expected.append(theirs.get_last_lr()[0])
        optimizer.step()
        if len(expected) < 20:
            theirs.step()
    assert factors("one_cycle", 20) == pytest.approx(expected)
    assert all(0 <= factor <= 1 for n in (1, 2, 3) for factor in factors("one_cycle", n))


def test_a_plateau_is_torchs() -> None:
    losses = [1.0, 0.5, 0.6, 0.5, 0.7, 0.49, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=2)
    scheduler = {"name": "plateau", "factor": 0.1, "patience_epochs": 2}
    for n in range(1, len(losses) + 1):
        theirs.step(losses[n - 1])
        assert factors(scheduler, 1, tuple(losses[:n]))[0] == pytest.approx(optimizer.param_groups[0]["lr"])
    assert theirs.get_last_lr()[0] < 0.1


@pytest.fixture
def plan(catalogue: Catalogue, weights_dir: Path, make_request: Callable[..., Any]) -> Callable[..., Any]:
    from bakeoff.training.plan import plan_training

    return lambda **options: plan_training(make_request(**options), catalogue, weights_dir=weights_dir)


def test_rates_fall_towards_the_input_and_norms_do_not_decay(plan: Callable[..., Any]) -> None:
    from bakeoff.training.optimise import parameter_groups

    prepared = plan(mode="finetune", learning_rate=0.1, head_learning_rate=0.5, layer_decay=0.25)
    groups = parameter_groups(prepared.model, prepared.recipe)
    of = {id(one): (group["lr"], group["weight_decay"]) for group in groups for one in group["params"]}
    named = dict(prepared.model.named_parameters())
    assert len(of) == len(named)
    backbone = "classifier.backbone."
    assert of[id(named["classifier.head.1.weight"])] == (0.5, 0.01)
    assert of[id(named["classifier.head.1.bias"])] == (0.5, 0)
    assert of[id(named[f"{backbone}conv1.0.weight"])] == (pytest.approx(0.025), 0.01)
    last = max(rate for name, one in named.items() if name.startswith(backbone) for rate in of[id(one)][:1])
    assert last == pytest.approx(0.1)
    norms = [name for name, one in named.items() if one.ndim == 1]
    assert norms
    assert {of[id(named[name])][1] for name in norms} == {0}
    rates = [of[id(named[f"{backbone}layer{n}.0.conv1.weight"])][0] for n in (1, 2, 3, 4)]
    assert rates == sorted(rates)


def test_groups_of_a_network_that_names_none() -> None:
    from bakeoff.backbones.classifier import layer_groups

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = torch.nn.Conv2d(3, 4, 1)
            block = lambda: torch.nn.Sequential(torch.nn.Linear(4, 4))  # noqa: E731
            self.levels = torch.nn.ModuleList(torch.nn.ModuleList(block() for _ in range(2)) for _ in range(2))
            self.norm = torch.nn.LayerNorm(4)

    coarse, fine = (layer_groups(Network(), coarse=coarse) for coarse in (True, False))
    assert [len(names) for names in coarse] == [2, 4, 6]  # the norm is the last stage's
    assert [names[0] for names in coarse] == ["stem.weight", "levels.0.0.0.weight", "levels.1.0.0.weight"]
    assert [len(names) for names in fine] == [2, 2, 2, 2, 4]


def test_what_a_mode_lets_learn(plan: Callable[..., Any]) -> None:
    from bakeoff.backbones.classifier import set_mode

    def learning(classifier: Any) -> set[str]:
        return {name.split(".")[1] for name, one in classifier.named_parameters() if one.requires_grad}

    classifier = plan(mode="partial_1").model.classifier.train()
    assert learning(classifier) == {"layer4", "1"}
    norms = {name: part.training for name, part in classifier.backbone.named_modules() if "bn" in name.split(".")[-1]}
    assert {name.split(".")[0]: is_training for name, is_training in norms.items()} == {
        "bn1": False, "layer1": False, "layer2": False, "layer3": False, "layer4": True,
    }  # fmt: skip
    for epoch, stages in {1: set(), 2: {"layer4"}, 3: {"layer3", "layer4"}}.items():
        set_mode(classifier, parse_mode("gradual"), epoch=epoch)
        assert learning(classifier) == stages | {"1"}
    set_mode(classifier, parse_mode("gradual"), epoch=99)
    assert learning(classifier) == {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "1"}
    with pytest.raises(ParamsError, match=r"mode partial_9: this backbone has 5 stages"):
        plan(mode="partial_9")


def test_batch_norm_that_is_held_keeps_its_statistics_and_learns(plan: Callable[..., Any], tmp_path: Path) -> None:
    from bakeoff.training.run import train_candidate

    prepared = plan(mode="finetune", batch_norm="eval", epochs=1, learning_rate=0.1)
    backbone = prepared.model.classifier.backbone
    for parameter in backbone.parameters():
        parameter.data += 0.01  # ResNet starts its residual branches at zero, where no gradient passes
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    train_candidate(prepared, tmp_path / "out")
    changed = {name for name, tensor in backbone.state_dict().items() if not torch.equal(tensor, before[name])}
    assert not [name for name in changed if "running" in name or "num_batches" in name]
    assert {"bn1.weight", "conv1.0.weight"} <= changed


def test_from_scratch_the_weights_are_left_alone(plan: Callable[..., Any], weights_dir: Path) -> None:
    prepared = plan(mode="scratch", random_start_max_steps=1)
    assert (prepared.header.weights.source, prepared.header.weights.reason) == ("random", "scratch")
    assert prepared.recipe.max_steps is None  # it was asked for
    assert plan(mode="finetune", random_start_max_steps=1).recipe.max_steps == 1


def linear_step(n_parts: int = 1, **changes: Any) -> tuple[Any, Any]:
    """Return what one SGD step on four rows of a linear layer gives, and the layer."""
    from bakeoff.training.data import Batch
    from bakeoff.training.losses import cross_entropy
    from bakeoff.training.steps import Stepper

    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    optimizer = {"name": "sgd", "weight_decay": 0.0, "momentum": 0.0}
    chosen = recipe(learning_rate=1.0, optimizer=optimizer, **changes)
    stepper = Stepper(layer, chosen, torch.device("cpu"), loss=cross_entropy, title="a step")
    stepper._n_parts = n_parts
    inputs, targets = torch.randn(4, 3), torch.tensor([0, 1, 1, 0])
    whole = Batch(inputs, targets, torch.tensor([1.0, 2.0, 1.0, 4.0]), torch.arange(4))
    halves = [Batch(*(tensor[rows] for tensor in whole)) for rows in (slice(0, 1), slice(1, 4))]
    found = stepper.take(halves if chosen.accumulate > 1 else [whole], 1.0)
    return (float(found[0]), int(found[1]), stepper), layer


def test_accumulated_and_divided_batches_are_one_batch() -> None:
    (loss, hits, _), layer = linear_step()
    for options in ({"accumulate": 2}, {"n_parts": 2}):
        (other_loss, other_hits, _), other = linear_step(**options)
        assert other_loss == pytest.approx(loss, rel=1e-6)
        assert other_hits == hits
        torch.testing.assert_close(other.weight, layer.weight)


def test_a_device_without_room_gets_the_batch_in_parts(capsys: pytest.CaptureFixture[str]) -> None:
    from bakeoff.training.data import Batch
    from bakeoff.training.losses import cross_entropy
    from bakeoff.training.steps import Stepper

    class Full(torch.nn.Linear):
        def forward(self, inputs: Any) -> Any:
            if len(inputs) > 2:
                raise torch.OutOfMemoryError("no room")
            return super().forward(inputs)

    layers, seen = [], []
    for kind in (Full, torch.nn.Linear):
        torch.manual_seed(0)
        layers.append(kind(3, 2))
        stepper = Stepper(layers[-1], recipe(), torch.device("cpu"), loss=cross_entropy, title="full")
        inputs = torch.arange(24.0).view(8, 3) / 24
        batch = Batch(inputs, torch.tensor([0, 1] * 4), torch.ones(8), torch.arange(8))
        seen.append([float(stepper.take([batch], 1.0)[0]) for _ in range(2)])
    assert seen[0] == pytest.approx(seen[1], rel=1e-6)
    torch.testing.assert_close(layers[0].weight, layers[1].weight)
    told = capsys.readouterr().err
    assert "full: the device's memory ran out; 4 rows at a time" in told
    assert "full: the device's memory ran out; 2 rows at a time" in told


def test_a_gradient_is_clipped_to_its_norm() -> None:
    torch.manual_seed(0)
    start = torch.nn.Linear(3, 2)
    before = [one.detach().clone() for one in start.parameters()]
    _, layer = linear_step(clip_norm=0.125)
    moved = [after.detach() - old for after, old in zip(layer.parameters(), before, strict=True)]
    assert math.sqrt(sum(float(one.square().sum()) for one in moved)) == pytest.approx(0.125, rel=1e-4)


def test_the_average_is_in_the_place_of_the_weights_where_it_is_asked_for() -> None:
    torch.manual_seed(0)
    start = torch.nn.Linear(3, 2).weight.detach().clone()
    (_, _, stepper), layer = linear_step(ema=0.75)
    learned = layer.weight.detach().clone()
    with stepper.averaged():
        torch.testing.assert_close(layer.weight.detach(), 0.75 * start + 0.25 * learned)
    assert torch.equal(layer.weight, learned)


def probe_data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    features = rng.normal(size=(60, 5)).astype(np.float32) + 2 * np.eye(5, dtype=np.float32)[labels]
    return features, labels, rng.uniform(0.2, 3, 60).astype(np.float32)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
@pytest.mark.parametrize("kind", ["logreg", "svm", "forest", "knn"])
def test_a_probe_in_the_network_is_scikit_learns(kind: str, n_classes: int) -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler, normalize
    from sklearn.svm import LinearSVC

    from bakeoff.training.probes import fit_head, head_of

    features, labels, weights = probe_data()
    labels = np.minimum(labels, n_classes - 1)  # with four classes, one without products
    params = recipe().probe
    head = fit_head(kind, features, labels, weights, n_classes, params)
    head = head_of(kind, head.state_dict())
    found = torch.softmax(head(torch.from_numpy(features)), dim=1).detach().numpy()
    n_known = min(n_classes, 3)
    theirs: Any = {
        "logreg": make_pipeline(StandardScaler(), LogisticRegression(C=params.c, max_iter=1000)),
        "svm": make_pipeline(StandardScaler(), LinearSVC(C=params.c, random_state=0)),
        "forest": RandomForestClassifier(params.n_trees, random_state=0),
        "knn": KNeighborsClassifier(params.n_neighbours),
    }[kind]
    given = normalize(features) if kind == "knn" else features
    name = {"logreg": "logisticregression__", "svm": "linearsvc__", "forest": "", "knn": None}[kind]
    theirs.fit(given, labels, **({} if name is None else {f"{name}sample_weight": weights}))
    if kind == "svm":
        assert found.argmax(axis=1).tolist() == theirs.predict(given).tolist()
    elif kind == "knn":
        votes = theirs.predict_proba(given) * params.n_neighbours + 1 / n_classes
        expected = np.full((60, n_classes), 1 / n_classes)
        expected[:, :n_known] = votes
        np.testing.assert_allclose(found, expected / (params.n_neighbours + 1), atol=1e-6)
    else:
        np.testing.assert_allclose(found[:, :n_known], theirs.predict_proba(given), atol=1e-4)
    assert (found[:, n_known:] < 0.1).all()


@pytest.mark.parametrize("mode", ["probe_logreg", "probe_svm", "probe_forest", "probe_knn"])
@pytest.mark.usefixtures("no_rendering")
def test_a_probes_predictions_come_back_from_its_file(
    mode: str, plan: Callable[..., Any], catalogue: Catalogue, tmp_path: Path
) -> None:
    from bakeoff.data.predictions import read_predictions
    from bakeoff.predictors.torch_predictor import load_torch_predictor
    from bakeoff.training.run import train_candidate

    out = tmp_path / "root" / "runs" / f"tiny-{mode}" / "seed_0" / "training"
    prepared = plan(mode=mode)
    without_head = prepared.sizes
    record = train_candidate(prepared, out)
    assert record.size_mib == prepared.sizes["size_mib"]
    assert record.size_mib != without_head["size_mib"] or mode in ("probe_logreg", "probe_svm")
    assert record.n_parameters == prepared.sizes["n_parameters"]
    written = read_predictions(out / "predictions.parquet", catalogue=catalogue)
    predictor = load_torch_predictor(out, device="cpu", weights_root=tmp_path / "weights")
    again = predictor.predict(catalogue.at(np.arange(len(catalogue.products))))
    assert np.abs(written.probabilities - again).max() < 1e-5
    assert (record.mode, record.epochs_run, record.steps_run) == (mode, 1, 1)
    rows = catalogue.rows("train")
    accuracy = (written.probabilities[rows].argmax(axis=1) == catalogue.label_ids(rows)).mean()
    assert accuracy >= 0.8


@pytest.mark.usefixtures("no_rendering")
@pytest.mark.parametrize(
    "options",
    [
        {"balance": "oversample", "class_weights": "balanced"},
        {"balance": {"name": "smote", "target_per_class": 8}},
        {"balance": "tomek", "loss": {"name": "focal", "alpha": "balanced"}},
        {"balance": "weighted_sampler", "mode": "finetune", "class_weights": "effective_number"},
        {"balance": {"name": "undersample", "target_per_class": 4}, "mode": "finetune", "select": "last"},
        {"loss": {"name": "cross_entropy", "label_smoothing": 0.1}, "select": "loss"},
    ],
)
def test_balance_and_losses_go_through_a_whole_training(
    options: dict[str, Any], plan: Callable[..., Any], tmp_path: Path
) -> None:
    from bakeoff.training.run import train_candidate

    record = train_candidate(plan(**options), tmp_path / "out")
    n_batches = {"smote": 4, "undersample": 2}.get(str(options.get("balance", {}) and _name(options["balance"])), 3)
    assert record.steps_run == n_batches * record.epochs_run
    if options.get("select") == "last":
        assert record.best_epoch == record.epochs_run


def _name(balance: Any) -> str:
    return balance["name"] if isinstance(balance, dict) else balance


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"balance": "smote", "mode": "finetune"},
            "balance is smote, which needs cached features, but finetune",
        ),
        ({"loss": {"name": "focal", "alpha": [1.0, 2.0]}}, r"loss\.alpha holds 2 numbers, but the catalogue has 3"),
        ({"start": "head", "head": None}, r"tiny: mode frozen: start: head needs a head without hidden layers"),
    ],
)
def test_what_a_mode_or_the_labels_forbid_ends_before_training(
    options: dict[str, Any], message: str, plan: Callable[..., Any]
) -> None:
    from bakeoff.records.recipe import HeadParams

    if "head" in options:
        options = options | {"head": HeadParams(hidden=[8], batch_norm=False, dropout=0.0)}
    with pytest.raises(ParamsError, match=message):
        plan(**options)


@pytest.mark.usefixtures("no_rendering")
def test_sixteen_photos_are_learnt_by_heart_and_shuffled_labels_generalise_to_nothing(
    weights_dir: Path, make_request: Callable[..., Any], tmp_path: Path
) -> None:
    from dataclasses import replace

    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate
    from training.conftest import make_catalogue

    whole = make_catalogue(tmp_path / "many", n_per_class=24)
    order = np.random.default_rng(1).permutation(len(whole.products))
    place = np.argsort(order)
    split = np.select([place < 16, place < 44], ["train", "validation"], "test")
    shuffled = whole.products["label_id"].to_numpy()[np.random.default_rng(2).permutation(len(place))]
    products = whole.products.assign(split=split, label_id=shuffled)
    catalogue = replace(whole, products=products)
    request = make_request(mode="finetune", epochs=60, learning_rate=0.003, select="last", batch_size=16)
    plan = plan_training(request, catalogue, weights_dir=weights_dir)
    train_candidate(plan, tmp_path / "out")
    from bakeoff.data.predictions import read_predictions

    predictions = read_predictions(tmp_path / "out" / "predictions.parquet", catalogue=catalogue)
    accuracy = {}
    for name in ("train", "test"):
        labels, found = predictions.split(name)
        accuracy[name] = (found.argmax(axis=1) == labels).mean()
    assert accuracy["train"] == 1
    assert accuracy["test"] < 0.65  # of three classes by chance, 28 products: 0.33 ± 0.09


@pytest.mark.parametrize("mode", ["probe_forest", "probe_logreg"])
@pytest.mark.usefixtures("no_rendering")
def test_a_head_without_gradients_is_explained_by_what_needs_none(
    mode: str, plan: Callable[..., Any], catalogue: Catalogue, tmp_path: Path
) -> None:
    from bakeoff.core.machine import ComputeParams
    from bakeoff.interpret.run import interpret_candidate, read_candidate
    from bakeoff.records.interpretation import INTERPRETATION_FILE, InterpretationRecord
    from bakeoff.training.run import train_candidate
    from interpret_params import params

    out = tmp_path / f"tiny-{mode}" / "seed_0"
    train_candidate(plan(mode=mode), out / "training")
    asked = params(methods=["integrated_gradients", "occlusion"], counter_methods=[], max_shared=1)
    candidate, compute = read_candidate(out / "training", catalogue), ComputeParams(device="cpu", threads=1)
    interpret_candidate(candidate, out / "interpretation", params=asked, compute=compute)
    record = InterpretationRecord.read(out / "interpretation" / INTERPRETATION_FILE)
    notes = {item.method: item.note for item in record.items}
    assert notes["occlusion"] is None
    told = None if mode == "probe_logreg" else "Integrated Gradients: it needs gradients, which this head has not."
    assert notes["integrated_gradients"] == told


def test_parts_of_a_batch_have_two_rows_or_more() -> None:
    from bakeoff.training.data import Batch
    from bakeoff.training.steps import _parts

    for n in range(2, 20):
        rows = torch.arange(n)
        for n_parts in (1, 2, 4, 8, 16):
            parts = [len(part[0]) for part in _parts(Batch(rows, rows, rows, rows), n_parts)]
            assert sum(parts) == n
            assert min(parts) >= 2


def test_class_weights_count_the_rows_that_smote_has_made(plan: Callable[..., Any]) -> None:
    from bakeoff.training.learn import _training_batches, features_of

    options = {"balance": {"name": "smote", "target_per_class": 9}, "class_weights": "balanced"}
    prepared = plan(**options)
    rows = prepared.catalogue.rows("train")
    batches = _training_batches(prepared, [features_of(prepared).array[rows]])
    assert np.bincount(batches.labels).tolist() == [9, 9, 9]
    assert batches.weights.tolist() == [1.0] * 27  # every class has as many now
    assert batches.positions.tolist()[-9:] == [-1] * 9
    assert sorted(batches.positions.tolist()[:18]) == sorted(rows.tolist())


@pytest.mark.usefixtures("no_rendering")
def test_cached_views_are_what_photos_show_in_each_epoch(plan: Callable[..., Any], tmp_path: Path) -> None:
    """A head that learns from views ends where one that sees the augmented photos in each epoch does."""
    from bakeoff.training.learn import learn

    found = []
    for cache_views in (3, None):
        prepared = plan(augment="light", cache_views=cache_views, epochs=3)
        assert prepared.uses_features == (cache_views is not None)
        torch.manual_seed(0)
        learn(prepared)
        found.append(prepared.model.classifier.head[-1].weight.detach().clone())
    torch.testing.assert_close(found[0], found[1], atol=1e-4, rtol=1e-3)


def test_a_forest_can_be_exported() -> None:
    from bakeoff.training.probes import fit_head

    features, labels, weights = probe_data()
    head = fit_head("forest", features, labels, weights, 3, recipe().probe)
    inputs = torch.from_numpy(features[:4])
    program = torch.export.export(head, (inputs,))
    torch.testing.assert_close(program.module()(inputs), head(inputs))
