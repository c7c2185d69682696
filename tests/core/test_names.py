"""Labels and files whose names print alike are the same."""

from __future__ import annotations

import os

import pytest

from bakeoff.core.names import clean_label, find_alike, find_file, readable, table_label, visible


@pytest.mark.parametrize(
    "label",
    [
        "NA",
        "None",
        "nan",
        "[New] Shoes",
        "[",
        "[Sale]",
        'a<b> & "c"',
        "50% off: 'x'",
        "Épicerie",
        "鞋",
        "👩\u200d👧",
        "می\u200cخواهم",
    ],
)
def test_plain_labels_stay_as_they_are(label):
    assert clean_label(label) == table_label(label) == label


@pytest.mark.parametrize(
    ("label", "clean"),
    [
        ("E\u0301picerie", "Épicerie"),
        ("e\u200b\u0301", "é"),
        ("Sho\u200bes", "Shoes"),
        ("\ufeffShoes", "Shoes"),
        ("Sho\u00ades", "Shoes"),
        ("Sho\u200des", "Shoes"),
        ("\u202eShoes\u202c", "Shoes"),
        ("bad\0byte", "badbyte"),
        (" Home\u00a0\u2003 Decor\t\n", "Home Decor"),
        ("caf\udce9", "café"),
        ("\udcc3\udc89picerie", "Épicerie"),
    ],
)
def test_what_is_not_seen_is_not_part_of_a_label(label, clean):
    assert clean_label(label) == clean


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ('["A >> B >> C"]', "A"),
        (" A >> B ", "A"),
        ('["A"]', "A"),
        ('["A >> B', "A"),
        ("['A', 'B']", "A"),
        ("[A >> B]", "A"),
        ("['Shoes [men]']", "Shoes [men]"),
        (r"['L\'Or']", "L'Or"),
        ("[]", ""),
        ("[New] Shoes >> Boots", "[New] Shoes"),
        ('[ "Home\u00a0 Decor >> Clocks" ]', "Home Decor"),
        ('["15" Laptops >> Bags"]', '15" Laptops'),
    ],
)
def test_of_a_category_tree_the_first_level_counts(cell, label):
    assert table_label(cell) == label


def test_labels_that_print_alike_are_found():
    assert find_alike(["Shoes", "shoes", "Bags", "Shoes"]) == [["Shoes", "shoes"]]
    assert find_alike(["ﬁn", "fin"]) == [["fin", "ﬁn"]]
    assert find_alike(["❤ love", "❤\ufe0f love"]) == [["❤ love", "❤\ufe0f love"]]
    assert find_alike(["T-shirt", "T\u2011shirt", "T\u2013shirt"]) == [["T-shirt", "T\u2011shirt", "T\u2013shirt"]]
    assert find_alike(["Women's", "Women\u2019s"]) == [["Women's", "Women\u2019s"]]
    assert not find_alike(["A", "B", "T shirt", "T-shirt"])


def test_what_is_shown_has_no_bytes_and_no_line_ends():
    assert readable("a\udc81b\ud800") == "a\\x81b\\ud800"
    assert visible("new\nline \u202e[red] 👟 é\udce9.png") == r"new\nline \u202e[red] 👟 éé.png"


def test_a_file_is_found_by_another_spelling_of_its_name(tmp_path):
    (tmp_path / "Images").mkdir()
    for name in ("cafe\u0301.png", "a b.png", "50%20.png", "caf\udce8.png"):
        (tmp_path / "Images" / name).touch()
    found = {
        "Images/caf\u00e9.png": "cafe\u0301.png",
        "Images\\cafe\u0301.png": "cafe\u0301.png",
        "./Images/a%20b.png": "a b.png",
        "Images/50%20.png": "50%20.png",
        "Images/caf\u00e8.png": "caf\udce8.png",
    }
    for given, name in found.items():
        assert find_file(tmp_path, given) == tmp_path / "Images" / name, given
    for gone in ("Images/gone.png", "nowhere/x.png", "Images/a b.png/x", "x" * 300, "a\0b"):
        assert find_file(tmp_path, gone) == tmp_path / gone
    (tmp_path / "Images" / "new\u00e9.png").touch()
    os.utime(tmp_path / "Images", ns=(1, 1))
    assert find_file(tmp_path, "Images/newe\u0301.png").name == "new\u00e9.png", "a file that came since"
