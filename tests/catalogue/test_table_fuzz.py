"""Whatever bytes a table holds: a table with as many rows as it says, or one sentence; `make proofs` tries longer."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakeoff.catalogue.table_file import LabelRule, read_table
from bakeoff.core.errors import BakeoffError
from bakeoff.core.names import split_cell

EXAMPLES = int(os.environ.get("BAKEOFF_FUZZED_TABLES", "200"))
PIECES = [
    b",",
    b";",
    b"\t",
    b"|",
    b'"',
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff\xfe",
    b"id,image,label\n",
    b"\xe9",
    b"PAR1",
    b"\\",
]
PIECES += ['é,a.png,["A >> B"]\n'.encode(), b"PK\x03", b"sep=;\n", b" ", b"a.png"]
CONTENT = st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join))


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=CONTENT,
    suffix=st.sampled_from([".csv", ".tsv", ".parquet", ".txt"]),
    separator=st.sampled_from([None, None, ";", "~"]),
    encoding=st.sampled_from([None, None, "cp1252", "utf-16", "no such"]),
)
def test_any_bytes_are_a_table_or_a_sentence(tmp_path: Path, content, suffix, separator, encoding):
    path = tmp_path / f"t{suffix}"
    path.write_bytes(content)
    try:
        table = read_table(path, separator=separator, encoding=encoding)
        cells = [
            table.texts(name)
            for name in dict.fromkeys(table.frame.columns)
            if list(table.frame.columns).count(name) == 1
        ]
    except BakeoffError as error:
        told = str(error)
        assert told.endswith((".", "…")) or told
        return
    assert len(table.malformed) == len(table.frame)
    assert all(len(column) == len(table.frame) for column in cells)


@settings(max_examples=EXAMPLES)
@given(
    cells=st.lists(st.text(alphabet="[]\">'\\,|; aAé\x00{}()0", max_size=30), max_size=5),
    level=st.integers(1, 3),
    separator=st.sampled_from([None, "|", ">>"]),
)
def test_any_cell_has_a_label_or_none(cells, level, separator):
    labels = LabelRule(level, separator, "first").read(cells)
    assert len(labels) == len(cells)
    assert all(label is None or (isinstance(label, str) and label) for label in labels)
    for cell in cells:
        assert all(split_cell(cell, "[|;]"))


def test_a_damaged_parquet_table_is_a_sentence(tmp_path):
    import pandas as pd

    path, rng = tmp_path / "t.parquet", np.random.default_rng(0)
    pd.DataFrame({"id": [str(n) for n in range(50)], "image": [bytes([200, n]) * 50 for n in range(50)]}).to_parquet(
        path
    )
    content, n_refused = path.read_bytes(), 0
    for _ in range(min(EXAMPLES, 200)):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[rng.integers(len(damaged), size=4)] = rng.integers(256, size=4)
        path.write_bytes(damaged[: rng.integers(len(damaged)) if rng.random() < 0.2 else None].tobytes())
        try:
            read_table(path)
        except BakeoffError:
            n_refused += 1
    assert n_refused > 20
