"""A tiny transformer encoder as the Hugging Face hub has them: config.json, model.safetensors, tokenizer.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakeoff.records.text import CleaningParams, EncoderParams, TextSettings
from text_study import WORDS, settings

WIDTH = 16


def save_encoder(folder: Path, *, seed: int = 0, **config: Any) -> Path:
    """Make the folder of a BERT with random weights whose tokenizer knows the words of text_study; return it."""
    from bakeoff.backbones.compat import import_transformers

    transformers = import_transformers()
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    known = {word: n for n, word in enumerate([*special, *sorted(" ".join(WORDS.values()).split()), "query:", "a"])}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.WhitespaceSplit()
    ends = [(name, known[name]) for name in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = processors.BertProcessing(*ends)
    names = {f"{name.strip('[]').lower()}_token": name for name in special}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(seed)
    sizes = {"vocab_size": len(known), "hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 32, "max_position_embeddings": 40, "initializer_range": 0.5}
    transformers.BertModel(transformers.BertConfig(**(sizes | config))).save_pretrained(folder)
    return folder


def encoder_params(name: str, **changes: Any) -> EncoderParams:
    """Return a folder's encoder, or another."""
    given = {"source": "folder", "name": name, "licence": "MIT", "commercial_use": True, "pooling": "mean"}
    given |= {"prefix": "", "max_tokens": 32, "batch_size": 8}
    return EncoderParams.model_validate(given | changes)


def encoder_settings(encoders: dict[str, EncoderParams], **changes: Any) -> TextSettings:
    """Return a text model of encoders and a logistic regression."""
    own = settings().model_dump()
    own |= {"model": "tiny", "vectoriser": {"encoders": {name: dict(one) for name, one in encoders.items()}}}
    own |= {"classifier": {"name": "logistic", "c": 10.0, "max_iter": 1000}, "licence_code": "Apache-2.0"}
    light = {"lower": False, "stop_words": False, "units": "keep", "numbers": "keep", "min_length": 1}
    own["cleaning"] = CleaningParams.model_validate(own["cleaning"] | light | {"abbreviations": {}})
    return TextSettings.model_validate(own | changes)
