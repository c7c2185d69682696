"""What a baseline taken as it is reads of the user's files is the copy in weights/, and its key follows that."""

from importlib.metadata import version

import pytest

from bakeoff.core.errors import WeightsError
from bakeoff.records.weights import WeightsRecord

pytestmark = pytest.mark.tf


def record(class_names):
    return WeightsRecord(
        model="baseline_tf",
        source="user_file",
        file="shop.keras",
        url_or_id="shop.keras",
        revision=None,
        sha256="0" * 64,
        licence="unknown",
        commercial_use=None,
        source_sha256="0" * 64,
        class_names=class_names,
    )


def test_class_names_come_from_the_record(tmp_path):
    from bakeoff.baseline_tf.initial import fetched_class_names

    assert fetched_class_names(weights_dir=tmp_path, record=record(["red", "blue"])) == ["red", "blue"]
    with pytest.raises(WeightsError, match=r"holds no class names .* run `bakeoff weights --retry` to store"):
        fetched_class_names(weights_dir=tmp_path, record=record(None))


def test_the_key_follows_the_stored_class_names_and_only_as_is(colours, params, tmp_path):
    from bakeoff.baseline_tf.record import BaselineRun
    from bakeoff.baseline_tf.runtime import Device

    device = Device("cpu", "a machine", 1)

    def key(mode, class_names):
        asked = params(mode=mode, weights_file="shop.keras", class_names="gone.txt")
        return BaselineRun(asked, colours, 0, device, tmp_path, record(class_names)).header.key

    assert key("as_is", ["a", "b"]) == key("as_is", ["a", "b"]) != key("as_is", ["b", "a"])
    assert key("frozen", None) == key("frozen", ["b", "a"])


def test_pillow_decodes_so_its_version_is_recorded():
    from bakeoff.baseline_tf.record import versions

    assert versions()["pillow"] == version("pillow")
