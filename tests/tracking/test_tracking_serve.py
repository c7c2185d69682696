"""The server itself, in a process of its own, asked over HTTP; and what is said where there is nothing to serve."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tracking_files import write_candidate, write_reports

from bakeoff.catalogue.pack import Packed
from bakeoff.core.errors import EvaluationError, TrackingError
from bakeoff.data.photo import open_packed
from bakeoff.data.products import Photos
from bakeoff.deploy.prediction.scoring import read_files
from bakeoff.records.training import TrainingRecord
from bakeoff.tracking import serve
from bakeoff.tracking.experiments import log_comparison
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.serve import Served, champion, serve_model, server_command, trained, welcome
from bakeoff.tracking.serving_app import RawPhotos, as_json
from prepared import PREPARE
from records_made import calibration_record, choice_record, metrics_record

ROOT = Path(__file__).parents[2]
PARAMS = (
    "prepare: {store_px: 32, max_megapixels: 1, min_side_px: 16, class_too_small: reject, require: image}\n"
    "tracking: {experiment: bakeoff, tensorboard: false, system_metrics: false, log_models: true}\n"
)
"""Its section `prepare` is not the one that the trainings' catalogues were made by (`prepared.PREPARE`)."""
START_S = 180


def photo() -> bytes:
    """A noisy photo that `prepare` would shrink to 100 px and encode as JPEG."""
    pixels = np.random.default_rng(0).integers(0, 256, size=(170, 150, 3)) * np.array([1, 0.5, 0.2])
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def read_as_predict_does(folder: Path) -> Photos:
    """The photo on its way through `bakeoff predict`."""
    (folder / "photo.png").write_bytes(photo())
    (packed,) = read_files([str(folder / "photo.png")], PREPARE, malformed=[None])
    assert isinstance(packed, Packed)
    assert (packed.encoded[:3], packed.width) == (b"\xff\xd8\xff", 150)
    return Photos([open_packed(packed.encoded)])


def ask(port: int, body: bytes, content_type: str, query="", host=None) -> tuple[int, dict]:
    headers = {"Content-Type": content_type} | ({"Host": host} if host else {})
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations{query}", data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        return error.code, json.loads(text) if text.startswith("{") else {"text": text}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(project: Path, port: int, *arguments: str) -> subprocess.Popen[bytes]:
    """Start the real `bakeoff serve` and wait for its welcome."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "CUDA_VISIBLE_DEVICES": ""}
    log = project / "serve.log"
    command = [sys.executable, "-m", "bakeoff.cli", "serve", "--port", str(port), *arguments]
    with log.open("w") as file:
        process = subprocess.Popen(command, env=environment, cwd=project, stdout=file, stderr=file)
    deadline_s = time.monotonic() + START_S
    while "stop it with Ctrl-C" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.3)
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)


def check_answers(port: int, expected: str) -> None:
    """Post a photo in every form and things that are none."""
    encoded = base64.b64encode(photo()).decode()
    split = json.dumps({"dataframe_split": {"columns": ["image"], "data": [[encoded], [encoded]]}}).encode()
    inputs = json.dumps({"inputs": {"image": [encoded]}, "params": {"top_k": 2}}).encode()
    answers = {
        "split": ask(port, split, "application/json"),
        "inputs": ask(port, inputs, "application/json"),
        "jpeg": ask(port, photo(), "image/jpeg", "?top_k=2"),
        "bytes": ask(port, photo(), "application/octet-stream"),
    }
    for name, (status, answer) in answers.items():
        assert status == 200, (name, answer)
        assert {row["label"] for row in answer["predictions"]} == {expected}
    assert len(answers["split"][1]["predictions"]) == 2
    (row,) = answers["jpeg"][1]["predictions"]
    assert row == answers["inputs"][1]["predictions"][0]
    assert row["top_labels"][0] == expected
    assert row["top_probabilities"][0] == row["probability"] == max(row["probabilities"])
    assert "top_labels" not in answers["bytes"][1]["predictions"][0]
    status, answer = ask(port, b"<html></html>", "image/jpeg")
    assert status == 400
    assert answer["message"].startswith("row 0: the image cannot be used: not_an_image")
    assert "stack_trace" not in answer
    wrong = json.dumps({"inputs": {"image": ["no base64!"]}}).encode()
    status, answer = ask(port, wrong, "application/json")
    assert (status, "needs base64 text or bytes" in answer["message"]) == (400, True)
    status, answer = ask(port, photo(), "image/png", "?top_k=-1")
    assert (status, "top_k must be 0" in answer["message"]) == (400, True)
    assert ask(port, photo(), "image/png", "?top_k=many")[0] == 400
    assert ask(port, photo(), "image/png", host="evil.example")[0] == 400
    for path in ("ping", "version", "health"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
            assert answer.status == 200


def make_champion(project: Path, training_dir: Path, params) -> TrainingRecord:
    """Log and register a training and return its record."""
    training = TrainingRecord.read(training_dir / "training.json")
    metrics_record(training).write(training_dir.parent / "evaluation" / "metrics.json")
    (project / "params.yaml").write_text(PARAMS, encoding="utf-8")
    replay(training_dir.parent, params=params)
    reports = write_reports(project / "reports")
    choice_record(best={"candidate": training.candidate, "keys": [training.key]}).write(reports / "choice.json")
    log_comparison(reports, reports.parent / "runs", params)
    return training


@pytest.mark.slow
@pytest.mark.torch
def test_the_champion_answers_every_form_of_a_photo(torch_training, tracking_params, project, monkeypatch):
    """Not calibrated at first, then by the file that its evaluation wrote."""
    from bakeoff.predictors.torch_predictor import load_torch_predictor

    _, train = torch_training
    training_dir = train("frozen")
    logging = tracking_params.model_copy(update={"log_models": True})
    training = make_champion(project, training_dir, logging)
    scores = load_torch_predictor(training_dir, device="cpu").predict(read_as_predict_does(project))[0]
    monkeypatch.setenv("BAKEOFF_PYTHON_TORCH", sys.executable)
    port = free_port()
    process = start(project, port)
    try:
        assert "tiny-frozen (champion, version 1) answers at" in (project / "serve.log").read_text()
        check_answers(port, training.labels[int(np.argmax(scores))])
        plain = ask(port, photo(), "image/png")[1]["predictions"][0]["probabilities"]
    finally:
        stop(process)
    assert plain == pytest.approx(scores.tolist(), abs=1e-5)
    calibration_record(temperature=2.0).write(training_dir.parent / "evaluation" / "calibration.json")
    replay(training_dir.parent, params=logging)
    process = start(project, port, "--candidate", "tiny-frozen")
    try:
        calibrated = ask(port, photo(), "image/png")[1]["predictions"][0]["probabilities"]
    finally:
        stop(process)
    expected = np.sqrt(scores.astype(float))
    assert calibrated == pytest.approx((expected / expected.sum()).tolist(), abs=1e-5)


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_a_keras_champion_answers_in_its_own_environment(keras_training, tracking_params, project, monkeypatch):
    from bakeoff.predictors.keras_predictor import load_keras_predictor

    _, training_dir = keras_training
    training = make_champion(project, training_dir, tracking_params.model_copy(update={"log_models": True}))
    scores = load_keras_predictor(training_dir, device="cpu", threads=1).predict(read_as_predict_does(project))[0]
    monkeypatch.setenv("BAKEOFF_PYTHON_TF", sys.executable)
    port = free_port()
    process = start(project, port)
    try:
        check_answers(port, training.labels[int(np.argmax(scores))])
    finally:
        stop(process)


@pytest.mark.slow
@pytest.mark.torch
def test_a_champion_of_texts_answers_the_line_that_it_prints(tracking_params, project, monkeypatch):
    """And each form of MLflow's JSON, a row for every row."""
    from bakeoff.text.train import train_text
    from text_study import catalogue_of, plan_of

    folder, training_dir = (
        project / "data" / "catalogue",
        project / "runs" / "tfidf_svm-original" / "seed_0" / "training",
    )
    folder.mkdir(parents=True)
    train_text(plan_of(folder, catalogue_of(folder), root=project), training_dir)
    make_champion(project, training_dir, tracking_params.model_copy(update={"log_models": True}))
    monkeypatch.setenv("BAKEOFF_PYTHON_TORCH", sys.executable)
    port = free_port()
    process = start(project, port)
    try:
        printed = (project / "serve.log").read_text().partition("Ask it:")[2]
        done = subprocess.run(["sh", "-c", printed], capture_output=True, check=True)
        assert len(json.loads(done.stdout)["predictions"][0]["top_labels"]) == 3
        for body in (
            {"dataframe_split": {"columns": ["title", "description"], "data": [["ruby", None], [None, "leaf"]]}},
            {"dataframe_records": [{"title": "ruby"}, {"description": "leaf"}]},
            {"inputs": {"title": ["ruby", None], "description": [None, "leaf"]}},
            {"inputs": {"title": ["ruby", "leaf"]}},
            {"instances": [{"title": "ruby"}, {"title": "leaf"}]},
        ):
            status, answer = ask(port, json.dumps(body).encode(), "application/json")
            assert (status, [row["label"] for row in answer["predictions"]]) == (200, ["red", "green"]), body
        status, answer = ask(port, json.dumps({"inputs": {"name": ["ruby"]}}).encode(), "application/json")
        assert (status, "needs a column title or description" in answer["message"]) == (400, True)
        status, answer = ask(port, photo(), "image/png")
        assert (status, "needs a column title or description" in answer["message"]) == (400, True)
    finally:
        stop(process)


def test_nothing_to_serve_is_told(project, tracking_params):
    with pytest.raises(TrackingError, match=r"no model is registered as bakeoff@champion in .* --candidate"):
        champion(tracking_params)
    with pytest.raises(EvaluationError, match=r"swin_t-frozen has no evaluated training under .*; there are: none"):
        trained("swin_t-frozen", tracking_params, project / "runs")
    replay(write_candidate(project / "runs" / "tiny-frozen" / "seed_0"), params=tracking_params)
    with pytest.raises(TrackingError, match=r"has no logged model of .*seed_0; set tracking.log_models: true"):
        trained("tiny-frozen", tracking_params, project / "runs")
    write_candidate(project / "runs" / "baseline_tf+tiny-frozen-mean" / "seed_0")
    with pytest.raises(TrackingError, match=r"has no logged model: a pair with the TensorFlow baseline, .* its sides"):
        trained("baseline_tf+tiny-frozen-mean", tracking_params, project / "runs")


def test_the_environment_is_the_frameworks(project, monkeypatch):
    monkeypatch.setenv("BAKEOFF_PYTHON_TF", sys.executable)
    command = server_command(Served("models:/bakeoff/1", "baseline_tf", "tensorflow"), 5001)
    assert (command[0], command[1], command[3:]) == (
        sys.executable,
        "-P",
        ["--model", "models:/bakeoff/1", "--port", "5001"],
    )
    with pytest.raises(TrackingError, match="must be one of pytorch, tensorflow, scikit-learn, fusion, got ''"):
        server_command(Served("models:/bakeoff/1", "who", ""), 5001)
    monkeypatch.setenv("BAKEOFF_PYTHON_TORCH", str(project / "nowhere"))
    with pytest.raises(TrackingError, match=r"needs .*nowhere, which is missing; run `make setup`"):
        server_command(Served("models:/bakeoff/1", "who", "pytorch"), 5001)


def test_a_store_that_is_away_is_one_sentence(project, monkeypatch):
    (project / "params.yaml").write_text(PARAMS, encoding="utf-8")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(TrackingError, match="the MLflow store cannot be used"):
        serve_model(5001)


def test_a_pytorch_server_keeps_its_memory_from_the_start(project, monkeypatch):
    monkeypatch.setattr(serve, "kept_environment", lambda: {"MALLOC_MMAP_MAX_": "0"})
    torch = serve._environment(Served("models:/bakeoff/1", "a", "pytorch"))
    assert torch["MALLOC_MMAP_MAX_"] == "0"
    assert torch["MLFLOW_TRACKING_URI"].endswith("mlflow.db")
    assert "MALLOC_MMAP_MAX_" not in serve._environment(Served("models:/bakeoff/1", "a", "tensorflow"))


def test_the_welcome_has_a_line_to_copy():
    text = welcome(Served("models:/bakeoff/1", "tiny-frozen (champion, version 1)", "pytorch"), 5001)
    assert "tiny-frozen (champion, version 1) answers at http://127.0.0.1:5001/invocations; stop it" in text
    assert "curl -H 'Content-Type: image/jpeg' --data-binary @photo.jpg" in text
    photos = welcome(Served("models:/bakeoff/1", "a-frozen+b-finetune-mean (seed 0)", "fusion"), 5001)
    assert "--data-binary @photo.jpg" in photos
    texts = welcome(Served("models:/bakeoff/1", "a-original+b-original-mean (seed 0)", "fusion"), 5001)
    assert '"title": "A wooden chair"' in texts
    assert "photo" not in texts
    both = welcome(Served("models:/bakeoff/1", "a-frozen+b-original-mean (seed 0)", "fusion"), 5001)
    assert '"description": "Four legs", "image": "\'$(base64 -w0 photo.jpg)\'"' in both


def test_a_client_that_hangs_up_in_an_upload_is_not_answered():
    events = iter([{"type": "http.request", "body": b"abc", "more_body": True}, {"type": "http.disconnect"}])
    scope = {"type": "http", "path": "/invocations", "method": "POST", "headers": [(b"content-type", b"image/png")]}

    async def receive():
        return next(events)

    async def never(*arguments):
        raise AssertionError("half a photo reached the model")

    asyncio.run(RawPhotos(never)(scope, receive, never))


def test_a_photo_becomes_the_request_mlflow_knows():
    request = json.loads(as_json(b"abc", b"top_k=3"))
    assert request == {"dataframe_split": {"columns": ["image"], "data": [["YWJj"]]}, "params": {"top_k": 3}}
    assert "params" not in json.loads(as_json(b"abc", b""))
