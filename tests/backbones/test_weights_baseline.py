"""The baseline's weights file over a real local web server; no framework needed."""

import functools
import hashlib
import http.server
import threading

import pytest

from bakeoff.backbones.weights import baseline as module
from bakeoff.backbones.weights import hub
from bakeoff.backbones.weights.baseline import fetch_baseline_weights
from bakeoff.backbones.weights.found import Found, NotFound
from bakeoff.backbones.weights.hub import KERAS_FILE, find_keras_file
from bakeoff.errors import WeightsError
from bakeoff.params import BaselineParams, ScheduleParams

CONTENT = b"not really HDF5" * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / KERAS_FILE).write_bytes(CONTENT)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


@pytest.fixture(autouse=True)
def online(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def baseline(**changes):
    schedule = ScheduleParams(epochs=1, learning_rate=0.1, max_steps=None)
    given = {
        "mode": "frozen",
        "pretrained": "imagenet",
        "weights_file": None,
        "class_names": None,
        "image_size": 224,
        "batch_size": 8,
        "loss": "bce",
        "dropout": 0.2,
        "weight_decay": 0.0,
        "frozen": schedule,
        "finetune": schedule,
        **changes,
    }
    return BaselineParams(**given)


def test_download_is_checked_and_not_repeated(server, tmp_path):
    out = tmp_path / "out"
    url = f"{server}/{KERAS_FILE}"
    found = find_keras_file(out, timeout_s=5, url=url, md5=MD5)
    assert found == Found(out / KERAS_FILE, "hub", url_or_id=url)
    assert (out / KERAS_FILE).read_bytes() == CONTENT
    assert find_keras_file(out, timeout_s=1, url="http://127.0.0.1:9/x", md5=MD5) != NotFound("hub_unreachable")


def test_a_changed_file_is_refused_and_removed(server, tmp_path):
    with pytest.raises(
        WeightsError, match=r"gave a file with MD5 [0-9a-f]{32}, expected 50bc09e76180e00e4465e1a485ddc09d"
    ):
        find_keras_file(tmp_path / "out", timeout_s=5, url=f"{server}/{KERAS_FILE}")
    assert list((tmp_path / "out").iterdir()) == []


def test_unreachable_missing_and_offline(server, tmp_path, monkeypatch):
    assert find_keras_file(tmp_path, timeout_s=2, url="http://127.0.0.1:9/x") == NotFound("hub_unreachable")
    assert find_keras_file(tmp_path, timeout_s=5, url=f"{server}/none.h5") == NotFound("not_found")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert find_keras_file(tmp_path, timeout_s=5, url=f"{server}/{KERAS_FILE}", md5=MD5) == NotFound("hub_unreachable")


def test_the_digest_is_the_one_keras_publishes():
    efficientnet = pytest.importorskip("keras.src.applications.efficientnet")
    assert efficientnet.WEIGHTS_HASHES["b0"][1] == hub.KERAS_MD5
    assert efficientnet.BASE_WEIGHTS_PATH + KERAS_FILE == hub.KERAS_URL


def test_random_with_its_reason(weights_params, tmp_path, capsys):
    record = fetch_baseline_weights(weights_params(), baseline(), tmp_path)
    assert (record.model, record.source, record.reason) == ("baseline_tf", "random", "offline_by_params")
    assert "RANDOM START: baseline_tf" in capsys.readouterr().err
    with pytest.raises(
        WeightsError,
        match=r"no pretrained weights for baseline_tf .*policy is require: put efficientnetb0_notop\.h5 into",
    ):
        fetch_baseline_weights(weights_params(policy="require"), baseline(), tmp_path)


def test_folder_then_kept(weights_params, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / KERAS_FILE).write_bytes(CONTENT)
    out = tmp_path / "out"
    record = fetch_baseline_weights(weights_params(folder=str(folder)), baseline(), out)
    assert (record.source, record.file, record.licence) == ("folder", KERAS_FILE, "Apache-2.0")
    assert record.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert fetch_baseline_weights(weights_params(), baseline(), out) == record
    asked_for = fetch_baseline_weights(weights_params(), baseline(pretrained="random"), out)
    assert asked_for.reason == "offline_by_params"


def test_hub_through_the_sources(server, weights_params, tmp_path, monkeypatch):
    monkeypatch.setattr(
        module, "find_keras_file", functools.partial(find_keras_file, url=f"{server}/{KERAS_FILE}", md5=MD5)
    )
    record = fetch_baseline_weights(weights_params(sources=["folder", "package", "hub"]), baseline(), tmp_path / "out")
    assert (record.source, record.file, record.commercial_use) == ("hub", KERAS_FILE, True)
    assert (tmp_path / "out" / KERAS_FILE).read_bytes() == CONTENT


def test_an_earlier_projects_file_comes_first(weights_params, tmp_path):
    path = tmp_path / "shop.weights.h5"
    path.write_bytes(CONTENT)
    record = fetch_baseline_weights(weights_params(), baseline(weights_file=str(path)), tmp_path / "out")
    assert (record.source, record.file, record.commercial_use) == ("user_file", "shop.weights.h5", None)
    assert (tmp_path / "out" / "shop.weights.h5").read_bytes() == CONTENT
    with pytest.raises(WeightsError, match=r"baseline\.weights_file: .*gone\.keras does not exist"):
        fetch_baseline_weights(weights_params(), baseline(weights_file=str(tmp_path / "gone.keras")), tmp_path / "out")
