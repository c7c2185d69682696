"""What `make run` and `bakeoff weights --retry` make of a user's weights file that is gone or cannot be taken up."""

from pathlib import Path

import pytest

from bakeoff.study.params import load_params
from bakeoff.study.run import untaken_user_files
from bakeoff.weights.baseline import fetch_baseline_weights

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A study whose baseline starts from shop.keras, stored by its stage."""
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    text = (ROOT / "params.yaml").read_text().replace("  weights_file: null", "  weights_file: shop.keras")
    (tmp_path / "params.yaml").write_text(text)
    (tmp_path / "shop.keras").write_bytes(b"1")
    params = load_params(tmp_path / "params.yaml")
    fetch_baseline_weights(params.weights, params.baseline, tmp_path / "weights" / "baseline_tf")
    return tmp_path


def test_a_file_that_is_gone_is_the_policys(root):
    assert untaken_user_files(root) == []
    (root / "shop.keras").unlink()
    assert untaken_user_files(root) == [], "prefer: the stored copy serves"
    text = (root / "params.yaml").read_text()
    assert "policy: prefer" in text
    (root / "params.yaml").write_text(text.replace("policy: prefer", "policy: require"))
    assert [str(change) for change in untaken_user_files(root)] == [
        f"{root / 'shop.keras'} is gone; its copy stays in weights/baseline_tf"
    ]


def test_a_file_that_still_differs_was_not_taken_up(root):
    (root / "shop.keras").write_bytes(b"2")
    assert [change.stages for change in untaken_user_files(root)] == [("weights_baseline",)]


def test_a_copy_of_dvcs_reads_the_main_checkouts_file(root, monkeypatch):
    monkeypatch.delenv("BAKEOFF_ROOT")
    copy = root / ".dvc" / "tmp" / "exps" / "standalone" / "tmp1"
    copy.mkdir(parents=True)
    for folder in (root, copy):
        (folder / "dvc.yaml").touch()
    monkeypatch.chdir(copy)
    (root / "shop.keras").write_bytes(b"2")
    params = load_params(root / "params.yaml")
    record = fetch_baseline_weights(params.weights, params.baseline, Path("weights") / "baseline_tf")
    assert (copy / "weights" / "baseline_tf" / "shop.keras").read_bytes() == b"2"
    assert record.url_or_id == "shop.keras"
