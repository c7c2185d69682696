"""Findings against tables whose flags are known by hand, and against what the generated catalogue planted."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from bakeoff.catalogue.audit import audit, list_findings
from bakeoff.catalogue.fetch import fetch
from bakeoff.catalogue.findings.base import COLUMNS, Examined
from bakeoff.catalogue.findings.rules import FINDINGS
from bakeoff.catalogue.measures import AUDITED
from bakeoff.catalogue.params import PrepareParams, SyntheticParams
from bakeoff.catalogue.prepare import prepare
from catalogue.dataset_sections import dataset_params
from records_made import audit_record


def catalogue(n: int, **columns) -> Examined:
    """N ordinary products, with the given columns in place of theirs."""
    rng = np.random.default_rng(0)
    products = pd.DataFrame({name: rng.normal(0.5, 0.01, n) for name in AUDITED})
    ids = [f"p{number}" for number in range(n)]
    products = products.assign(product_id=ids, label="a", weight=1.0, digest=ids, cluster=range(n))
    products = products.assign(**{"title": ids, "description": ""} | columns)
    return Examined(products, pd.DataFrame({"product_id": [], "reason": [], "detail": []}, dtype=str))


def flagged(name: str, given: Examined) -> dict[str, str | None]:
    """Product and the other one, of a finding, the worst first."""
    rows = FINDINGS[name](given).rows(name)
    others = [None if pd.isna(other) else other for other in rows["other_product"]]
    return dict(zip(rows["product_id"], others, strict=True))


def test_the_threshold_by_hand():
    # median 3; below it, at distances 0, 1 and 2, the median distance is 1: 3 - 3.5 / 0.6745 * 1
    given = catalogue(6, sharpness=[1.0, 2.0, 3.0, 3.0, 9.0, 9.0])
    found = FINDINGS["blurred"](given)
    assert found.threshold == pytest.approx(3 - 3.5 / 0.6745 * 0.5)  # distances 0, 0, 1, 2
    assert found.summary().n == 0
    assert flagged("blurred", catalogue(7, sharpness=[-9.0, 1.0, 2.0, 3.0, 3.0, 9.0, 9.0])) == {"p0": None}


def test_where_photos_hardly_differ_the_least_spread_decides():
    size = [0.25] * 98 + [0.24, 0.1]
    assert flagged("small", catalogue(100, megapixels=size)) == {"p99": None}
    assert FINDINGS["small"](catalogue(100, megapixels=size)).threshold == pytest.approx(
        0.25 * 10 ** (-3.5 / 0.6745 * 0.05)
    )


@pytest.mark.parametrize("skewed", [False, True])
def test_a_thousand_ordinary_photos_flag_few(skewed):
    rng = np.random.default_rng(1)
    draw = (lambda: rng.beta(2, 5, 1000)) if skewed else (lambda: rng.normal(0.5, 0.1, 1000))
    given = catalogue(1000, **{name: draw() for name in AUDITED})
    n = {name: finding(given).summary().n for name, finding in FINDINGS.items()}
    assert max(n.values()) <= 5, n


def test_greyscale_is_odd_among_colour_alone():
    assert flagged("greyscale", catalogue(5, chroma=[0.5, 0.4, 0.0, 0.01, 0.2])) == {"p2": None, "p3": None}
    assert flagged("greyscale", catalogue(3, chroma=[0.5, 0.0, 0.0])) == {}


def test_duplicates_and_conflicts():
    given = catalogue(
        7,
        digest=["x", "x", "y", "z", "z", "u", "v"],
        cluster=[0, 0, 0, 3, 3, 5, 6],
        label=["a", "a", "b", "a", "b", "a", "a"],
        weight=[2 / 3, 2 / 3, 1 / 3, 0.5, 0.5, 1, 1],
    )
    assert flagged("exact_duplicate", given) == {"p1": "p0", "p4": "p3"}
    assert flagged("near_duplicate", given) == {"p2": "p0"}
    conflicts = flagged("label_conflict", given)
    assert conflicts == {"p2": "p0", "p3": "p4", "p4": "p3", "p0": "p2", "p1": "p2"}
    assert next(iter(conflicts)) == "p2", "least agreed upon"


def test_a_conflict_whose_other_product_was_dropped():
    assert flagged("label_conflict", catalogue(2, weight=[0.8, 1.0])) == {"p0": None}


def test_placeholders_are_among_the_rejected():
    rejected = pd.DataFrame(
        {
            "product_id": list("abc"),
            "reason": ["placeholder", "truncated", "placeholder"],
            "detail": ["of 2", "cut", "of 2"],
        }
    )
    found = FINDINGS["placeholder"](Examined(catalogue(3).products, rejected)).rows("placeholder")
    assert list(found["product_id"]) == ["a", "c"]
    assert list(found["measure"]) == [2, 2]


def test_texts_missing_where_others_have_them():
    given = catalogue(3, title=["a", None, " "], description=[None] * 3)
    assert set(flagged("missing_title", given)) == {"p1", "p2"}
    assert flagged("missing_description", given) == {}, "a catalogue without descriptions lacks none"


def test_texts_repeated_and_under_several_labels():
    given = catalogue(5, title=["Red  ball", "red ball", "Red ball", "", ""], label=["a", "a", "b", "a", "b"])
    assert flagged("duplicate_text", given) == {"p1": "p0", "p2": "p0"}
    assert flagged("text_conflict", given) == {"p0": "p2", "p1": "p2", "p2": "p0"}


def test_html_in_texts():
    titles = ["<b>Ball</b>", "5 &lt; 6 &amp; 7", "I <3 this", "R&D; a < b > c", "line<br/>break &eacute;"]
    rows = FINDINGS["html_in_text"](catalogue(5, title=titles)).rows("html_in_text")
    assert dict(zip(rows["product_id"], rows["measure"], strict=True)) == {"p0": 2, "p1": 2, "p4": 2}


def test_a_rare_language():
    pytest.importorskip("py3langid")
    french = [f"Une belle balle rouge numéro {n} pour la maison et le jardin des enfants" for n in range(30)]
    german = "Ein schönes rotes Spielzeug aus Holz für die Kinder im Garten"
    given = catalogue(32, title=[*french, german, "42 cm"])
    assert given.languages.value_counts().to_dict() == {"fr": 30, "de": 1}
    assert flagged("rare_language", given) == {"p30": None}
    assert flagged("rare_language", catalogue(2, title=[french[0], german])) == {}


def test_a_catalogue_without_rejected_products_or_texts_has_no_such_findings():
    given = catalogue(4, title=[None] * 4, description=[None] * 4)
    assert [name for name in FINDINGS if flagged(name, given)] == []


def test_findings_in_one_line():
    assert list_findings(audit_record()) == "findings: 1 blurred"
    assert list_findings(audit_record(findings={})) == "findings: none"


@pytest.mark.slow
@pytest.mark.torch
def test_what_the_generated_catalogue_planted_is_found(root):
    pytest.importorskip("imagehash")
    data = dataset_params(
        "synthetic",
        duplicates="group",
        root="data/raw/synthetic",
        synthetic=SyntheticParams(n_per_class=60, image_px=160, seed=0),
    )
    fetch(data, root, root / "data" / "source.json")
    params = PrepareParams(store_px=512, max_megapixels=80, min_side_px=16, class_too_small="reject", require="image")
    prepare(root / "data" / "source.json", data, params, root / "data" / "catalogue")
    record = audit(root / "data" / "catalogue", root / "data" / "audit")
    truth = json.loads((root / "data" / "raw" / "synthetic" / "truth.json").read_text(encoding="utf-8"))["products"]
    found = pd.read_parquet(root / "data" / "audit" / "findings.parquet")
    assert found.dtypes.astype(str).to_dict() == COLUMNS
    assert found.groupby("finding").size().to_dict() == {name: one.n for name, one in record.findings.items() if one.n}
    for defect, finding in (("blur", "blurred"), ("border", "bordered")):
        planted = {name for name, one in truth.items() if defect in one["defects"]}
        flags = set(found.loc[found["finding"] == finding, "product_id"])
        assert len(planted & flags) >= 0.9 * len(planted), defect
        assert len(flags - planted) <= 0.02 * len(truth), defect
        assert (root / "data" / "audit" / "figures" / f"{finding}.png").is_file()
    copies = {name for name, one in truth.items() if one["duplicate_kind"] == "exact"}
    exact = found[found["finding"] == "exact_duplicate"].set_index("product_id")["other_product"]
    assert set(exact.index) == copies
    assert all(truth[name]["duplicate_of"] == other for name, other in exact.items())
