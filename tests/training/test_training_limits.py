"""What a machine or a batch cannot do is told in words: no memory left, a single row for batch norm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakeoff.core.errors import EvaluationError, ParamsError, TrainingError
from bakeoff.data.table import Catalogue

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("no_rendering")]

Request = Callable[..., Any]


@pytest.fixture
def batch_norm_head() -> Any:
    from bakeoff.records.recipe import HeadParams

    return HeadParams(hidden=[8], batch_norm=True, dropout=0.3)


@pytest.fixture
def plan(catalogue: Catalogue, weights_dir: Path, make_request: Request) -> Callable[..., Any]:
    from bakeoff.training.plan import plan_training

    return lambda **options: plan_training(make_request(**options), catalogue, weights_dir=weights_dir)


def _exhaust(module: Any, *, when: Callable[[Any, int], bool] = lambda module, n_photos: True) -> None:
    """Let a real module run out of CUDA memory in its forward pass."""

    def hook(module: Any, inputs: Any, *given: Any) -> None:
        if when(module, len(inputs[0])):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    module.register_forward_hook(hook)


@pytest.mark.parametrize("options", [{"mode": "finetune"}, {"mode": "frozen", "augment": "flip"}])
def test_training_without_memory(options: dict[str, Any], plan: Callable[..., Any], tmp_path: Path) -> None:
    from bakeoff.training.run import train_candidate

    prepared = plan(**options)
    _exhaust(prepared.model.classifier.backbone)
    words = (
        rf"^tiny-{options['mode']} seed 0: training on cpu with 6 photos of 64 x 64 px: out of memory; lower "
        r"training\.defaults\.batch_size \(now 6\) or the backbone's image_size; on CUDA mixed_precision: auto needs"
    )
    with pytest.raises(TrainingError, match=words):
        train_candidate(prepared, tmp_path / "out")


def test_validation_without_memory(plan: Callable[..., Any], tmp_path: Path) -> None:
    from bakeoff.training.run import train_candidate

    prepared = plan(mode="finetune")
    _exhaust(prepared.model.classifier.backbone, when=lambda module, n_photos: not module.training)
    with pytest.raises(TrainingError, match=r"tiny-finetune seed 0: validation on cpu with 3 photos .* out of memory"):
        train_candidate(prepared, tmp_path / "out")


def test_features_without_memory(plan: Callable[..., Any], tmp_path: Path) -> None:
    from bakeoff.training.run import train_candidate

    prepared = plan()
    _exhaust(prepared.model.classifier.backbone)
    with pytest.raises(
        TrainingError, match=r"tiny features: .* 24 photos of 64 x 64 px: out of memory; .* 32 photos at"
    ):
        train_candidate(prepared, tmp_path / "out")


def test_predicting_without_memory(plan: Callable[..., Any], catalogue: Catalogue, tmp_path: Path) -> None:
    from bakeoff.predictors.torch_predictor import load_torch_predictor
    from bakeoff.training.run import train_candidate

    train_candidate(plan(mode="finetune"), tmp_path / "out")
    predictor = load_torch_predictor(tmp_path / "out", device="cpu")
    photos = predictor.images(catalogue.at([0, 1]))
    call = predictor.compiled_call(photos)
    _exhaust(predictor.module)
    told = r"{} on cpu: out of memory; lower the backbone's image_size, or set compute\.device: cpu"
    with pytest.raises(EvaluationError, match=told.format("^tiny-finetune seed 0: predicting 8 photos of 64 x 64 px")):
        predictor.predict(catalogue.at(range(8)))
    with pytest.raises(EvaluationError, match=told.format("measuring 2 photos of 64 x 64 px")):
        call()


def test_predictions_without_memory(plan: Callable[..., Any], tmp_path: Path) -> None:
    """The trainer's own pass over all products, which comes last."""
    from bakeoff.training.run import train_candidate

    prepared = plan(mode="finetune")
    _exhaust(prepared.model.classifier.backbone, when=lambda module, n_photos: n_photos == 24)
    with pytest.raises(
        TrainingError, match=r"tiny-finetune seed 0: predicting on cpu with 24 photos: out of memory; lower the backb"
    ):
        train_candidate(prepared, tmp_path / "out")
    assert not (tmp_path / "out" / "training.json").exists()


def test_what_counts_as_out_of_memory() -> None:
    from bakeoff.learning.out_of_memory import out_of_memory_in_words

    def use(work: Callable[[], Any]) -> None:
        with out_of_memory_in_words(TrainingError, "here", remedies="set this"):
            work()

    def fail_on_mps() -> None:
        raise RuntimeError("MPS backend out of memory (MPS allocated: 18.00 GB)")

    for work in (fail_on_mps, lambda: torch.empty(2**55, dtype=torch.uint8)):  # the latter really asks for 32 PiB
        with pytest.raises(TrainingError, match=r"^here: out of memory; set this\.$"):
            use(work)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        use(lambda: torch.ones(2, 3) @ torch.ones(2, 3))


@pytest.mark.parametrize(
    "options", [{"mode": "frozen"}, {"mode": "frozen", "augment": "flip"}, {"mode": "finetune", "augment": "flip"}]
)
def test_a_single_last_row_trains_with_batch_norm(
    options: dict[str, Any], plan: Callable[..., Any], batch_norm_head: Any, tmp_path: Path
) -> None:
    from bakeoff.training.run import train_candidate

    record = train_candidate(plan(**options, head=batch_norm_head, batch_size=17), tmp_path / "out")
    assert record.steps_run == record.epochs_run  # 18 photos: 17 and the last one together


def test_a_batch_size_of_one_with_batch_norm_is_refused(plan: Callable[..., Any], batch_norm_head: Any) -> None:
    with pytest.raises(ParamsError, match=r"^tiny: batch_size is 1, but the head has batch norm"):
        plan(head=batch_norm_head, batch_size=1)


def test_a_train_split_of_one_with_batch_norm_is_told(
    plan: Callable[..., Any], catalogue: Catalogue, batch_norm_head: Any, tmp_path: Path
) -> None:
    from bakeoff.training.run import train_candidate

    train = catalogue.rows("train")
    catalogue.products.loc[train[1:], "split"] = "test"
    with pytest.raises(TrainingError, match=r"with 1 rows of \d+ features: batch norm needs at least 2 values"):
        train_candidate(plan(head=batch_norm_head), tmp_path / "out")
