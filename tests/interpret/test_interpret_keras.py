"""The baseline explained from .venv-torch: a real process of .venv-tf, beside the same network in PyTorch."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bakeoff.core.errors import EvaluationError
from bakeoff.core.machine import ComputeParams
from bakeoff.core.paths import environment_python
from bakeoff.core.section import load_section
from bakeoff.data.photo import as_image
from bakeoff.data.products import StoredProducts
from bakeoff.data.store import ImageStore, StoreWriter
from bakeoff.data.transforms import read_pixels, to_unit
from bakeoff.interpret.keras_subject import KerasProcess, open_keras_subject
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.subject import NotExplainable
from bakeoff.records.settings import Preprocessing
from records_made import LABELS, candidate_settings

ROOT = Path(__file__).resolve().parents[2]
SIDE = 64
BATCH = 3
COMPUTE = ComputeParams(device="cpu", threads=1)
pytestmark = [
    pytest.mark.torch,
    pytest.mark.slow,
    pytest.mark.skipif(not environment_python("tf").is_file(), reason="the baseline's environment is not here"),
]


@pytest.fixture(scope="module")
def classifier():
    """A random EfficientNet-Lite0 with a head whose activations mostly lie amid ReLU6's two kinks.

    Where one lies within rounding of a kink, both frameworks' slopes are right and 1 % apart.
    """
    pytest.importorskip("torch")
    import torch
    from torch import nn

    from bakeoff.backbones.classifier import build_classifier
    from bakeoff.core.seeding import set_threads

    set_threads(1)
    torch.manual_seed(0)
    half = (0.5, 0.5, 0.5)
    geometry = {"image_size": SIDE, "crop_pct": 0.875, "crop_mode": "center", "interpolation": "bicubic"}
    lite0 = {"name": "tf_efficientnet_lite0.in1k", "preprocessing": Preprocessing(**geometry, mean=half, std=half)}
    settings = candidate_settings("tf_efficientnet_lite0", **lite0)
    built = build_classifier(settings, n_classes=len(LABELS), seed=1, weights_dir=None).requires_grad_(False)
    norms = [layer for layer in built.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in norms:
        layer.weight.uniform_(0.8, 1.2)
        layer.bias.normal_(3, 0.1)
        layer.momentum = 1.0
        layer.train()
    built.features(torch.randn(16, 3, SIDE // 8, SIDE // 8).repeat_interleave(8, 2).repeat_interleave(8, 3))
    built.head[-1].weight *= 20  # LIME leaves out what changes the score little
    return built.eval(), settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory, classifier):
    """The network and six JPEG photos of several sizes; the baseline's training folder with the same weights."""
    from safetensors.torch import save_file

    made, generator = tmp_path_factory.mktemp("baseline"), np.random.default_rng(0)
    with StoreWriter(made / "images.arrow") as store:
        for size in ((90, 70), (64, 64), (200, 150), (75, 120), (300, 310), (40, 40)):
            buffer, patches = io.BytesIO(), generator.integers(0, 256, (6, 5, 3)).astype(np.uint8)
            Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC).save(buffer, format="JPEG")
            store.append(buffer.getvalue())
    network, _ = classifier
    head = {f"head.{name}": value for name, value in network.head[-1].state_dict().items()}
    save_file(network.backbone.state_dict() | head, made / "network.safetensors")
    script = [environment_python("tf"), Path(__file__).with_name("write_baseline.py"), made]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def baseline(folder):
    with open_keras_subject(ROOT, folder / "training", COMPUTE, batch_px=BATCH * SIDE**2) as subject:
        yield subject


@pytest.fixture(scope="module")
def torch_subject(classifier):
    from bakeoff.interpret.torch_subject import TorchSubject
    from bakeoff.predictors.torch_predictor import TorchPredictor
    from bakeoff.training.module import PhotoClassifier

    network, settings = classifier
    module = PhotoClassifier(network, settings.preprocessing).eval()
    known = {"labels": LABELS, "probability_kind": "softmax", "scan": None, "title": "lite0"}
    return TorchSubject(TorchPredictor(module, settings, **known), batch_px=BATCH * SIDE**2)


@pytest.fixture(scope="module")
def products(folder):
    store = ImageStore(folder / "images.arrow")
    return StoredProducts(store, np.arange(len(store)))


@pytest.fixture(scope="module")
def images(baseline, products):
    return baseline.images(products)


TARGETS = np.array([0, 1, 2, 0, 1, 2])


def differ(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference as a share of the largest value."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert np.abs(expected).max() > 0
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def test_it_is_described_by_the_process(baseline):
    assert (baseline.title, baseline.labels, baseline.score) == ("baseline_tf", LABELS, "logit")
    assert (baseline.image_size, baseline.batch_images) == (SIDE, BATCH)


def test_photos_are_to_the_bit_what_the_baseline_sees(images, folder, products, baseline):
    """PyTorch, which resizes decoded photos here, rounds some pixels another way."""
    np.testing.assert_array_equal(images, np.load(folder / "images.npy"))
    assert isinstance(products.photo(0), np.ndarray)
    assert (to_unit(read_pixels(products, baseline.preprocessing)) != images).any()
    assert as_image(products.photo(0)).size == (90, 70)


def test_answers_equal_those_of_the_same_network_in_pytorch(baseline, torch_subject, images):
    assert differ(baseline.scores(images), torch_subject.scores(images)) < 1e-5
    assert differ(baseline.masked_scores(images), torch_subject.scores(images)) < 1e-5
    assert differ(baseline.probabilities(images), torch_subject.probabilities(images)) < 1e-5
    assert differ(baseline.features(images), torch_subject.features(images)) < 1e-4
    assert differ(baseline.gradients(images, TARGETS), torch_subject.gradients(images, TARGETS)) < 1e-4
    for found, expected in zip(
        baseline.feature_map(images, TARGETS), torch_subject.feature_map(images, TARGETS), strict=True
    ):
        assert differ(found, expected) < 1e-4


@pytest.mark.parametrize("method", METHODS)
def test_every_method_draws_the_same_map(method, baseline, torch_subject, images):
    """Found: within 3e-5 where slopes are asked for, 5e-4 where scores are subtracted, which are rounded by then."""
    params = load_section(ROOT / "params.yaml", InterpretParams)
    changes = {"window_px": 24, "stride_px": 16, "samples": 30, "n_segments": 12}
    settings = params.settings(method)
    settings = settings.model_copy(update={name: n for name, n in changes.items() if hasattr(settings, name)})
    maps = []
    for subject in (baseline, torch_subject):
        subject.divided = {}
        try:
            maps.append(METHODS[method].attribute(subject, images[:2], TARGETS[:2], settings))
        except NotExplainable as reason:
            maps.append(str(reason))
    if isinstance(maps[0], str):
        assert "convolutional" in maps[0]
        assert isinstance(maps[1], str)
        return
    assert differ(maps[0], maps[1]) < 1e-3


def test_pytorch_asks_it_for_any_gradient(baseline, images):
    import torch

    batch = torch.from_numpy(images).permute(0, 3, 1, 2).requires_grad_(True)
    weights = torch.randn(len(images), len(LABELS), generator=torch.Generator().manual_seed(0))
    scores = baseline.differentiable(batch)
    np.testing.assert_array_equal(scores.detach().numpy(), baseline.scores(images))
    (found,) = torch.autograd.grad((scores * weights).sum(), batch)
    by_class = [baseline.gradients(images, np.full(len(images), target)) for target in range(len(LABELS))]
    expected = sum(one * weights[:, target, None, None, None].numpy() for target, one in enumerate(by_class))
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), expected, atol=1e-5)


def test_no_question_has_more_photos_than_fit(baseline, images, monkeypatch):
    asked, ask = [], KerasProcess.ask

    def counted(self, number, name, *given):
        asked.append([len(one) for one in given])
        return ask(self, number, name, *given)

    monkeypatch.setattr(KerasProcess, "ask", counted)
    baseline.gradients(images[:5], TARGETS[:5])
    assert asked == [[3, 3], [2, 2]]


def test_random_weights_are_another_network_in_the_same_process(baseline, images):
    before = baseline.scores(images)
    first, again, other = (baseline.randomised(seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.scores(images), again.scores(images))
    assert np.abs(first.scores(images) - other.scores(images)).max() > 1e-3
    assert np.abs(first.gradients(images, TARGETS)).max() > 0
    assert (first.labels, first.preprocessing) == (baseline.labels, baseline.preprocessing)
    np.testing.assert_array_equal(baseline.scores(images), before)


def test_what_it_has_not_is_told(baseline, images):
    with pytest.raises(NotExplainable, match="it is a convolutional network, which has no attention"):
        baseline.attention(images)


def test_a_problem_of_the_process_is_one_sentence(tmp_path):
    with (
        pytest.raises(EvaluationError, match=r"training\.json is missing; run `dvc repro train_torch baseline_tf`"),
        open_keras_subject(ROOT, tmp_path, COMPUTE, batch_px=1),
    ):
        pass


def test_a_process_that_ends_is_told(tmp_path):
    process = KerasProcess(ROOT, tmp_path, COMPUTE)
    process._process.kill()
    told = r"the interpretation process of \.venv-tf ended without an answer \(status -9; -9 is a machine out of memory"
    with pytest.raises(EvaluationError, match=told):
        process.ask(0, "describe")
    process.close()


def test_an_answer_that_breaks_off_is_told(tmp_path, monkeypatch):
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "in_env.sh").write_text("printf '\\200\\005\\225\\100'\n")  # a pickle's first bytes
    monkeypatch.setenv("BAKEOFF_PYTHON_TF", sys.executable)
    process = KerasProcess(tmp_path, tmp_path, COMPUTE)
    with pytest.raises(EvaluationError, match=r"ended without an answer \(status 0;"):
        process.ask(0, "describe")
    process.close()


def test_a_missing_environment_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("BAKEOFF_PYTHON_TF", str(tmp_path / "nowhere"))
    with pytest.raises(EvaluationError, match="nowhere is missing; run `make setup`"):
        KerasProcess(ROOT, tmp_path, COMPUTE)
