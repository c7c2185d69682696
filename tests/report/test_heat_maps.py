from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from bakeoff.core.errors import EvaluationError
from bakeoff.interpret.figures import overlay
from bakeoff.records.interpretation import InterpretationRecord
from decision.fake_study import NO_LIMITS, collected, make_study, write_candidate, write_maps
from records_made import explained_photo, explanation, interpretation_record

pytest.importorskip("jinja2")
pytestmark = pytest.mark.torch


LABELS = ["animals", "a/b <i>", "food", "household", "plants", "town", "vehicles"]


def candidate(root, name, photos, items, *, side_px=24, training=None, **changes):
    """Write a candidate with explained photos and return its folder interpretation/."""
    folder = write_candidate(root / "runs", name, **(training or {})) / "interpretation"
    write_maps(folder, photos, items, side_px)
    interpretation_record(photos, items, training_key=f"key-of-{name}", **changes).write(folder / "interpretation.json")
    return folder


def interpreted(root, *models):
    from bakeoff.report.page.heat_maps import read_interpreted

    return read_interpreted(collected(root / "runs", make_study(models)).done)


def compared(root, *models, product="p0"):
    from bakeoff.report.page.embedding import Budget
    from bakeoff.report.page.heat_maps import compare_photo

    return compare_photo(product, interpreted(root, *models), Budget(10**7))


def pixels(uri) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as picture:
        return np.asarray(picture, dtype=float) / 255


def save_map(folder, item, values) -> None:
    np.savez(folder / item.map, map=np.asarray(values, dtype=np.float32))


def test_an_overlay_by_hand():
    photo, values = np.zeros((1, 3, 3)), np.array([[-2.0, 0.0, 2.0]])
    found = overlay(photo, values, 2.0)
    grey, middle = 0.35, 247 / 255
    blue, orange = (0x21 / 255, 0x66 / 255, 0xAC / 255), (0xD9 / 255, 0x5F / 255, 0x02 / 255)
    assert found[0, 0] == pytest.approx([0.3 * grey + 0.7 * part for part in blue], abs=1e-9)
    assert found[0, 1] == pytest.approx([0.9 * grey + 0.1 * middle] * 3, abs=0.005)  # one of 256 colours
    assert found[0, 2] == pytest.approx([0.3 * grey + 0.7 * part for part in orange], abs=1e-9)


def test_candidates_share_a_scale_by_method_and_each_map_lies_over_its_own_photo(tmp_path):
    """One's occlusion is a tenth of the other's and paler; of the other method both are as strong."""
    items = [explanation("p0", method) for method in ("occlusion", "lime")]
    for name, strength, side in (("baseline_tf", 10.0, 24), ("a-frozen", 1.0, 30)):
        folder = candidate(tmp_path, name, [explained_photo()], items, side_px=side)
        save_map(folder, items[0], np.full((side, side), strength))
        save_map(folder, items[1], np.full((side, side), 1.0))
    item = compared(tmp_path, "a")
    first, second = item.columns
    assert (first.candidate, second.candidate) == ("baseline_tf", "a-frozen")
    assert item.methods == {"occlusion": "Occlusion", "lime": "LIME"}
    assert pixels(first.maps["occlusion"]).shape == (24, 24, 3)
    assert pixels(second.maps["occlusion"]).shape == (30, 30, 3)

    def orange(uri):
        return float(np.ptp(pixels(uri).mean(axis=(0, 1))))  # red over blue, 0 in grey

    assert orange(first.maps["occlusion"]) > 2 * orange(second.maps["occlusion"])
    assert orange(first.maps["lime"]) == pytest.approx(orange(second.maps["lime"]), abs=0.03)


def test_a_candidate_that_did_not_learn_does_not_pale_the_others(tmp_path):
    item, chance = explanation(), {"learned": False, "not_learned": "its loss is not a number"}
    for name, strength, training in (("baseline_tf", 1.0, None), ("a-frozen", 50.0, chance)):
        save_map(
            candidate(tmp_path, name, [explained_photo()], [item], training=training), item, np.full((24, 24), strength)
        )
    first, second = compared(tmp_path, "a").columns
    assert np.ptp(pixels(first.maps["occlusion"]).mean(axis=(0, 1))) > 0.3, "orange, not grey"
    assert pixels(first.maps["occlusion"]) == pytest.approx(pixels(second.maps["occlusion"])), "drawn at full strength"


def test_logits_and_probabilities_do_not_share_a_scale(tmp_path):
    item = explanation()
    for name, strength, score in (("baseline_tf", 0.1, "probability"), ("a-frozen", 9.0, "logit")):
        folder = candidate(tmp_path, name, [explained_photo()], [item], score=score)
        save_map(folder, item, np.full((24, 24), strength))
    first, second = compared(tmp_path, "a").columns
    assert pixels(first.maps["occlusion"]) == pytest.approx(pixels(second.maps["occlusion"]))


def test_a_map_is_of_the_class_that_its_candidate_predicts(tmp_path):
    """The counter-class's map is not in the comparison; with the candidate's own photos it is."""
    from bakeoff.report.page.embedding import Budget
    from bakeoff.report.page.heat_maps import own_photo

    own = explained_photo("p1", kind="wrong_sure", predicted="plants", correct=False, probabilities={"plants": 0.7})
    items = [explanation(), explanation(target="plants", map="maps/other.npz")]
    items += [explanation("p1", target=target, map=f"maps/{target}.npz") for target in ("plants", "food")]
    folder = candidate(tmp_path, "baseline_tf", [explained_photo(), own], items)
    save_map(folder, items[1], np.full((24, 24), 1e6))
    (column,) = compared(tmp_path).columns
    assert np.ptp(pixels(column.maps["occlusion"]).mean(axis=2)) > 0.1, "a scale of the other class's would leave grey"
    (one,) = interpreted(tmp_path)
    shown = own_photo(one, one.photos(shared=False)[0], Budget(10**6))
    assert list(shown.maps) == ["Occlusion: plants", "Occlusion: food"]


def test_the_objects_box_is_drawn_where_it_is_known(tmp_path):
    photo = explained_photo(box=[4.0, 6.0, 40.0, 20.0])  # its right end lies outside
    candidate(tmp_path, "baseline_tf", [photo], [explanation()])
    with_box = pixels(compared(tmp_path).picture)
    candidate(tmp_path, "baseline_tf", [explained_photo()], [explanation()])
    changed = np.abs(with_box - pixels(compared(tmp_path).picture)).max(axis=2) > 0.2
    rows, columns = np.nonzero(changed)
    assert rows.min() in (5, 6)  # JPEG
    assert columns.min() in (3, 4)
    assert not changed[10:16, 10:20].any(), "its inside is as it was"


def test_who_has_no_current_interpretation_is_left_out(tmp_path):
    for name in ("baseline_tf", "a-frozen", "b-frozen"):
        candidate(tmp_path, name, [explained_photo()], [explanation()])
    older = tmp_path / "runs" / "a-frozen" / "seed_0" / "interpretation" / "interpretation.json"
    interpretation_record([explained_photo()], training_key="older").write(older)
    (tmp_path / "runs" / "b-frozen" / "seed_0" / "interpretation" / "maps" / "p0.png").unlink()
    found = interpreted(tmp_path, "a", "b")
    assert [one.candidate for one in found] == ["baseline_tf", "b-frozen"]
    assert [column.candidate for column in compared(tmp_path, "a", "b").columns] == ["baseline_tf"]


def test_a_record_cannot_name_files_outside_its_folder(tmp_path):
    for path in ("../../secret.png", "/etc/secret.png"):
        values = interpretation_record([explained_photo()], [explanation()]).model_dump()
        values["photos"][0]["photo"] = path
        (tmp_path / "interpretation.json").write_text(json.dumps(values), encoding="utf-8")
        with pytest.raises(EvaluationError, match="leads out of the interpretation's folder"):
            InterpretationRecord.read(tmp_path / "interpretation.json")


def test_notes_are_told_once_with_all_whom_they_are_of(tmp_path):
    from bakeoff.report.page.heat_maps import notes_of

    missing = explanation("p0", "lime", map=None, note="LIME: this photo is one superpixel.")
    for name in ("baseline_tf", "a-frozen"):
        candidate(tmp_path, name, [explained_photo()], [missing, missing], notes=[f"{name} did not learn."])
    assert notes_of(interpreted(tmp_path, "a")) == {
        "baseline_tf did not learn.": ["baseline_tf"],
        "LIME: this photo is one superpixel.": ["baseline_tf", "a-frozen"],
        "a-frozen did not learn.": ["a-frozen"],
    }
    assert "LIME: this photo is one superpixel." not in notes_of(interpreted(tmp_path, "a"), "town")
    assert compared(tmp_path, "a").columns[0].maps == {}


@pytest.fixture
def study(tmp_path):
    """Nine candidates, eight of them explained; one of these did not learn. Two classes have photos."""
    odd = {"true": "a/b <i>", "correct": False}
    photos = [explained_photo("p0"), explained_photo("p1", **odd), explained_photo("p2", kind="wrong_sure", **odd)]
    items = [explanation(photo.product_id, method) for photo in photos for method in ("occlusion", "lime")]
    notes = ["Only 0 of 1 wrong and unsure test photos exist."]
    for number, name in enumerate(("baseline_tf", *MODELS)):
        known = {"labels": LABELS, "correct": 95 - 3 * number, "learned": number != 7}
        known |= {} if known["learned"] else {"not_learned": "majority"}
        candidate(tmp_path, name if number == 0 else f"{name}-frozen", photos, items, training=known, notes=notes)
    write_candidate(tmp_path / "runs", "unread-frozen", labels=LABELS, correct=50)
    return tmp_path


MODELS = [f"m{number}" for number in range(1, 8)]


def write_pages(root, language="en"):
    from bakeoff.report.run import ReportInputs, compare

    given, studied = ReportInputs(language), make_study([*MODELS, "unread"])
    compare(root / "runs", root / "reports", study=studied, params=NO_LIMITS, inputs=given)
    folder = root / "reports" / "explanations"
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    return (root / "reports" / "index.html").read_text(encoding="utf-8"), found


@pytest.mark.usefixtures("no_rendering")
def test_the_report_compares_one_photo_and_links_a_page_for_each_class_that_has_photos(study):
    (study / "reports" / "explanations").mkdir(parents=True)
    (study / "reports" / "explanations" / "older.html").write_text("of another study", encoding="utf-8")
    index, pages = write_pages(study)
    section = index[index.index('<section id="heat-maps"') :].partition("</section>")[0]
    links = re.findall(r'<a href="(explanations/[^"]+)">([^<]+)</a> <span class="soft">([^<]+)<', section)
    assert [(label, told) for _, label, told in links] == [("a/b &lt;i&gt;", "2 products"), ("food", "1 product")]
    assert {href for href, *_ in links} == {f"explanations/{name}" for name in pages}
    assert section.count('<figure class="compared">') == 1
    assert section.count('<figure class="explained">') == 1, "the winner's own wrong one"
    assert "What baseline_tf gets wrong" in section
    assert "has no result for them: unread-frozen." in section
    assert section.count("Only 0 of 1 wrong and unsure test photos exist.") == 1
    columns = re.findall(r'<th scope="col">(.*?)</th>', section, re.DOTALL)
    assert len(columns) == 8
    assert ["DID NOT LEARN" in column for column in columns] == [*[False] * 7, True]
    assert all("✓" in column and "food 0.90" in column for column in columns)
    assert section.count("<details><summary>m6") == 1, "six columns a block"


@pytest.mark.usefixtures("no_rendering")
def test_a_class_has_its_photos_compared_and_those_of_the_leading_candidates(study):
    _, pages = write_pages(study)
    odd = next(text for name, text in pages.items() if name != "food.html")
    assert odd.count('<figure class="compared">') == 1
    assert "<strong>p1</strong>" in odd
    assert odd.count('<figure class="explained">') == 1, "the winner alone leads"
    assert "✗" in odd
    assert "<i>" not in odd
    assert '<section id="own"' not in pages["food.html"]
    for page in pages.values():
        assert re.findall(r'(?:src|srcset)="(?!data:)', page) == []
        assert set(re.findall(r'href="([^#"][^"]*)"', page)) == {"../index.html#heat-maps"}
        assert page.count("<img") == len(re.findall(r'<img [^>]*alt="', page))
    french, pages = write_pages(study, "fr")
    for page in (french, *pages.values()):
        assert '<html lang="fr">' in page
        assert '<span lang="en">Only 0 of 1' in page
        assert "food 0,90" in page.replace("\n", " ")


@pytest.mark.usefixtures("no_rendering")
@pytest.mark.survives
def test_a_page_that_fails_costs_neither_the_report_nor_the_other_pages(study):
    broken = study / "runs" / "m1-frozen" / "seed_0" / "interpretation" / explanation("p1").map
    broken.write_bytes(b"no zip")
    index, pages = write_pages(study)
    assert len(pages) == 2
    odd = next(text for name, text in pages.items() if name != "food.html")
    assert "This section could not be made" in odd
    assert '<figure class="compared">' in pages["food.html"]
    assert '<figure class="compared">' in index


@pytest.mark.usefixtures("no_rendering")
def test_a_study_without_explanations_has_an_empty_folder(tmp_path):
    from bakeoff.report.run import compare

    write_candidate(tmp_path / "runs", "baseline_tf")
    compare(tmp_path / "runs", tmp_path / "reports", study=make_study(), params=NO_LIMITS)
    assert list((tmp_path / "reports" / "explanations").iterdir()) == []
    assert 'id="heat-maps"' not in (tmp_path / "reports" / "index.html").read_text(encoding="utf-8")


def test_pictures_beyond_the_budget_are_counted(tmp_path):
    from bakeoff.report.page.embedding import Budget
    from bakeoff.report.page.heat_maps import compare_photo

    candidate(tmp_path, "baseline_tf", [explained_photo()], [explanation()])
    budget = Budget(10)
    found = compare_photo("p0", interpreted(tmp_path), budget)
    assert (found.picture, found.columns[0].maps, budget.n_left_out) == (None, {"occlusion": None}, 2)
