"""What is in a catalogue, against numbers known by hand; and the page, whatever the catalogue lacks."""

from __future__ import annotations

import json
import math
import re
import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest

from bakeoff.core.errors import DataError
from bakeoff.core.failures import read_failures
from bakeoff.explore.run import balances, evenness, explore
from bakeoff.records.exploration import ExplorationRecord
from explore.small_catalogue import many_classes, write_catalogue

pytest.importorskip("jinja2")
pytestmark = pytest.mark.torch
STAGE = "stages/explore.py"


def explored(root):
    data = root / "data"
    places = (
        data / "audit" / "audit.json",
        data / "splits" / "splits.parquet",
        data / "examination" / "products.parquet",
    )
    return explore(data / "catalogue", *places)


def page_of(root, language="en") -> str:
    from bakeoff.explore.page import write_exploration

    write_exploration(*explored(root), root / "explore.html", language=language, failures_dir=root)
    return (root / "explore.html").read_text(encoding="utf-8")


def test_entropy_and_imbalance_by_hand(tmp_path):
    assert evenness([1, 1, 1, 1], 4) == pytest.approx(1)
    assert evenness([3, 1], 2) == pytest.approx(-(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)))
    assert evenness([2, 0, 2], 4) == pytest.approx(0.5)  # one bit of two
    assert evenness([7], 1) == evenness([7, 0], 2) == 0
    record, _ = explored(write_catalogue(tmp_path, list("aaab"), brand=["x", "x", None, "x"]))
    classes, split = record.columns
    assert (classes.name, classes.n_values, classes.imbalance) == ("label", 2, 3)
    assert classes.entropy == pytest.approx(0.8112781)
    assert [(row.value, row.n) for row in classes.counts] == [("a", 3), ("b", 1)]
    assert [(row.value, row.n, row.n_classes) for row in split.counts] == [
        ("train", 2, 1), ("test", 1, 1), ("validation", 1, 1),
    ]  # fmt: skip
    assert record.columns_left_out == {}  # a brand of one value divides nothing


def test_a_product_of_several_photos_counts_once_and_its_photos_where_photos_are_counted(tmp_path):
    photos = {
        "product_id": ["p0", "p0#2", "p0#3", "p3", "p4"],
        "photo_of": ["p0", "p0", "p0", "p3", "p4"],
        "group_id": [0, 0, 0, 3, 4],
        "digest": ["one", "two", "two", "four", "five"],
        "title": ["A title"] * 3 + ["Another", None],
        "width": [100, 200, 300, 400, 500],
        "red": [0.2, 0.4, 0.6, 0.5, 0.5],
    }
    record, _ = explored(write_catalogue(tmp_path, list("aaabb"), **photos))
    assert (record.n_products, record.n_texts, record.identity["product_id"]) == (3, 2, 3)
    assert (record.identity["image"], record.identity["digest"], record.group_sizes) == (5, 4, {"1": 3})
    assert [(row.value, row.n) for row in record.columns[0].counts] == [("b", 2), ("a", 1)]
    assert record.identity["titles_of_several_products"] == 0
    first, second = record.classes
    assert (first.label, first.n, first.n_without_title, second.n, second.n_without_title) == ("b", 2, 1, 1, 0)
    assert (second.red, sum(second.splits.values())) == (pytest.approx(0.4), 1)  # of all its photos
    assert (len(record.photo_sizes), record.distributions["width"].max) == (5, 500)
    page = page_of(tmp_path)
    assert "5 stored photos of 3 products" in page
    assert "4 different pictures in 5 photos" in page


def test_balance_by_any_column():
    n = 120
    table = pd.DataFrame(
        {
            **{
                "label": ["a", "b"] * (n // 2),
                "split": "train",
                "official_split": None,
                "format": "PNG",
                "mode": "RGB",
            },
            "brand": ["x"] * 60 + ["y"] * 40 + [None] * 20,
            "year": [2001, 1999, 2010] * 40,
            "price": [f"{1.37 * number:.2f}" for number in range(1, n // 2 + 1)] * 2,
            "listed": [f"{2019 + number % 5}-03-{1 + number % 28:02d}" for number in range(n)],
            "seen": [f"2026-0{1 + number % 2}-{1 + number % 28:02d}T0{number % 3}:00:00+02:00" for number in range(n)],
            "ean": [4_000_000_000_000 + number for number in range(n)],
            "rating": [None, -1, 0.5] * 40,
            "sku": [f"<b>{number}</b>" for number in range(n)],
        }
    )
    found, left_out = balances(table)
    by_name = {one.name: {row.value: row.n for row in one.counts} for one in found}
    assert list(by_name) == ["label", "brand", "year", "price", "listed", "seen", "ean", "rating"]
    assert left_out == {"sku": n}
    assert by_name["brand"] == {"x": 60, "y": 40, None: 20}
    assert list(by_name["year"]) == ["1999", "2001", "2010"], "numbers go by value"
    assert list(by_name["price"])[:2] == ["1 – 2", "2 – 5"]
    assert by_name["price"]["1 – 2"] == 2  # 1.37, twice
    assert sum(by_name["price"].values()) == n
    assert sum(by_name["ean"].values()) == n
    assert by_name["rating"] == {None: 40, "-1.0": 40, "0.5": 40}
    assert list(by_name["listed"]) == ["2019", "2020", "2021", "2022", "2023"]
    assert list(by_name["seen"]) == ["2026-01", "2026-02"]
    brand = found[1]
    assert brand.imbalance == 1.5
    assert [row.entropy for row in brand.counts] == [1, 1, 1]


@pytest.mark.parametrize(
    "labels", [["10"] * 3 + ["2"] * 7 + ["30"] * 5, [f"{n:03d}" for n in range(60) for _ in range(2)]]
)
def test_classes_called_by_numbers_are_never_ordered_or_grouped_as_numbers(labels):
    table = pd.DataFrame({"product_id": [f"p{n}" for n in range(len(labels))], "label": labels, "split": "train"})
    found, _ = balances(table.assign(official_split=None, format="PNG", mode="RGB"))
    expected = pd.Series(labels).value_counts(sort=False).sort_values(ascending=False, kind="stable")
    assert {row.value: row.n for row in found[0].counts} == expected.to_dict()
    assert [row.n for row in found[0].counts] == expected.tolist()
    assert not found[0].is_ordered


def test_what_is_one_to_one_and_what_is_not(tmp_path):
    columns = {"image": [0, 1, 2, 2], "digest": ["d", "d", "e", "f"], "group_id": [7, 7, 8, 9]}
    record, _ = explored(
        write_catalogue(tmp_path, list("aabb"), title=["Red Cup", "red  cup", "RED CUP", None], **columns)
    )
    assert record.identity == {
        **{"photos": 4, "product_id": 4, "image": 3, "digest": 3, "group_id": 3},
        **{"titles_of_several_products": 1, "titles_of_several_classes": 1},
    }
    assert record.group_sizes == {"1": 2, "2": 1}
    text = page_of(tmp_path)
    assert text.count(">NO<") == 3
    assert "3 different pictures in 4 photos" in text


def test_sizes_colours_and_lengths_by_hand(tmp_path):
    root = write_catalogue(
        tmp_path,
        list("aaab"),
        **{"box_left": [0, 10, None, 0], "box_top": 0, "box_right": [50, 60, None, 100], "box_bottom": 50},
        **{"red": [0.6, 0.2, 0.1, 0.0], "green": [0.2, 0.2, 0.1, 0.0], "blue": [0.2, 0.2, 0.2, 0.0]},
        **{"title": ["one two", None, "four", None], "description": ["three", "", None, None]},
    )
    record, _ = explored(root)
    share = record.distributions["object_share"]
    assert (share.min, share.median, share.max) == (0.5, 0.5, 1)
    assert record.photo_sizes == {"100 × 50": 4}
    first, second = record.classes
    assert (first.splits, second.splits) == ({"train": 2, "test": 1}, {"validation": 1})
    assert (first.n_rejected, second.n_rejected) == (1, 0)  # audit_record's
    assert (first.label, first.n, first.n_without_title, first.n_without_description) == ("a", 3, 1, 2)
    assert first.red_dominance == pytest.approx((0.6 + 1 / 3 + 0.25) / 3)
    assert second.red_dominance == pytest.approx(1 / 3)  # black has no colour that dominates
    assert (first.characters, first.words) == ((13 + 4) / 2, 2)
    assert (second.characters, second.words) == (None, None)
    assert (record.n_texts, record.n_texts_sampled) == (2, 2)
    assert "Object against photo" in page_of(root)


def test_words_that_set_a_class_apart_in_two_languages():
    from bakeoff.explore.page import distinctive_words, lay_out

    french, german = "le tapis de la <b>piscine</b>", "der Teppich und das Bad"
    rows = [("pool", f"{french} {n}", "fr") for n in range(10)] + [("pool", german, "de")] * 2
    rows += [("book", "le livre de la ville &eacute;t&eacute;", "fr")] * 10 + [
        ("book", "das Buch und der Wald", "de")
    ] * 10
    rows += [("book", "the the tale", None)] * 3
    labels, texts, languages = (pd.Series(column) for column in zip(*rows, strict=True))
    words = distinctive_words(texts, labels, languages)
    assert list(words) == ["book", "pool"]  # the largest first
    assert set(words["pool"]) == {"tapis", "piscine", "teppich", "bad"}
    assert {"livre", "ville", "été", "buch", "wald", "tale"} == set(words["book"])
    weights = words["pool"]
    assert weights["tapis"] == pytest.approx(10 * math.log(10 / 0.5))
    assert weights["teppich"] < weights["tapis"]
    placed = lay_out(weights)
    assert placed == lay_out(weights)
    assert placed[0]["size"] == max(one["size"] for one in placed)
    assert distinctive_words(pd.Series(["12 34", "!"]), labels[:2], languages[:2]) == {}


def test_196_classes_stay_small_and_can_be_searched(tmp_path):
    text = page_of(many_classes(tmp_path))
    assert len(text.encode()) < 3_000_000
    assert read_failures(tmp_path) == []
    assert [name for name in re.findall(r'<section id="(\w+)"', text)] == [
        "classes", "identity", "sizes", "colour", "texts", "map",
    ]  # fmt: skip
    assert re.findall(r'(?:src|srcset|href)="(?!data:|#|index.html)', text) == []
    for table in ("table-1", "colour-table", "text-table"):
        assert f'data-filter="{table}"' in text
    assert "make (17)</option>" in text
    assert "188 other classes" in text
    assert "The 30 largest of 196 classes." in text
    assert text.count("<circle") == explored(tmp_path)[0].n_products


def test_a_label_with_markup_is_shown_as_text(tmp_path):
    odd = ["<script>alert(1)</script>", 'a "quoted" & b', "`code` *star*", "日本"]
    text = page_of(write_catalogue(tmp_path, odd * 4, brand=["<i>"] * 8 + ["}}"] * 8))
    assert "alert(1)</script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert 'data-class="a &#34;quoted&#34; &amp; b"' in text
    assert "&lt;i&gt;" in text


@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_is_missing_is_said(tmp_path, language):
    root = write_catalogue(tmp_path, list("aabb"), mapped=False, title=None)
    text = page_of(root, language)
    assert f'<html lang="{language}">' in text
    assert read_failures(tmp_path) == []
    if language == "en":
        assert "No product has a title or a description." in text
        assert "No map of features was found" in text


def test_products_beyond_the_sample_of_the_map_are_left_out(tmp_path):
    text = page_of(write_catalogue(tmp_path, list("aabb"), x=[0.0, 1.0, None, None], y=[0.0, 1.0, None, None]))
    assert text == page_of(tmp_path)  # the same bytes again
    assert "2 of 4 products are shown" in text
    assert text.count("<circle") == 2


@pytest.mark.survives
def test_a_section_that_fails_leaves_the_others(tmp_path, capsys):
    from bakeoff.explore.page import write_exploration

    record, products = explored(write_catalogue(tmp_path, list("aabb")))
    write_exploration(record, products.drop(columns="text"), tmp_path / "a.html", language="en", failures_dir=tmp_path)
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "This section could not be made" in text
    assert "<circle" in text
    assert [failure.what for failure in read_failures(tmp_path)] == ["section texts of a.html"]
    assert "section texts of a.html could not be made" in capsys.readouterr().err


def test_the_stage_writes_record_and_page(tmp_path, monkeypatch, capsys):
    write_catalogue(tmp_path, list("aabb"))
    script = Path(STAGE).resolve()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [STAGE])
    runpy.run_path(str(script), run_name="__main__")
    record = ExplorationRecord.read(tmp_path / "data" / "explore" / "explore.json")
    assert record.n_products == 4
    assert json.loads((tmp_path / "data" / "explore" / "explore.json").read_text())["columns"][0]["imbalance"] == 1
    assert (tmp_path / "reports" / "explore.html").is_file()
    assert "4 products explored" in capsys.readouterr().out


def test_a_split_of_another_catalogue_is_refused(tmp_path):
    root = write_catalogue(tmp_path, list("aabb"))
    splits = root / "data" / "splits" / "splits.parquet"
    pd.read_parquet(splits).head(3).to_parquet(splits)
    with pytest.raises(DataError, match="lists 3 products"):
        explored(root)
    splits.unlink()
    with pytest.raises(DataError, match="is missing; run `dvc repro split`"):
        explored(root)


@pytest.mark.parametrize(("text", "told"), [("language: de\n", "one of en, fr, got 'de'"), ("a: 1\n", "got None")])
def test_an_unknown_language_is_one_sentence(tmp_path, monkeypatch, capsys, text, told):
    write_catalogue(tmp_path, list("aabb"))
    (tmp_path / "params.yaml").write_text(text)
    script = Path(STAGE).resolve()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [STAGE])
    with pytest.raises(SystemExit, match="1"):
        runpy.run_path(str(script), run_name="__main__")
    assert told in capsys.readouterr().err
