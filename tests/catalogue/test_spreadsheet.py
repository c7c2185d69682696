"""Excel and OpenDocument sheets, as their programs write them; what is wrong with one is a sentence."""

from __future__ import annotations

import base64
import contextlib
import random
import sys
import zipfile
import zlib
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from bakeoff.catalogue.spreadsheet import read_spreadsheet
from bakeoff.catalogue.table_file import Table, read_table
from bakeoff.core.errors import DataError

pytestmark = pytest.mark.torch  # python-calamine is there alone
_XLS = (
    "c-rk)O-L0{6#nj=8GV}i-ZKp}5HYecHM2!+^l4bGd{`~|A*g3QOkR!hD#C)Y%w-U?D%uFPXk)eMhYD)fA~0+b1i^a+ZCV8dE!63pGc%@E;DZv3"
    "`G$Muo^$U#=ggdQe`a1!Ml)mgE3;UHRv4Id3XnHXrl=J7Oa#>KI9&DbAu3LQ6@`Kj1v1aVlj2wT97B$G78>`=7es*%R1RYh@c}zoy^Po?J|q<T"
    "&_Yz<7D-A_AzqaVJtlOu(7V#}sn9l&Tou|veKYD1CS&os9bOh6&^6Ll0@nLb#=H~BR+Qr<XYs{r%I#~RJ>8!;vBDav%p#0~0@|6hlWFF|xQ#;K"
    "AfchFtD&PKgE9*CIKDa6z*m1(Kd%nt%PUtP`S*qL{6EM;6vV~y>)Hf{;T)AoGD-_{v+3r-zG=j<imF@;;8g021@xax^d%`<Z0dFPc+#e{A4pMa"
    "Ut*AGQ`2_plV}{Y`=}w_PD~Fo)OlTeOM4;j0J3647OWV>GLwpk_986xsLZDbxjcR6%T!lSckGBrhGmy<_mcJOIviZ$5j40&S`7GF>tw`cp_fJL"
    "TB%nGEu&<odu?~QSJ^!xeXdArE!o*7coW+&ufCD$qo4OYsv7+m+eGz=&g{9eiMO#a)X=NzrSW`?pkCFhn>QGbWBy%v>&|<j6~C-OAsz92cf1WV"
    "j2WJFgs4!L<F}*cIPJYFmotbn<~Wl$bB?o!vphRW_=R?q*va$yE3v~NdPaULvC}MTXXB(M8<q}{)D&M>qyCNOS~P|{jc#1|1aLt!#~RO*Lx$#+"
    ")F90ad+1Xe>(-*%AIZM+GqmbbJYco7O8-P50t5&UAV7cs0Rk)!l$=1_Q@1H+O84xY@BP=Ap)wo%Ci!o%7Xx&irjN>9u<4%0P)_-?2A1-5sU?o_"
    "{}(d$ll3%G=n+3sIp;5Zk*WF5v*dx1zc+<)wLhDSpa0nY5B2NfmH"
)
"""Made by xlwt: sku 007, image a.png, n 12.0, a day, true, none; NA, b.png, 3.5, a day and time, false, #N/A."""
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def write_xlsx(path: Path, **sheets: list[list[str | float | None]]) -> Path:
    """Write a workbook; texts are inline strings, numbers are numbers, None is no cell."""
    numbers, names = range(1, len(sheets) + 1), list(sheets)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        listed = "".join(f'<sheet name="{names[n - 1]}" sheetId="{n}" r:id="r{n}"/>' for n in numbers)
        book.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
        )
        links = "".join(
            f'<Relationship Id="r{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
        )
        office = f'<Relationship Id="b" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        relations = "http://schemas.openxmlformats.org/package/2006/relationships"
        book.writestr("_rels/.rels", f'<Relationships xmlns="{relations}">{office}</Relationships>')
        book.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{relations}">{links}</Relationships>')
        for n, rows in zip(numbers, sheets.values(), strict=True):
            text = "".join(f'<row r="{r}">{_cells(row, r)}</row>' for r, row in enumerate(rows, start=1))
            book.writestr(
                f"xl/worksheets/sheet{n}.xml", f'<worksheet xmlns="{_MAIN}"><sheetData>{text}</sheetData></worksheet>'
            )
    return path


def _cells(row: list[str | float | None], number: int) -> str:
    places = zip("ABCDEFGHIJ", row, strict=False)
    return "".join(
        f'<c r="{column}{number}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
        if isinstance(value, str)
        else f'<c r="{column}{number}"><v>{value}</v></c>'
        for column, value in places
        if value is not None
    )


def write_ods(path: Path, rows: list[list[str]]) -> Path:
    """Write an OpenDocument sheet of texts."""
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{short}:1.0"' for short in ("office", "table", "text")
    )
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    text = "".join(
        f"<table:table-row>{''.join(cell.format(escape(one)) for one in row)}</table:table-row>" for row in rows
    )
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr(
            "content.xml",
            f'<office:document-content {spaces}><office:body><office:spreadsheet><table:table table:name="S">{text}'
            "</table:table></office:spreadsheet></office:body></office:document-content>",
        )
        book.writestr("META-INF/manifest.xml", "<manifest/>")
    return path


def cells(table: Table) -> list[list[str | None]]:
    return table.frame.to_numpy().tolist()


def test_an_excel_sheet_is_text_below_its_first_row_that_is_not_empty(tmp_path):
    rows = [
        [],
        ["sku", " image ", "n"],
        ["007", "a.png", 12.0],
        [None, " ", None],
        ["NA", "b.png", 3.5],
        ["1e3", None, 1e3],
    ]
    table = read_table(write_xlsx(tmp_path / "t.XLSX", First=rows, Other=[["x"], ["y"]]))
    assert table.frame.columns.tolist() == ["sku", "image", "n"]
    assert cells(table) == [["007", "a.png", "12"], ["NA", "b.png", "3.5"], ["1e3", None, "1000"]]
    assert (table.texts("sku"), table.malformed) == (["007", "NA", "1e3"], [None] * 3)
    assert cells(read_table(tmp_path / "t.XLSX", sheet="Other")) == [["y"]]
    with pytest.raises(DataError, match=r"has no sheet 'Third' \(dataset\.sheet\); its sheets are First, Other"):
        read_table(tmp_path / "t.XLSX", sheet="Third")


def test_an_old_excel_sheet_with_days_and_times(tmp_path):
    (tmp_path / "t.xls").write_bytes(zlib.decompress(base64.b85decode(_XLS)))
    first, second = cells(read_table(tmp_path / "t.xls"))
    assert first == ["007", "a.png", "12", "2026-01-05", "True", None]
    assert second == ["NA", "b.png", "3.5", "2026-01-05 10:30:00", "False", "#N/A"]


def test_an_opendocument_sheet_whatever_it_is_called(tmp_path):
    write_ods(tmp_path / "t.ods", [["id", "image"], ["007", "é & è.png"]])
    (tmp_path / "t.csv").write_bytes((tmp_path / "t.ods").read_bytes())
    for name in ("t.ods", "t.csv"):
        assert cells(read_table(tmp_path / name)) == [["007", "é & è.png"]]


def test_an_empty_sheet_and_a_protected_one_are_sentences(tmp_path):
    with pytest.raises(DataError, match=r"must begin with a row of column names, .*; the sheet is empty"):
        read_table(write_xlsx(tmp_path / "t.xlsx", Empty=[[]]))
    (tmp_path / "p.xlsx").write_bytes(_protected())
    with pytest.raises(DataError, match=r"is protected by a password; open it .* without one"):
        read_table(tmp_path / "p.xlsx")


def _protected() -> bytes:
    """A compound file whose directory names an EncryptedPackage, as Office stores a workbook with a password."""
    free, end, fat = b"\xff" * 4, b"\xfe\xff\xff\xff", b"\xfd\xff\xff\xff"
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + bytes.fromhex("3e000300feff09000600") + bytes(6)
    header += bytes(4) + (1).to_bytes(4, "little") + (1).to_bytes(4, "little") + bytes(4) + (4096).to_bytes(4, "little")
    header += end + bytes(4) + end + bytes(4) + bytes(4) + free * 108
    sectors = (fat + end).ljust(512, b"\xff")
    entries = [
        _entry("Root Entry", 5, 1),
        _entry("EncryptedPackage", 2, -1),
        _entry("EncryptionInfo", 2, -1),
        bytes(128),
    ]
    return header + sectors + b"".join(entries)


def _entry(name: str, kind: int, child: int) -> bytes:
    text = name.encode("utf-16-le")
    links = b"".join(link.to_bytes(4, "little", signed=True) for link in (-1, -1, child))
    start = (-2).to_bytes(4, "little", signed=True)
    return (
        text.ljust(64, b"\0")
        + (len(text) + 2).to_bytes(2, "little")
        + bytes([kind, 1])
        + links
        + bytes(36)
        + start
        + bytes(8)
    )


def test_damaged_sheets_are_sentences_even_where_the_reader_dies(tmp_path, monkeypatch):
    """Of 8 damaged copies of each, none gives a traceback; calamine aborts the process at some .xls files."""
    rng = random.Random(0)
    sound = {"t.xls": zlib.decompress(base64.b85decode(_XLS))}
    sound["t.xlsx"] = write_xlsx(tmp_path / "s.xlsx", A=[["id", "image"], ["1", "a.png"]]).read_bytes()
    n_refused = 0
    for name, content in sound.items():
        for _ in range(8):
            damaged = bytearray(content[: rng.randrange(len(content)) if rng.random() < 0.3 else None])
            for _ in range(rng.randrange(1, 20)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            (tmp_path / name).write_bytes(damaged)
            with contextlib.suppress(DataError):
                read_spreadsheet(tmp_path / name, None)
                continue
            n_refused += 1
    assert n_refused > 6
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(
        DataError, match=r"cannot be read as a spreadsheet \(it is damaged, or needs over 4 GiB of memory\); open it"
    ):
        read_spreadsheet(tmp_path / "s.xlsx", None)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process to its address space")
def test_a_sheet_that_would_fill_the_memory_is_refused(tmp_path):
    """Two cells 250 million apart: calamine holds all between them, 6 GiB and more."""
    path = write_xlsx(tmp_path / "a.xlsx", s=[["id"]])
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    last = b'<row r="1000000"><c r="IP1000000"><v>1</v></c></row></sheetData>'
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content.replace(b"</sheetData>", last))
    with pytest.raises(DataError, match=r"needs over 4 GiB of memory"):
        read_spreadsheet(path, None)
