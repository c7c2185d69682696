"""The two decision trees, as data: size of the catalogue to family of backbones, machine to mode, batch and rate.

Their shape is the usual one (size of the data set; a GPU or not); every threshold stands with its reason or source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Leaf:
    """Where a path ends; `name` is the phrase that says it."""

    name: str
    models: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    """Choices for `dvc exp run -S` beside models, modes, batch size and the head's rate."""
    modes: tuple[str, ...] = ()
    batch_size: int = 0
    learning_rates: tuple[float, ...] = ()
    """One per mode."""


@dataclass(frozen=True)
class Question:
    """Is the fact below the threshold (a number, or another fact's name)? `name` is its phrase."""

    name: str
    fact: str
    below: float | str
    yes: Question | Leaf
    no: Question | Leaf
    source: str = ""


@dataclass(frozen=True)
class Step:
    """One question on the path, with what was compared and the answer."""

    question: Question
    value: float
    threshold: float
    answer: bool


_HEAD_RATE, _FINE_RATE, _FULL_RATE = 0.003, 0.0001, 0.00001
FINETUNE_EPOCHS, FULL_EPOCHS = 5, 25

FAMILY = Question(
    name="few_per_class",
    fact="images_per_class",
    below=100,  # a tenth of it is 10 test photos per class: one photo is 10 points of that class's recall
    yes=Leaf("compact", models=("mobilenetv2", "tf_efficientnet_lite0", "efficientnet_b0")),
    no=Question(
        name="small",
        fact="n_images",
        below=20_000,
        source="Kolesnikov et al. 2020, arXiv:1912.11370, section 3.3",  # their border between small and medium tasks
        yes=Leaf("tiny", models=("efficientnet_b0", "mobilevitv2", "swin_t", "mamba_t")),
        no=Leaf("large", models=("efficientnet_b0", "swin_t", "mamba_s", "mamba_b")),
    ),
)

_SHORT_FINETUNE = (
    f"training.finetune.epochs={FINETUNE_EPOCHS}",
    "training.finetune.max_steps=null",
)
MACHINE = Question(
    name="no_gpu",
    fact="n_gpus",
    below=1,
    yes=Question(
        name="finetune_in_time",
        fact="finetune_hours",
        below="hours",
        yes=Leaf(
            "cpu_finetune",
            overrides=_SHORT_FINETUNE,
            modes=("frozen", "finetune"),
            batch_size=16,
            learning_rates=(_HEAD_RATE, _FINE_RATE),
        ),
        no=Question(
            name="extract_in_time",
            fact="extract_hours",
            below="hours",
            yes=Leaf("cpu_extract", modes=("frozen",), batch_size=32, learning_rates=(_HEAD_RATE,)),
            no=Leaf("cpu_too_slow", modes=("frozen",), batch_size=32, learning_rates=(_HEAD_RATE,)),
        ),
    ),
    no=Question(
        name="too_few_to_finetune",
        fact="images_per_class",
        below=20,  # a tenth of it is 2 validation photos per class: early stopping cannot see over-fitting
        source="Kumar et al. 2022, arXiv:2202.10054",  # fine-tuning distorts good features where data are few
        yes=Leaf("gpu_frozen", modes=("frozen",), batch_size=64, learning_rates=(_HEAD_RATE,)),
        no=Leaf(
            "gpu_finetune",
            overrides=("profile=full",),
            modes=("frozen", "finetune"),
            batch_size=64,
            learning_rates=(_FULL_RATE, _FULL_RATE),
        ),
    ),
)


def walk(tree: Question | Leaf, facts: Mapping[str, float]) -> tuple[list[Step], Leaf]:
    """Return the questions on the way, with their answers, and where the way ends.

    Args:
        tree: `FAMILY` or `MACHINE`.
        facts: every fact that the tree names, as a number.
    """
    steps = []
    while isinstance(tree, Question):
        threshold = facts[tree.below] if isinstance(tree.below, str) else tree.below
        step = Step(tree, facts[tree.fact], threshold, facts[tree.fact] < threshold)
        steps.append(step)
        tree = tree.yes if step.answer else tree.no
    return steps, tree
