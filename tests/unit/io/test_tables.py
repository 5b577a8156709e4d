# SPDX-License-Identifier: Apache-2.0
"""Tables as people save them: every cell stays text, and a broken file says so."""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import TYPE_CHECKING

import pytest

from hepacast.core.errors import TableError
from hepacast.core.events import Event, Noticed
from hepacast.io.tables import read_table

if TYPE_CHECKING:
    from pathlib import Path

CSV = "case,age,note\n007,50,NO\n0012,1e-3,\n"
EXPECTED = {"case": ("007", "0012"), "age": ("50", "1e-3"), "note": ("NO", None)}

_SHEET = """\
<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
<sheetData>{rows}</sheetData></worksheet>"""
_BOOK = """\
<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"
xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>{sheets}
</sheets></workbook>"""
_LINKS = """\
<?xml version="1.0"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{links}
</Relationships>"""
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def spreadsheet(sheets: dict[str, list[list[str | float | None]]]) -> bytes:
    """Write a minimal XLSX; texts are text cells and numbers are numeric cells."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as book:
        kinds = ["/xl/workbook.xml", *(f"/xl/s{at}.xml" for at in range(len(sheets)))]
        main = "application/vnd.openxmlformats-officedocument.spreadsheetml.{}+xml"
        parts = "".join(
            f'<Override PartName="{kind}" ContentType='
            f'"{main.format("worksheet" if "/s" in kind else "sheet.main")}"/>'
            for kind in kinds
        )
        rels = "application/vnd.openxmlformats-package.relationships+xml"
        book.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            f'<Default Extension="rels" ContentType="{rels}"/>{parts}</Types>',
        )
        link = '<Relationship Id="r{at}" Type="' + _OFFICE + '/{kind}" Target="{target}"/>'
        one = link.format(at=0, kind="officeDocument", target="xl/workbook.xml")
        book.writestr("_rels/.rels", _LINKS.format(links=one))
        names = "".join(
            f'<sheet name="{name}" sheetId="{at + 1}" r:id="r{at}"/>'
            for at, name in enumerate(sheets)
        )
        book.writestr("xl/workbook.xml", _BOOK.format(sheets=names))
        links = "".join(
            link.format(at=at, kind="worksheet", target=f"s{at}.xml") for at in range(len(sheets))
        )
        book.writestr("xl/_rels/workbook.xml.rels", _LINKS.format(links=links))
        for at, rows in enumerate(sheets.values()):
            cells = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
            book.writestr(f"xl/s{at}.xml", _SHEET.format(rows=cells))
    return stream.getvalue()


def _cell(value: str | float | None) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return f"<c><v>{value}</v></c>"


def save(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", CSV),
        ("t.csv", "\ufeff" + CSV),
        ("t.csv", CSV.replace("\n", "\r\n")),
        ("t.csv", CSV.rstrip("\n")),
        ("t.csv", CSV.replace(",", ";")),
        ("t.tsv", CSV.replace(",", "\t")),
        ("t.txt", CSV.replace(",", "\t")),
        ("t.csv", CSV.replace("case,", '"case",').replace("007", '"007"')),
        ("t.csv", CSV.replace("case,", " case ,")),
        ("t.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("t.CSV.GZ", gzip.compress(CSV.encode(), mtime=0)),
        ("t.tsv.gz", gzip.compress(CSV.replace(",", "\t").encode(), mtime=0)),
        ("t.csv", CSV.encode("utf-16")),
        (
            "t.xlsx",
            spreadsheet({"a": [[*EXPECTED], ["007", "50", "NO"], ["0012", "1e-3", None]]}),
        ),
    ],
    ids=[
        "plain", "byte order mark", "windows", "no last newline", "semicolon", "tsv", "tabs in txt",
        "quotes", "blanks", "gz", "GZ", "tsv.gz", "utf-16", "xlsx",
    ],
)  # fmt: skip
def test_the_same_cells_come_out_however_the_table_was_saved(
    tmp_path: Path, name: str, content: str | bytes
) -> None:
    assert dict(read_table(save(tmp_path, name, content)).columns) == EXPECTED


def test_numbers_in_a_spreadsheet_read_as_they_show(tmp_path: Path) -> None:
    book = spreadsheet({"a": [["case", "age"], [7, 50.5], ["007", 50]]})
    found = read_table(save(tmp_path, "t.xlsx", book)).columns
    assert dict(found) == {"case": ("7", "007"), "age": ("50.5", "50")}


def test_the_sheet_asked_for_is_read(tmp_path: Path) -> None:
    path = save(tmp_path, "t.xlsx", spreadsheet({"notes": [["x"], ["1"]], "data": [["y"], ["2"]]}))
    assert list(read_table(path).columns) == ["x"]
    assert list(read_table(path, sheet="data").columns) == ["y"]
    with pytest.raises(TableError, match=r"t.xlsx.*sheet"):
        read_table(path, sheet="Data")


def test_chinese_text_is_read_and_noticed(tmp_path: Path) -> None:
    heard: list[Event] = []
    path = save(tmp_path, "t.csv", "病人,性别\n1,男\n".encode("gb18030"))
    assert dict(read_table(path, on_event=heard.append).columns) == {
        "病人": ("1",),
        "性别": ("男",),
    }
    (notice,) = heard
    assert isinstance(notice, Noticed)
    assert "GB 18030" in notice.text


def test_utf8_is_never_taken_for_gb18030(tmp_path: Path) -> None:
    heard: list[Event] = []
    path = save(tmp_path, "t.csv", "病人,größe\n1,男\n")
    assert list(read_table(path, on_event=heard.append).columns) == ["病人", "größe"]
    assert heard == []


def test_a_column_without_a_heading_is_noticed_and_left_out(tmp_path: Path) -> None:
    heard: list[Event] = []
    path = save(tmp_path, "t.csv", '"","case","age"\n"1","007","50"\n')
    assert list(read_table(path, on_event=heard.append).columns) == ["case", "age"]
    assert heard == [Noticed("t.csv", "a column without a heading is not used")]


def test_empty_rows_and_columns_at_the_end_are_no_data(tmp_path: Path) -> None:
    heard: list[Event] = []
    path = save(tmp_path, "t.csv", "case,age,,\n1,50,,\n2,,,\n,,,\n\n")
    found = read_table(path, on_event=heard.append)
    assert (dict(found.columns), heard) == ({"case": ("1", "2"), "age": ("50", None)}, [])


def test_an_empty_line_keeps_its_row_number(tmp_path: Path) -> None:
    found = read_table(save(tmp_path, "t.csv", "case,age\n1,50\n\n3,60\n"))
    with pytest.raises(TableError, match="None in row 3"):
        found.ids("case")


def test_a_quoted_cell_keeps_its_separator_and_its_line_break(tmp_path: Path) -> None:
    path = save(tmp_path, "t.csv", 'id,drug\n1,"Cisplatin, doxorubicin"\n2,"a\nb"\n')
    assert read_table(path).column("drug") == ("Cisplatin, doxorubicin", "a\nb")


def test_a_table_is_known_by_its_name_and_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "Patient Miller").mkdir()
    one = read_table(save(tmp_path, "t.csv", CSV))
    two = read_table(save(tmp_path / "Patient Miller", "t.csv", CSV))
    assert one.source == two.source == "t.csv"
    assert one.digest == two.digest
    assert read_table(save(tmp_path, "u.csv", CSV + "8,9,\n")).digest != one.digest


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "", "at least one row"),
        ("t.csv", "\n\n", "at least one row"),
        ("t.csv", "case,age\n", "0 rows"),
        ("t.csv", "case,age,age\n1,2,3\n", "'age'"),
        ("t.csv", "case,age, age \n1,2,3\n", "headings that differ"),
        ("t.csv", "case,age\n1,2\n3,4,5\n", "3 in row 3"),
        ("t.csv", "case,age,sex\n1,2,3\n3,4\n", "2 in row 3"),
        ("t.csv", 'case,age\n1,"2\n3,4\n', "CSV"),
        ("t.csv.gz", gzip.compress(CSV.encode() * 99, mtime=0)[:40], "whole gzip file"),
        ("t.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-3], "whole gzip file"),
        ("t.csv.gz", CSV, "whole gzip file"),
        ("t.csv.gz", b"\x1f\x8b\x08\x00" + b"\x00" * 6 + b"\xff" * 30, "whole gzip file"),
        ("t.xlsx", CSV, "spreadsheet"),
        ("t.xlsx", spreadsheet({"a": [["case", "age"]]}), "0 rows"),
        ("t.xlsx", spreadsheet({"a": [["case", "case"], ["1", "2"]]}), "'case'"),
    ],
)  # fmt: skip
def test_a_broken_table_is_refused_by_name(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    with pytest.raises(TableError, match=said) as caught:
        read_table(save(tmp_path, name, content))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["absent.csv", "absent.xlsx", ".", "absent/t.csv"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(TableError, match=r"readable file; got (No such file|Is a directory)"):
        read_table(tmp_path / name)
