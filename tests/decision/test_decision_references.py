"""Published numbers stand beside ours for the data set and backbones they belong to, and change no candidate."""

import numpy as np
import pytest

from bakeoff.backbones.params import BackboneParams
from bakeoff.core.errors import ParamsError
from bakeoff.core.section import validate_section
from bakeoff.decision.outcomes import seed_spread
from bakeoff.decision.references import references

TOP1 = {"value": 0.729, "source": "https://example.org/results.csv"}


def params(dataset="stamps", **changes):
    values = {"language": "en", "dataset": {"name": dataset}, "models": ["mobilenetv2", "resnet18"]}
    values |= {"backbones": {"mobilenetv2": {"name": "mobilenetv2_100.ra_in1k", "imagenet_top1": TOP1}}}
    return values | {"baseline": {"pretrained": "imagenet"}} | changes


def test_imagenet_rows_of_this_study_alone():
    rows = references(params())
    assert [(row["name"], row["value"], row["kind"]) for row in rows] == [
        ("baseline_tf", 0.771, "published"),
        ("mobilenetv2", 0.729, "published"),
    ]
    assert all(row["source_url"].startswith("https://") and row["measure"] == "imagenet_top1" for row in rows)
    assert [row["name"] for row in references(params(baseline={"pretrained": "random"}))] == ["mobilenetv2"]


@pytest.mark.parametrize("name", ["rakuten", "Rakuten_sample"])
def test_official_baselines_of_rakuten(name):
    rows = references(params(name, language="fr"))[:2]
    assert [(row["measure"], row["value"]) for row in rows] == [("weighted_f1", 0.8113), ("weighted_f1", 0.5534)]
    assert rows[1]["split"] == "jeu de test du défi"


@pytest.mark.torch
def test_a_published_number_changes_no_candidate():
    from pathlib import Path

    from bakeoff.backbones.params import BackboneDefaults
    from bakeoff.backbones.registry import describe
    from bakeoff.study.composition import compose

    values = compose(Path(__file__).resolve().parents[2], [])
    defaults = validate_section(BackboneDefaults, values["backbone_defaults"], where="conf")
    for model, entry in values["backbones"].items():
        assert entry["imagenet_top1"]["source"].startswith("https://")
        with_it = validate_section(BackboneParams, entry, where="conf")
        without = with_it.model_copy(update={"imagenet_top1": None})
        described = [describe(model, {model: one}, defaults).model_dump_json() for one in (with_it, without)]
        assert described[0] == described[1]


def test_a_published_number_is_a_share_with_a_page():
    for wrong in ({"value": 72.9, "source": "https://a.org"}, {"value": 0.7, "source": "timm"}):
        with pytest.raises(ParamsError, match="imagenet_top1"):
            validate_section(BackboneParams, {"name": "x", "imagenet_top1": wrong}, where="conf")


def test_spread_of_two_seeds_worked_out_by_hand():
    hits = np.array([[1, 1, 1, 0], [1, 0, 1, 0]], dtype=bool)  # accuracies 0.75 and 0.5
    spread = seed_spread({"a-frozen": hits, "one-frozen": hits[:1]})
    assert list(spread) == ["a-frozen"]
    assert (spread["a-frozen"]["n_seeds"], spread["a-frozen"]["mean"]) == (2, 0.625)
    assert spread["a-frozen"]["sd_seeds"] == pytest.approx(np.sqrt(2) / 8)
    assert spread["a-frozen"]["sd_data"] == pytest.approx(np.sqrt((3 / 16 + 1 / 4) / 2 / 3))


def test_seeds_that_agree_leave_all_to_the_data_and_one_product_cannot_tell():
    hits = np.stack([np.repeat([True, False], [6, 4])] * 3)
    spread = seed_spread({"a-frozen": hits, "b-frozen": hits[:, :1]})
    assert spread["a-frozen"]["sd_seeds"] == 0
    assert spread["a-frozen"]["sd_data"] == pytest.approx(np.sqrt(0.6 * 0.4 / 9))
    assert spread["b-frozen"]["sd_data"] is None
