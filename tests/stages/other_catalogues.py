"""Raw files as other people have them, a table with faulty products and folders of classes, and their studies."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from bakeoff.core.failures import FILE, read_failures
from stages.project import Project
from test_random_studies import check_intervals

UNEQUAL = {"Watches": 40, "Home Decor & Festive Needs": 25, "Computers": 16, "Baby Care": 11, "Kitchen & Dining": 8}
UNEQUAL |= {"Home Furnishing": 6, "Beauty and Personal Care": 5}


def photo(label: int, number: int, *, side_px: int = 48) -> bytes:
    """Return a JPEG that looks like its class in colour and like no other in form."""
    rng = np.random.default_rng([label, number])
    forms = Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).resize((side_px, side_px))
    tint = np.random.default_rng(label).uniform(0.2, 1, 3)
    pixels = np.asarray(forms, dtype=np.float64)[..., None] * 0.5 + 127 * tint
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def write_flipkart(root: Path) -> int:
    """Write a table of 7 unequal classes and Images/, with seven faulty products, and return how many are valid."""
    rows = []
    (root / "Images").mkdir(parents=True)
    for label, (name, n) in enumerate(UNEQUAL.items()):
        for number in range(n):
            uid = f"{label:02d}{number:04d}"
            (root / "Images" / f"{uid}.jpg").write_bytes(photo(label, number))
            tree = f'["{name} >> {name} Accessories >> Sub {number % 3}"]'
            text = f'Key Features of "{name}", Floral; new\nline. Price: Rs. 899'
            rows.append({"uniq_id": uid, "product_name": f"{name} {number}", "product_category_tree": tree})
            rows[-1] |= {"image": f"{uid}.jpg", "description": text}
    troubles = [("cut", photo(0, 900)[:300]), ("empty", b""), ("page", b"<!doctype html>404"), ("text", b"no image\n")]
    for uid, data in troubles:
        (root / "Images" / f"{uid}.jpg").write_bytes(data)
        rows.append({**rows[0], "uniq_id": uid, "image": f"{uid}.jpg"})
    rows.append({**rows[0], "uniq_id": "missing", "image": "missing.jpg"})
    rows.append({**rows[0], "uniq_id": "no_label", "product_category_tree": ""})
    rows.append(dict(rows[0]))
    pd.DataFrame(rows).to_csv(root / "flipkart_com-ecommerce_sample_1050.csv", index=False)
    return sum(UNEQUAL.values())


def write_folders(root: Path, counts: dict[str, int], *, side_px: int = 48) -> int:
    """Write a folder per class with so many photos each and return how many there are."""
    for label, (name, n) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for number in range(n):
            (root / name / f"{number}.jpg").write_bytes(photo(label, number, side_px=side_px))
    return sum(counts.values())


def check(project: Project, *, n_candidates: int, n_products: int) -> None:
    """Assert of a study that `bakeoff run` ended well: no warning, no failure, every product and candidate there."""
    root = project.folder
    assert "Traceback" not in project.said
    assert "Warning" not in project.said
    assert "did not take" not in project.said, "MLflow refused something"
    assert re.findall(r"WARNING(?!.*DID NOT LEARN).*|warning:.*", project.said) == []
    assert [failure for path in root.rglob(FILE) for failure in read_failures(path.parent)] == []
    board = pd.read_csv(root / "reports" / "leaderboard.csv")
    assert (len(board), set(board["status"])) == (n_candidates, {"ok"})
    assert json.loads((root / "data" / "audit" / "audit.json").read_text())["n_accepted"] == n_products
    assert check_intervals(root / "runs") >= 20 * n_candidates
