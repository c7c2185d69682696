"""Transformer encoders of texts, from a folder as the Hugging Face hub has them; no remote code runs.

Embeddings are pooled over a text's tokens and have length 1 (Reimers and Gurevych 2019, doi:10.18653/v1/D19-1410).
"""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors import SafetensorError

from bakeoff.backbones.compat import import_transformers
from bakeoff.backbones.hub import refuse_stand_in
from bakeoff.core.errors import WeightsError
from bakeoff.records.text import EncoderParams

_UNUSED = ("pooler.", "embeddings.position_ids")
"""What a checkpoint may lack: we pool ourselves, and positions are counted."""
_FAILURES = (OSError, ValueError, TypeError, RuntimeError, ImportError, AttributeError, LookupError, SafetensorError)
"""What transformers raises of a folder that holds something else."""


class TextEncoder:
    """Texts to embeddings."""

    def __init__(self, network: Any, tokenizer: Any, params: EncoderParams) -> None:
        """Hold transformers' network and tokenizer."""
        self.network, self.tokenizer, self.params = network, tokenizer, params

    @classmethod
    def open(cls, folder: Path, params: EncoderParams) -> Self:
        """Return the encoder of a folder with config.json, weights and tokenizer, which has shown that it encodes.

        Raises:
            WeightsError: the folder holds no encoder, or one that does not take texts of `params.max_tokens`.
        """
        refuse_stand_in(folder)
        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # threads are counted
        try:
            encoder = cls(*_load(folder), params)
            encoder.encode(["", "a " * params.max_tokens])
        except _FAILURES as error:
            told = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise WeightsError(
                f"{folder} does not hold an encoder of texts of {params.max_tokens} tokens ({told}); expected "
                "config.json, model.safetensors and tokenizer.json of one, and max_tokens within its limit."
            ) from None
        return encoder

    @property
    def arrays(self) -> list[np.ndarray]:
        """The network's parameters, float32."""
        return [parameter.detach().cpu().numpy() for parameter in self.network.parameters()]

    def encode(self, texts: Sequence[str], *, track: Callable[[Any], Iterable[Any]] = iter) -> np.ndarray:
        """Return embeddings (N, D) float32 of length 1; those of others in a batch move one by some 1e-7.

        Texts are cut at `max_tokens`; those of about the same length share a batch. `track` shows batches' progress.
        """
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        size, found = self.params.batch_size, np.zeros((len(texts), self.network.config.hidden_size), np.float32)
        for rows in track([order[start : start + size] for start in range(0, len(order), size)]):
            found[rows] = self._encode([str(texts[row]) for row in rows])
        return found

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        import torch

        with torch.inference_mode():
            tokens = self.tokens(texts).to(self.network.device)
            return self.embed(**tokens).cpu().numpy()

    def tokens(self, texts: Sequence[str], **more: Any) -> Any:
        """Return `input_ids` and `attention_mask` of texts, (N, T) int64, padded on the right; `more` as asked for."""
        prefixed, most = [self.params.prefix + text for text in texts], self.params.max_tokens
        return self.tokenizer(prefixed, padding=True, truncation=True, max_length=most, return_tensors="pt", **more)

    def embed(self, **tokens: Any) -> Any:
        """Return the embeddings (N, D) of tokens, a tensor through which gradients pass."""
        import torch

        states = self.network(**tokens).last_hidden_state  # N T D
        is_token = tokens["attention_mask"][..., None].to(states.dtype)  # N T 1
        mean = (states * is_token).sum(dim=1) / is_token.sum(dim=1).clamp(min=1)
        return torch.nn.functional.normalize(states[:, 0] if self.params.pooling == "cls" else mean)

    def save(self, folder: Path) -> None:
        """Write config.json, model.safetensors and the tokenizer's files."""
        from bakeoff.backbones.hf import quiet

        with quiet():
            self.network.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)


def _load(folder: Path) -> tuple[Any, Any]:
    """Return network and tokenizer of a folder; a ValueError where its file lacks layers of the network."""
    import_transformers()
    import torch
    from transformers import AutoModel, AutoTokenizer

    from bakeoff.backbones.hf import quiet

    place = {"trust_remote_code": False, "local_files_only": True}
    with quiet():
        # float32: else a checkpoint in half precision gives a network in half precision
        options = {"dtype": torch.float32, "output_loading_info": True}
        network, info = AutoModel.from_pretrained(str(folder), **place, **options)
        tokenizer = AutoTokenizer.from_pretrained(str(folder), padding_side="right", **place)
    lacking = sorted(key for key in info["missing_keys"] if not key.startswith(_UNUSED))
    if lacking or info["mismatched_keys"]:
        raise ValueError(f"weights without {', '.join(lacking[:3]) or 'layers of its shapes'}")
    if getattr(network, "pooler", None) is not None:
        network.pooler = None
    return network.eval().requires_grad_(requires_grad=False), tokenizer
