from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from bakeoff.core.errors import EvaluationError
from bakeoff.interpret.generic import GREY, integrated_gradients, occlusion
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.run import open_explainer

pytestmark = pytest.mark.torch
SIDE = 20
PARAMS = InterpretParams(
    n_correct=1,
    n_wrong=1,
    integrated_gradients_steps=24,
    occlusion_window_px=7,
    occlusion_stride_px=4,  # 7 + 4 k overruns 20: the last window is cut
    channel_repeats=1,
    channel_max_rows=None,
)


@pytest.fixture(scope="module")
def module():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 5, stride=2),
        torch.nn.BatchNorm2d(6),
        torch.nn.GELU(),
        torch.nn.Dropout(0.5),  # left in train mode below: the explainer must switch it off
        torch.nn.Flatten(),
        torch.nn.Linear(6 * 8 * 8, 4),
    ).train()


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).random((SIDE, SIDE, 3), dtype=np.float32)


@pytest.fixture
def captum(module):
    from bakeoff.interpret.captum_attributions import CaptumExplainer

    return CaptumExplainer(module, PARAMS)


def _tensor(images):
    import torch

    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def _gradients(module, images, targets):
    import torch

    inputs = _tensor(images).requires_grad_(True)
    score = module(inputs)[torch.arange(len(images)), torch.from_numpy(targets)].sum()
    return torch.autograd.grad(score, inputs)[0].permute(0, 2, 3, 1).numpy()


def _logits(module, images):
    import torch

    with torch.no_grad():
        return module(_tensor(images)).numpy()


@pytest.mark.parametrize("target", [0, 3])
def test_integrated_gradients_equal_captums(captum, module, image, target):
    ours = integrated_gradients(
        lambda x, t: _gradients(module, x, t), image, target, steps=PARAMS.integrated_gradients_steps
    )
    np.testing.assert_allclose(ours, captum.integrated_gradients(image, target), atol=1e-4)
    np.testing.assert_allclose(ours, captum.integrated_gradients(image, target), atol=1e-6)


@pytest.mark.parametrize("target", [0, 3])
def test_occlusion_equals_captums(captum, module, image, target):
    ours = occlusion(lambda x: _logits(module, x)[:, target], image, window_px=7, stride_px=4)
    theirs = captum.occlusion(image, target)
    assert np.abs(theirs).max() > 0.01
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_completeness(captum, module, image):
    shares = captum.integrated_gradients(image, 2)
    grey = np.full_like(image, GREY)
    values = _logits(module, np.stack([image, grey]))[:, 2]
    assert shares.sum() == pytest.approx(values[0] - values[1], abs=1e-3)


def test_module_is_in_eval_mode_and_keeps_no_gradients(captum, module, image):
    captum.integrated_gradients(image, 0)
    assert not module.training
    assert all(parameter.grad is None for parameter in module.parameters())


def test_window_that_does_not_fit(captum):
    with pytest.raises(EvaluationError, match="do not fit a photo of 5 x 5 px"):
        captum.occlusion(np.zeros((5, 5, 3), np.float32), 0)


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion"])
def test_without_memory(method, captum, module, image):
    import torch

    def exhaust(*given):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = module.register_forward_hook(exhaust)
    words = r"on cpu with up to 16 photos of 20 x 20 px: out of memory; .* compute\.device: cpu"
    try:
        with pytest.raises(EvaluationError, match=words):
            getattr(captum, method)(image, 0)
    finally:
        hook.remove()


def test_torch_gets_captum(module):
    assert type(open_explainer("torch", SimpleNamespace(module=module), PARAMS)).__name__ == "CaptumExplainer"
