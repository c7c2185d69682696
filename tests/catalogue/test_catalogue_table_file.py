"""Tables as shops export them: separators, encodings, quotes; no column shifts and no row is lost."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import zipfile

import numpy as np
import pandas as pd
import pytest

from bakeoff.catalogue.table_file import Table, read_table
from bakeoff.core.errors import DataError

HEADER = "id,image,label,title"


def read(folder, content: str | bytes, name: str = "t.csv", **options) -> Table:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(folder / name, **options)


def cells(table: Table) -> list[list[str]]:
    return table.frame.to_numpy().tolist()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-be"])
def test_separator_and_encoding_are_found(tmp_path, separator, encoding, capsys):
    rows = [["sku", "prix", "catégorie"], ["007", '"3,5; a|b\t"', "Été “À”"], ["NA", "nan", "None"]]
    text = "\n".join(separator.join(row) for row in rows)
    text = "\ufeff" + text if encoding == "utf-16-be" else text
    table = read(tmp_path, text.encode(encoding))
    assert table.frame.columns.tolist() == ["sku", "prix", "catégorie"]
    assert cells(table) == [["007", "3,5; a|b\t", "Été “À”"], ["NA", "nan", "None"]]
    assert ("was read as cp1252" in capsys.readouterr().err) == (encoding == "cp1252")


@pytest.mark.parametrize("word", ["été", "té"])
def test_one_stray_byte_does_not_spoil_a_utf8_file(tmp_path, capsys, word):
    assert cells(read(tmp_path, b"a,b\n" + word.encode() + b",caf\xe9\n")) == [[word, "café"]]
    assert "is UTF-8 but for 1 bytes, which were read as cp1252" in capsys.readouterr().err


def test_packed_tables_are_refused(tmp_path):
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        with pytest.raises(DataError, match="is compressed; unpack it first"):
            read(tmp_path, pack(b"a,b\n1,2\n"))
    for inside, what in (("t.csv", "is compressed; unpack it"), ("xl/workbook.xml", "cannot be read as a spreadsheet")):
        with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
            archive.writestr(inside, "a,b")
        with pytest.raises(DataError, match=what):
            read(tmp_path, (tmp_path / "z.zip").read_bytes())


def test_a_separator_at_the_end_of_every_row_shifts_nothing(tmp_path):
    assert cells(read(tmp_path, "a,b\n1,2,\n3,4,\n")) == [["1", "2"], ["3", "4"]]
    assert cells(read(tmp_path, "a,b,\n1,2\n3,4\n")) == [["1", "2"], ["3", "4"]]
    table = read(tmp_path, "a,b\n1,2,\n3,4,\n5,x,6\n7,x,8,\n")
    assert table.malformed == [
        None,
        None,
        "line 4 has 3 fields, expected 3: 5,x,6",
        "line 5 has 4 fields, expected 3: 7,x,8,",
    ]
    assert cells(table)[2] == [None, None]


def test_every_row_too_long_is_every_row_malformed(tmp_path):
    assert all(read(tmp_path, "a,b\nrow1,1,2\nrow2,3,4\n").malformed)


def rows(titles: dict[int, str]) -> str:
    return "\n".join([HEADER, *(f"{n:04d},{n}.png,L,{titles.get(n, 'x')}" for n in range(30))]) + "\n"


@pytest.mark.parametrize(
    ("titles", "lines"),
    [
        ({17: "Tee, blue"}, [19]),
        ({7: '"32 inch'}, [9]),
        ({7: '"32 inch', 21: '"32 inch'}, [9, 23]),
        ({7: '"32 inch', 8: '38 inch"'}, [9]),
        ({7: '"32 inch', 21: '38 inch"'}, [9]),
        ({7: '"32" jeans'}, [9]),
        ({17: '"two\nlines, quoted"'}, []),
        ({17: '"two\nlines, with, many, commas"'}, []),
        ({17: '"32"" inch"', 18: '32" inch'}, []),
        ({17: "bad\0byte"}, []),
    ],
)
def test_no_quote_swallows_the_rows_after_it(tmp_path, titles, lines):
    table = read(tmp_path, rows(titles))
    assert len(table.frame) == 30
    told = [problem for problem in table.malformed if problem]
    assert [int(problem.split()[1]) for problem in told] == lines
    ids = table.texts("id")
    assert ids == [None if f"line {n + 2} " in " ".join(told) else f"{n:04d}" for n in range(30)]


@pytest.mark.parametrize(
    ("header", "cell", "separator"),
    [
        ("image,label,title,description", "Colours:\nred,blue,green,black", ","),
        ("image,label,title,description", "Sizes:\nS,M,L,XL\nA,B,C,D\nall", ","),
        ("description,image,label,title", "S,M,L,XL\nCotton", ","),
        ("id,image,label,description", '<p>Soft</p>\n<p style="a:b;c:d;e">', ";"),
        ("image,label,description", "Taille\n10,5x20,3 cm", ","),
        ("label,image", "A,B\nC", ","),
    ],
)
@pytest.mark.parametrize("every", [1, 9])
def test_cells_of_several_lines_stay_whole(tmp_path, header, cell, separator, every):
    names, out = header.split(","), io.StringIO(newline="")
    odd = "label" if names[0] == "label" else "description"
    expected = [
        [cell if name == odd and not n % every else f"{n}.png" if name == "image" else f"a {n}" for name in names]
        for n in range(20)
    ]
    csv.writer(out, delimiter=separator).writerows([names, *expected])
    table = read(tmp_path, out.getvalue())
    assert (table.malformed, cells(table)) == ([None] * 20, expected)


def test_the_rest_of_a_row_given_up_is_no_product(tmp_path):
    text = "image,label,title,text\n" + "".join(f"{n}.png,L,x,y\n" for n in range(9))
    table = read(tmp_path, text + '9.png,L,x,"so "called"\nred,blue,green,black\npink,blue,green,"\n10.png,L,x,y\n')
    assert [problem and problem.split()[1] for problem in table.malformed[9:]] == ["11", "12", "13", None]
    table = read(tmp_path, 'a,b\nx,"so "called\nred,blue"\nx,y\n')
    assert [problem and problem.split()[1] for problem in table.malformed] == ["2", "3", None]


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        ('"x" ,"y, z" ', ["x", "y, z"]),
        ('"" ,"say ""hi"" , z"', ["", 'say "hi" , z']),
        ('"x","he said \\"hi\\", now"', ["x", 'he said "hi", now']),
    ],
)
def test_quotes_as_other_programs_write_them(tmp_path, row, fields):
    table = read(tmp_path, "a,b\n" + f"{row}\n" * 3)
    assert (table.malformed, cells(table)) == ([None] * 3, [fields] * 3)


def test_white_space_before_and_control_z_after_do_not_count(tmp_path):
    assert cells(read(tmp_path, "  \r\na;b\r\n1;2\r\n\x1a")) == [["1", "2"]]


def test_quotes_before_other_columns_and_broken_rows_over_several_lines(tmp_path):
    table = read(tmp_path, 'id,title,image\n1,"32 inch,1.png\n2,38 inch",2.png\n3,"a\nb",c,3.png\n4,x,4.png\n')
    assert [problem and problem.split()[1] for problem in table.malformed] == ["2", None, "4", None]
    assert table.texts("image") == [None, "2.png", None, "4.png"]
    assert "line 2 has a quote that is not closed as it should be" in str(table.malformed[0])


def test_blank_lines_and_excels_hint_are_no_rows(tmp_path):
    table = read(tmp_path, 'sep=;\r\n"a\n b";c,d\r\n\r\n1;2\r\n   \r\n3;4\r\n')
    assert (table.frame.columns.tolist(), cells(table)) == (["a b", "c,d"], [["1", "2"], ["3", "4"]])


def test_what_is_no_table_is_one_sentence(tmp_path):
    for empty in ("", "\n\n", '"'):
        with pytest.raises(DataError, match="must begin with a line of column names, then one row per product"):
            read(tmp_path, empty)
    assert len(read(tmp_path, HEADER).frame) == 0
    for start, name in ((b"PK\x03\x04", "t.xlsx"), (b"\xd0\xcf\x11\xe0", "t.csv")):
        with pytest.raises(DataError, match=r"cannot be read as a spreadsheet .*; open it in a spread.* as CSV UTF-8"):
            read(tmp_path, start + b"x", name)
    with pytest.raises(DataError, match=r"cannot be read with encoding utf-8 \(.*save it as UTF-8, or set"):
        read(tmp_path, b"a,b\n\xe9,1\n", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read as parquet"):
        read(tmp_path, "x", "t.parquet")


def test_columns_are_there_once(tmp_path):
    table = read(tmp_path, "image,image,cate\u0301gorie ,,\n1,2,3,4,5\n")
    table.require({"--label-column": "catégorie"})
    assert table.texts("catégorie") == ["3"]
    with pytest.raises(DataError, match=r"has 2 columns 'image' \(--image-column\); its columns are image, image,"):
        table.require({"--image-column": "image"})
    with pytest.raises(DataError, match=r"has no column 'x' \(dataset\.columns\.id\)"):
        table.require({"dataset.columns.id": "x"})


def test_cells_of_parquet(tmp_path):
    path = tmp_path / "T.PARQUET"
    columns = {
        "label": ["A", None],
        "number": [1.0, None],
        "float32": np.array([3, 4.5], np.float32),
        "binary": [b"\xc3\xa9", None],
        "list": [["A", "B"], None],
    }
    columns["image"] = [{"bytes": None, "path": "a.png"}, {"bytes": b"\x89PNG", "path": None}]
    pd.DataFrame(columns, index=pd.Index(["0012", "NA"], name="id")).to_parquet(path)
    table = read_table(path)
    assert table.texts("id") == ["0012", "NA"]
    assert table.texts("number") == ["1", None]
    assert table.texts("float32") == ["3", "4.5"]
    assert table.texts("binary") == ["é", None]
    assert table.texts("list") == ['["A", "B"]', None]
    assert table.texts(None) == [None, None]
    with pytest.raises(DataError, match=r"column 'image' of .* holds pictures, where text is needed"):
        table.texts("image")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_told_by_its_zeros(tmp_path, encoding):
    table = read(tmp_path, "id,image,label\n1,a.png,Обувь\n2,b.png,Men’s\n".encode(encoding))
    assert cells(table) == [["1", "a.png", "Обувь"], ["2", "b.png", "Men’s"]]


def test_rows_without_the_surplus_separator_of_the_others_are_sound(tmp_path):
    rows = [f"{n},{n}.png,shoes,x{',' if n % 3 else ''}" for n in range(12)]
    table = read(tmp_path, "\n".join([HEADER, *rows]))
    assert [row[2] for row in cells(table)] == ["shoes"] * 12
    assert table.malformed == [None] * 12
