"""Translation by a sequence-to-sequence model of the Hugging Face hub or of a folder in its form; no remote code."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from bakeoff.backbones.compat import import_transformers

_MAX_TOKENS = 512


@cache
def open_translator(name: str) -> Callable[[Sequence[str]], list[str]]:
    """Return what translates a few short texts, such as Helsinki-NLP/opus-mt-de-fr; transformers' errors pass through.

    Source:
        J. Tiedemann and S. Thottingal, OPUS-MT: Building open translation services for the world, EAMT 2020.
    """
    import_transformers()
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    from bakeoff.backbones.hf import quiet

    with quiet():
        tokenizer: Any = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        model: Any = AutoModelForSeq2SeqLM.from_pretrained(name, trust_remote_code=False, dtype=torch.float32).eval()

    def translate(texts: Sequence[str]) -> list[str]:
        with torch.inference_mode():
            tokens = tokenizer(list(texts), return_tensors="pt", padding=True, truncation=True)
            answers = model.generate(
                input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"], max_new_tokens=_MAX_TOKENS
            )
        return tokenizer.batch_decode(answers, skip_special_tokens=True)

    return translate
