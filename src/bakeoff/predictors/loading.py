"""Opens a trained candidate as a predictor; the framework is imported only here, and only the one that is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bakeoff.core.errors import EvaluationError
from bakeoff.data.table import Catalogue


def load_predictor(framework: str, training_dir: Path, catalogue: Catalogue, *, batch_size: int, device: str) -> Any:
    """Return the predictor of a `torch` or `tf` training; it satisfies `bakeoff.predictors.protocol.Predictor`.

    Args:
        framework: `torch` or `tf`.
        training_dir: runs/<candidate>/seed_<s>/training.
        catalogue: the products it will be asked about.
        batch_size: images per batch of `predict`.
        device: auto, cpu, cuda or mps.

    Raises:
        EvaluationError: another framework.
    """
    loaders: dict[str, Callable[..., Any]] = {"torch": _load_torch, "tf": _load_keras}
    if framework not in loaders:
        raise EvaluationError(f"framework must be one of {', '.join(loaders)}, got {framework!r}.")
    return loaders[framework](training_dir, catalogue, batch_size=batch_size, device=device)


def _load_torch(training_dir: Path, catalogue: Catalogue, *, batch_size: int, device: str) -> Any:
    from bakeoff.predictors.torch_predictor import load_torch_predictor

    return load_torch_predictor(training_dir, catalogue, weights_root=None, batch_size=batch_size, device=device)


def _load_keras(training_dir: Path, catalogue: Catalogue, *, batch_size: int, device: str) -> Any:
    from bakeoff.baseline_tf.predictor import load_keras_predictor

    return load_keras_predictor(training_dir, catalogue, batch_size=batch_size, device=device)
