"""A transformer encoder and a linear head learning together from texts, by the one training loop."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bakeoff.backbones.classifier import Classifier
from bakeoff.backbones.text_encoder import TextEncoder
from bakeoff.core.code import code_digest, digest
from bakeoff.core.locks import waiting_lock
from bakeoff.core.machine import ComputeParams
from bakeoff.core.paths import state_dir
from bakeoff.core.seeding import seed_everything
from bakeoff.learning.balance import class_weights
from bakeoff.learning.history import History
from bakeoff.learning.recipe import Recipe
from bakeoff.records.training import TrainingHeader
from bakeoff.text.classify import LabelledTexts, TextClassifier
from bakeoff.text.encode import Encoders
from bakeoff.text.heads import LinearHead
from bakeoff.training.checkpoint import CheckpointFolder
from bakeoff.training.data import ArrayBatches, LoaderOptions
from bakeoff.training.device import device_name, make_deterministic, resolve_device
from bakeoff.training.loop import LoopOptions, train_module
from bakeoff.training.losses import build_loss

_NEVER = -10.0
"""The score that a class without a training text starts from."""


class TextNetwork(nn.Module):
    """An encoder and a linear head: numbers of tokens (N, T), padded on the right, to logits (N, K)."""

    def __init__(self, encoder: TextEncoder, head: nn.Linear) -> None:
        super().__init__()
        self.classifier = Classifier(_Embedder(encoder), head, head.in_features)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits (N, K)."""
        return self.classifier(tokens)


class _Embedder(nn.Module):
    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.network, self._encoder = encoder.network, encoder

    def forward(self, tokens: Tensor) -> Tensor:
        is_token = tokens != self._encoder.tokenizer.pad_token_id
        longest = int(is_token.sum(dim=1).max())
        return self._encoder.embed(input_ids=tokens[:, :longest], attention_mask=is_token[:, :longest].long())


def device_for(compute: ComputeParams) -> tuple[str, str]:
    """Return the kind of device that a training runs on, and the name on its box."""
    device = resolve_device(compute.device)
    return device.type, device_name(device)


def finetune(
    start: TextClassifier, train: LabelledTexts, validation: LabelledTexts, header: TrainingHeader
) -> tuple[TextClassifier, History]:
    """Return a classifier whose encoder learned on from `start`'s, which changes, and how that went.

    A training that was interrupted goes on from its last checkpoint. A TrainingError where a split is empty, the loss
    is no longer a number, or the device's memory does not suffice.
    """
    assert isinstance(start.vectoriser, Encoders)
    (encoder,), recipe, device = (
        start.vectoriser.encoders,
        Recipe.model_validate(header.training),
        torch.device(header.device),
    )
    make_deterministic(device)
    seed_everything(header.seed)
    encoder.network.requires_grad_(requires_grad=True)
    network = TextNetwork(encoder, _head(start)).to(device)
    losses = (
        build_loss(recipe.loss, train.labels, train.n_classes, training=is_training) for is_training in (True, False)
    )
    options = LoopOptions(recipe, device, *losses, title=header.title, name_of=lambda row: repr(train.texts[row][:40]))
    folder = state_dir("checkpoints") / digest([header.key, code_digest(Path(__file__).resolve())])
    with waiting_lock(folder.with_name(f"{folder.name}.lock"), what=f"training {folder.name}"):
        checkpoint = CheckpointFolder(folder)
        sources = [_batches(encoder, known, header, recipe) for known in (train, validation)]
        how = {"options": options, "checkpoint": checkpoint}
        history = train_module(network, train=sources[0], validation=sources[1], **how)
        checkpoint.clear()
    encoder.network.eval().requires_grad_(requires_grad=False)
    weight, bias = (parameter.detach().cpu().numpy() for parameter in network.classifier.head.parameters())
    head = LinearHead(weight, bias, np.array(False))
    return TextClassifier(start.params, start.n_classes, np.arange(start.n_classes), Encoders([encoder]), head), history


def _head(start: TextClassifier) -> nn.Linear:
    """Return the layer that scores as the start's head does."""
    own = start.head.arrays
    layer = nn.Linear(own["coefficients"].shape[1], start.n_classes)
    with torch.no_grad():
        layer.weight.zero_()[start.classes] = torch.tensor(own["coefficients"], dtype=torch.float32)
        layer.bias.fill_(_NEVER)[start.classes] = torch.tensor(own["intercepts"], dtype=torch.float32)
    return layer


def _batches(encoder: TextEncoder, known: LabelledTexts, header: TrainingHeader, recipe: Recipe) -> ArrayBatches:
    tokens = encoder.tokens(known.texts)["input_ids"].int().numpy() if known.texts else np.zeros((0, 0), np.int32)
    weights = known.weights * class_weights(known.labels, known.n_classes, recipe.class_weights)[known.labels]
    options = LoaderOptions(recipe.batch_size, header.seed, balance=recipe.balance)
    return ArrayBatches([tokens], known.labels, options, weights.astype(np.float32))
