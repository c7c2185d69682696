"""The baseline's weights file over a real local web server; no framework needed."""

import functools
import hashlib
import http.server
import socket
import threading

import pytest

from bakeoff.backbones import hub
from bakeoff.backbones.hub import KERAS_FILE, Found, find_keras_file
from bakeoff.core.errors import DataError, WeightsError
from bakeoff.learning.params import BaselineParams
from bakeoff.records.recipe import ScheduleParams
from bakeoff.records.weights import existing_record
from bakeoff.weights import baseline as module
from bakeoff.weights.baseline import fetch_baseline_weights

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
        "network": "efficientnet_b0",
        "pretrained": "imagenet",
        "weights_file": None,
        "class_names": None,
        "image_size": 224,
        "batch_size": 8,
        "loss": "bce",
        "dropout": 0.2,
        "optimizer": {"name": "adamw", "weight_decay": 0.0},
        "early_stop_patience_epochs": None,
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
    assert find_keras_file(out, timeout_s=1, url="http://127.0.0.1:9/x", md5=MD5) != "unreachable"


def test_a_changed_file_is_refused_and_removed(server, tmp_path):
    with pytest.raises(
        WeightsError, match=r"gave a file with MD5 [0-9a-f]{32}, expected 50bc09e76180e00e4465e1a485ddc09d"
    ):
        find_keras_file(tmp_path / "out", timeout_s=5, url=f"{server}/{KERAS_FILE}")
    assert list((tmp_path / "out").iterdir()) == []


def html_server(folder):
    (folder / KERAS_FILE).write_bytes(b"\n<!-- portal --><!DOCTYPE html><html><body>Please log in</body></html>")


def test_an_html_page_is_a_reason_and_the_next_source_is_asked(server, weights_params, tmp_path, monkeypatch, capsys):
    html_server(tmp_path / "www")
    url = f"{server}/{KERAS_FILE}"
    assert find_keras_file(tmp_path / "out", timeout_s=5, url=url) == "html_page"
    assert list((tmp_path / "out").iterdir()) == []
    monkeypatch.setattr(module, "find_keras_file", functools.partial(find_keras_file, url=url))
    given = weights_params(sources=["hub", "folder"])
    assert fetch_baseline_weights(given, baseline(), tmp_path / "out").reason == "html_page"
    assert "RANDOM START: baseline_tf has no pretrained weights (html_page: an HTML page" in capsys.readouterr().err
    with pytest.raises(WeightsError, match=r"for baseline_tf \(html_page: an HTML page came instead of the file"):
        fetch_baseline_weights(given.model_copy(update={"policy": "require"}), baseline(), tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / KERAS_FILE).write_bytes(CONTENT)
    next_one = given.model_copy(update={"folder": str(tmp_path / "mine")})
    assert fetch_baseline_weights(next_one, baseline(), tmp_path / "out").source == "folder"


def test_unreachable_missing_and_offline(server, tmp_path, monkeypatch):
    assert find_keras_file(tmp_path, timeout_s=2, url="http://127.0.0.1:9/x") == "unreachable"
    assert find_keras_file(tmp_path, timeout_s=5, url=f"{server}/none.h5") == "not_found"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert find_keras_file(tmp_path, timeout_s=5, url=f"{server}/{KERAS_FILE}", md5=MD5) == "unreachable"


def test_a_server_that_speaks_no_http_is_out_of_reach(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"who is there?\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/{KERAS_FILE}"
        assert find_keras_file(tmp_path, timeout_s=5, url=url) == "unreachable"
    assert list(tmp_path.iterdir()) == []


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


def test_a_changed_order_of_sources_is_honoured_but_never_by_a_random_start(
    server, weights_params, tmp_path, monkeypatch
):
    url = f"{server}/{KERAS_FILE}"
    monkeypatch.setattr(module, "KERAS_URL", url)
    monkeypatch.setattr(module, "find_keras_file", functools.partial(find_keras_file, url=url, md5=MD5))
    out, mine = tmp_path / "out", tmp_path / "mine"
    mine.mkdir()
    (mine / "baseline_tf.h5").write_bytes(b"the user's" + CONTENT)
    hub, folder = fetch_baseline_weights(weights_params(sources=["hub"]), baseline(), out), str(mine)
    assert hub.source == "hub"
    kept = [weights_params(sources=["hub", "folder"], folder=folder), weights_params(sources=[])]
    assert [fetch_baseline_weights(given, baseline(), out) for given in kept] == [hub, hub]
    preferred = weights_params(sources=["folder", "hub"], folder=folder)
    ours = fetch_baseline_weights(preferred, baseline(), out)
    assert (ours.source, ours.url_or_id, ours.sha256) == ("folder", "baseline_tf.h5", ours.source_sha256)
    assert fetch_baseline_weights(weights_params(sources=["hub", "folder"], folder=folder), baseline(), out) == hub


def test_a_file_that_params_name_no_longer_makes_way(weights_params, tmp_path):
    path = tmp_path / "shop.keras"
    path.write_bytes(CONTENT)
    assert fetch_baseline_weights(weights_params(), baseline(weights_file=str(path)), tmp_path / "out").pretrained
    assert fetch_baseline_weights(weights_params(), baseline(), tmp_path / "out").reason == "offline_by_params"
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["record.json"]


def as_is(tmp_path, names="red\ngreen\n", **changes):
    (tmp_path / "shop.keras").write_bytes(CONTENT)
    (tmp_path / "classes.txt").write_text(names)
    files = {"weights_file": str(tmp_path / "shop.keras"), "class_names": str(tmp_path / "classes.txt")}
    return baseline(mode="as_is", **files, **changes)


def test_the_class_names_are_stored_with_the_model_and_only_as_is(weights_params, tmp_path):
    record = fetch_baseline_weights(weights_params(), as_is(tmp_path), tmp_path / "out")
    assert record.class_names == ["red", "green"]
    again = fetch_baseline_weights(weights_params(), as_is(tmp_path, names="green\nred\n"), tmp_path / "out")
    assert again.class_names == ["green", "red"]
    frozen = as_is(tmp_path).model_copy(update={"mode": "frozen"})
    assert fetch_baseline_weights(weights_params(), frozen, tmp_path / "out").class_names is None


def test_a_model_with_class_names_that_are_refused_leaves_what_is_stored(weights_params, tmp_path):
    record = fetch_baseline_weights(weights_params(), as_is(tmp_path), tmp_path / "out")
    asked = as_is(tmp_path, names="red\nred\n")
    (tmp_path / "shop.keras").write_bytes(b"another")
    with pytest.raises(DataError, match=r"must list each of the earlier model's classes once"):
        fetch_baseline_weights(weights_params(), asked, tmp_path / "out")
    assert existing_record(tmp_path / "out") == record


@pytest.mark.parametrize("name", ["shop.keras", "classes.txt"])
def test_a_users_file_that_is_gone_leaves_its_copy_under_prefer_alone(name, weights_params, tmp_path, capsys):
    asked = as_is(tmp_path)
    record = fetch_baseline_weights(weights_params(), asked, tmp_path / "out")
    (tmp_path / name).unlink()
    assert fetch_baseline_weights(weights_params(), asked, tmp_path / "out") == record
    said = capsys.readouterr().err
    assert f"{tmp_path / name}, the user's file behind weights/baseline_tf, is gone; the stored copy stays" in said
    with pytest.raises(WeightsError, match=rf"{name}, the user's file .* is gone and weights\.policy is require: put"):
        fetch_baseline_weights(weights_params(policy="require"), asked, tmp_path / "out")


def test_a_saved_model_folder_and_a_pointer_are_refused_with_what_to_do(weights_params, tmp_path):
    (tmp_path / "saved").mkdir()
    with pytest.raises(WeightsError, match=r"saved is a folder, as a SavedModel is; .*model\.save\('earlier\.keras'\)"):
        fetch_baseline_weights(weights_params(), baseline(weights_file=str(tmp_path / "saved")), tmp_path / "out")
    (tmp_path / "m.keras").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(WeightsError, match=r"m\.keras is a Git LFS pointer, .*git lfs pull"):
        fetch_baseline_weights(weights_params(), baseline(weights_file=str(tmp_path / "m.keras")), tmp_path / "out")


@pytest.mark.parametrize(("status", "reason"), [(403, "unauthorised"), (429, "rate_limited"), (502, "server_error")])
def test_a_server_that_refuses_is_a_reason(status, reason, tmp_path):
    class Refusing(Quiet):
        def do_GET(self):
            self.send_error(status)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{httpd.server_address[1]}/{KERAS_FILE}"
        assert find_keras_file(tmp_path, timeout_s=5, url=url, md5=MD5) == reason
        httpd.shutdown()


def test_an_earlier_projects_file_comes_first(weights_params, tmp_path):
    path = tmp_path / "shop.weights.h5"
    path.write_bytes(CONTENT)
    record = fetch_baseline_weights(weights_params(), baseline(weights_file=str(path)), tmp_path / "out")
    assert (record.source, record.file, record.commercial_use) == ("user_file", "shop.weights.h5", None)
    assert (tmp_path / "out" / "shop.weights.h5").read_bytes() == CONTENT
    with pytest.raises(WeightsError, match=r"baseline\.weights_file: .*gone\.keras does not exist"):
        fetch_baseline_weights(weights_params(), baseline(weights_file=str(tmp_path / "gone.keras")), tmp_path / "out")
