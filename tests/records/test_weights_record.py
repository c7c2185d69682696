"""record.json: what it may say, and who needs another try; no framework needed."""

import pytest

from bakeoff.core.errors import WeightsError
from bakeoff.records.weights import (
    WeightsRecord,
    existing_record,
    file_sha256,
    read_record,
    retry_needed,
)

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of nothing


def record(**changes):
    given = {
        "model": "m",
        "source": "hub",
        "file": "model.safetensors",
        "url_or_id": "timm/m",
        "revision": "abc",
        "sha256": EMPTY,
        "licence": "MIT",
        "commercial_use": True,
        **changes,
    }
    return WeightsRecord(**given)


def random(reason="unreachable"):
    return record(source="random", file=None, sha256=None, revision=None, reason=reason)


def test_round_trip(tmp_path):
    for given in (record(), random()):
        given.write(tmp_path / "weights" / "m")
        assert read_record(tmp_path / "weights" / "m") == given
    assert record().pretrained
    assert not random().pretrained


def test_the_files_of_the_record_before_it_go_and_no_others(tmp_path):
    for name in ("shop.keras", "config.json", "model.safetensors", "notes.txt"):
        (tmp_path / name).touch()
    record(file="shop.keras", network_files={"config.json": EMPTY}).write(tmp_path)
    record().write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "notes.txt", "record.json"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": None}, "file and sha256 are given exactly where"),
        ({"reason": "gated"}, "reason is given exactly where"),
        ({"source": "random"}, "file and sha256"),
        ({"source": "random", "file": None, "sha256": None}, "reason is given"),
        ({"reason": "Connection refused"}, "literal"),
    ],
)
def test_contradictions_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        record(**changes)


def test_a_missing_and_a_foreign_record_are_named(tmp_path):
    with pytest.raises(
        WeightsError, match=r"record\.json is missing; run `dvc repro weights weights_text weights_baseline`"
    ):
        read_record(tmp_path)
    (tmp_path / "record.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"is not a weights record: Field required; delete the folder"):
        read_record(tmp_path)


def test_existing_means_record_and_unchanged_file(tmp_path):
    assert existing_record(tmp_path) is None
    record().write(tmp_path)
    assert existing_record(tmp_path) is None
    (tmp_path / "model.safetensors").touch()
    assert file_sha256(tmp_path / "model.safetensors") == EMPTY
    assert existing_record(tmp_path) == record()
    (tmp_path / "model.safetensors").write_text("changed")
    assert existing_record(tmp_path) is None
    random().write(tmp_path)
    assert existing_record(tmp_path) == random()


def test_a_reason_under_its_earlier_name_is_still_read(tmp_path):
    random("unreachable").write(tmp_path)
    path = tmp_path / "record.json"
    path.write_text(path.read_text().replace("unreachable", "hub_unreachable"))
    assert read_record(tmp_path).reason == "unreachable"


def test_retry_only_where_a_new_attempt_may_help(tmp_path):
    record().write(tmp_path / "real")
    for reason in ("unreachable", "not_found", "no_published_weights", "gated", "html_page", "offline_by_params"):
        random(reason).write(tmp_path / reason)
    assert retry_needed(tmp_path) == ["gated", "html_page", "not_found", "offline_by_params", "unreachable"]
    assert retry_needed(tmp_path / "nowhere") == []
