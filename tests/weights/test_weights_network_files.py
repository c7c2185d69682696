"""What a transformers network is built from is stored with its weights, and building asks nothing else."""

import json
import shutil
import time

import pytest

torch = pytest.importorskip("torch")
from hf_models import save_model  # noqa: E402

from bakeoff.backbones.classifier import build_classifier  # noqa: E402
from bakeoff.backbones.compat import import_transformers  # noqa: E402
from bakeoff.backbones.params import BackboneParams  # noqa: E402
from bakeoff.backbones.registry import describe  # noqa: E402
from bakeoff.core.errors import ParamsError, WeightsError  # noqa: E402
from bakeoff.learning.key import weights_identity  # noqa: E402
from bakeoff.records.weights import existing_record, file_sha256, read_record  # noqa: E402
from bakeoff.weights.fetch import fetch_weights  # noqa: E402
from records_made import weights_record  # noqa: E402

pytestmark = pytest.mark.torch
HUB_ID = "somebody/tiny-swin"
COMMIT = "0123456789" * 4
FILES = {"config.json", "preprocessor_config.json"}


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """The cache of a machine that saw the model on the hub once; the hub itself is out of reach."""
    from huggingface_hub import constants

    snapshot = tmp_path / "cache" / "models--somebody--tiny-swin" / "snapshots" / COMMIT
    save_model(import_transformers(), snapshot, "swin")
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return snapshot


def described(name, defaults):
    return describe("mine", {"mine": BackboneParams(source="hf", name=str(name))}, defaults)


def features(settings, weights_dir):
    classifier = build_classifier(settings, n_classes=3, seed=0, weights_dir=weights_dir)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return classifier.eval().features(images)


@pytest.mark.slow
def test_a_clone_with_the_weights_folder_alone_builds_the_same_network(hub_cache, defaults, weights_params, tmp_path):
    settings = described(HUB_ID, defaults)
    assert settings.weights_id == HUB_ID
    record = fetch_weights(settings, weights_params(sources=["hub"]), tmp_path / "weights")
    assert (record.source, record.revision, set(record.network_files)) == ("hub", COMMIT, FILES)
    for name, sha256 in record.network_files.items():
        assert (tmp_path / "weights" / name).read_bytes() == (hub_cache / name).read_bytes()
        assert file_sha256(tmp_path / "weights" / name) == sha256
    there = features(settings, tmp_path / "weights")
    shutil.rmtree(tmp_path / "cache")
    shutil.copytree(tmp_path / "weights", tmp_path / "clone" / "weights" / "mine")
    assert torch.equal(features(settings, tmp_path / "clone" / "weights" / "mine"), there)
    assert fetch_weights(settings, weights_params(sources=["hub"]), tmp_path / "weights") == record


def test_a_random_start_is_built_from_the_stored_configuration(hub_cache, defaults, weights_params, tmp_path, capsys):
    settings = described(HUB_ID, defaults)
    (hub_cache / "model.safetensors").unlink()
    record = fetch_weights(settings, weights_params(sources=["hub"]), tmp_path / "weights")
    assert (record.source, record.file, set(record.network_files)) == ("random", None, FILES)
    assert "RANDOM START: mine" in capsys.readouterr().err
    there = features(settings, tmp_path / "weights")
    shutil.rmtree(tmp_path / "cache")
    assert torch.equal(features(settings, tmp_path / "weights"), there)
    # Asked again without the hub, what is stored still serves.
    assert fetch_weights(settings, weights_params(sources=["hub"]), tmp_path / "weights") == record


def test_no_configuration_anywhere_says_exactly_what_is_needed(hub_cache, defaults, weights_params, tmp_path):
    settings = described(HUB_ID, defaults)
    shutil.rmtree(tmp_path / "cache")
    words = (
        r"mine: no config\.json and preprocessor_config\.json of 'somebody/tiny-swin'.*Needed: the hub.*backbones\.mine"
    )
    with pytest.raises(WeightsError, match=words):
        fetch_weights(settings, weights_params(sources=["hub"]), tmp_path / "weights")
    with pytest.raises(WeightsError, match=r"mine is built from the config\.json in weights/mine"):
        build_classifier(settings, n_classes=3, seed=0, weights_dir=None)


def test_an_unreachable_hub_is_told_at_once(defaults, no_hub, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    start = time.monotonic()
    with pytest.raises(
        ParamsError, match=r"not a folder in .*neither the hub nor its cache has.*Needed: a folder made by"
    ):
        described(HUB_ID, defaults)
    assert time.monotonic() - start < 10  # transformers itself goes on asking for 97 s
    with pytest.raises(ParamsError, match=r"model 'data/raw/gone/vit': .*Needed: a folder made by"):
        described("data/raw/gone/vit", defaults)


def test_a_checkpoint_file_of_ones_own_meets_the_hubs_configuration(hub_cache, defaults, weights_params, tmp_path):
    settings = described(HUB_ID, defaults)
    (tmp_path / "own").mkdir()
    (hub_cache / "model.safetensors").rename(tmp_path / "own" / "mine.safetensors")
    params = weights_params(sources=["folder", "hub"], folder=str(tmp_path / "own"))
    record = fetch_weights(settings, params, tmp_path / "weights")
    assert (record.source, record.url_or_id, set(record.network_files)) == ("folder", "mine.safetensors", FILES)
    assert features(settings, tmp_path / "weights").shape == (2, 16)


def test_a_changed_configuration_is_noticed(defaults, weights_params, tmp_path):
    save_model(import_transformers(), tmp_path / "model", "vit")
    settings = described(tmp_path / "model", defaults)
    record = fetch_weights(settings, weights_params(), tmp_path / "weights")
    assert existing_record(tmp_path / "weights") == read_record(tmp_path / "weights") == record
    config = json.loads((tmp_path / "weights" / "config.json").read_text())
    (tmp_path / "weights" / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 0.5}))
    assert existing_record(tmp_path / "weights") is None


def test_the_files_of_another_model_do_not_serve(hub_cache, defaults, weights_params, tmp_path):
    save_model(import_transformers(), tmp_path / "model", "vit")
    fetch_weights(described(tmp_path / "model", defaults), weights_params(), tmp_path / "weights")
    settings = described(HUB_ID, defaults)
    record = fetch_weights(settings, weights_params(sources=["hub"]), tmp_path / "weights")
    assert record.url_or_id == HUB_ID
    assert features(settings, tmp_path / "weights").shape == (2, 16)
    assert json.loads((tmp_path / "weights" / "config.json").read_text())["model_type"] == "swin"


def test_a_model_whose_name_begins_alike_is_another(defaults, weights_params, tmp_path, monkeypatch):
    for name in ("vit", "vit2"):
        save_model(import_transformers(), tmp_path / name, "vit")
    asked = {name: described(tmp_path / name, defaults) for name in ("vit", "vit2")}
    stored = fetch_weights(asked["vit2"], weights_params(), tmp_path / "weights")
    shutil.rmtree(tmp_path / "vit2")
    # Its folder gone, the record of the model itself serves; that of one whose name goes on does not.
    assert fetch_weights(asked["vit2"], weights_params(sources=[]), tmp_path / "weights") == stored
    assert fetch_weights(asked["vit"], weights_params(sources=[]), tmp_path / "weights").source == "random"


def test_a_record_from_before_configurations_were_stored_serves_no_longer(
    hub_cache, defaults, weights_params, tmp_path
):
    settings = described(HUB_ID, defaults)
    record = fetch_weights(settings, weights_params(sources=["hub"]), tmp_path / "weights")
    record.model_copy(update={"network_files": {}}).write(tmp_path / "weights")
    assert fetch_weights(settings, weights_params(sources=["hub"]), tmp_path / "weights") == record


def test_the_configuration_is_part_of_what_a_training_starts_from():
    plain = weights_record(sha256="a")
    assert weights_identity(plain, 0) == "a"
    first, second = (weights_record(sha256="a", network_files={"config.json": digest}) for digest in ("b", "c"))
    assert len({weights_identity(record, 0) for record in (plain, first, second)}) == 3
    random = weights_record(pretrained=False, network_files={"config.json": "b"})
    assert weights_identity(random, 0) != weights_identity(random, 1)
