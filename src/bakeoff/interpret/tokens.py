"""What each word of a text adds to the answer of frozen encoders under a linear head: Integrated Gradients."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bakeoff.backbones.text_encoder import TextEncoder
from bakeoff.text.heads import LinearHead

_TOKENS = 2048
"""That go through an encoder at a time, with gradients: at BERT's width some 100 MiB a layer."""


class _Read(NamedTuple):
    """A text as an encoder reads it; T tokens of D numbers."""

    encoder: TextEncoder
    tokens: dict[str, Any]
    embedded: Any
    """(1, T, D)"""
    baseline: Any
    """(1, T, D): the pad token's embedding in place of the text's own tokens; special ones and a prefix stay."""
    words: np.ndarray
    """(T,) int64: the word of each token; of those that are not the text's own, any."""


def can_attribute(encoders: Sequence[TextEncoder]) -> bool:
    """Return whether the tokenizers say where their tokens lie in a text."""
    return all(encoder.tokenizer.is_fast for encoder in encoders)


def token_shares(
    encoders: Sequence[TextEncoder], head: LinearHead, text: str, place: int, *, steps: int
) -> tuple[np.ndarray, float]:
    """Return what each of a text's W ≥ 1 words adds to a class's log probability, nats (W,), and the completeness gap.

    `place` is the class's among the head's columns. Words' shares are the sums of their tokens'; all of them add up to
    the difference to the log probability of a text of pad tokens as long, but for the gap, which more steps
    (Gauss-Legendre) make smaller. What lies behind an encoder's `max_tokens` has no share in it.

    Source:
        Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, ICML 2017, eq. 1, arXiv:1703.01365.
    """
    import torch
    from captum.attr import IntegratedGradients

    read = [_read(encoder, text) for encoder in encoders]
    weights, start = (torch.from_numpy(head.arrays[name]).double() for name in ("coefficients", "intercepts"))

    def log_probability(*embedded: Any) -> Any:
        vectors = torch.cat([_encode(one, own) for one, own in zip(read, embedded, strict=True)], dim=1).double()
        scores = vectors @ weights.T + start
        known = torch.nn.functional.logsigmoid(scores) if head.arrays["one_vs_rest"] else scores
        return torch.log_softmax(known, dim=1)[:, place]

    ends = tuple(one.embedded for one in read), tuple(one.baseline for one in read)
    size = max(1, _TOKENS // max(one.embedded.shape[1] for one in read))
    options = {"n_steps": steps, "internal_batch_size": size, "return_convergence_delta": True}
    found, gap = IntegratedGradients(log_probability).attribute(*ends, **options)
    shares = np.zeros(len(text.split()))
    for one, own in zip(read, found, strict=True):
        np.add.at(shares, one.words, own[0].sum(dim=1).numpy())
    return shares, float(gap)


def _read(encoder: TextEncoder, text: str) -> _Read:
    import torch

    tokens = encoder.tokens([text], return_offsets_mapping=True, return_special_tokens_mask=True)
    ends = tokens.pop("offset_mapping")[0, :, 1] - len(encoder.params.prefix)
    is_own = (ends > 0) & (tokens.pop("special_tokens_mask")[0] == 0)
    embed = encoder.network.get_input_embeddings()
    with torch.no_grad():
        embedded, padding = embed(tokens["input_ids"]), embed(torch.tensor(encoder.tokenizer.pad_token_id))
    baseline = torch.where(is_own[None, :, None], padding, embedded)
    words = [one.end() for one in re.finditer(r"\S+", text)]
    # a token's last character is its word's, or a space before it
    places = np.searchsorted(words, (ends - 1).clamp(0, words[-1] - 1).numpy(), side="right")
    return _Read(encoder, dict(tokens), embedded, baseline, places)


def _encode(one: _Read, embedded: Any) -> Any:
    """Return embeddings (S, D) of texts whose tokens have these embeddings (S, T, D)."""

    def replaced(*_: Any) -> Any:
        return embedded

    handle = one.encoder.network.get_input_embeddings().register_forward_hook(replaced)
    try:
        return one.encoder.embed(**{name: ids.expand(len(embedded), -1) for name, ids in one.tokens.items()})
    finally:
        handle.remove()
