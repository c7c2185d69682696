"""Raw files as other people have them, a table with faulty products and folders of classes, and their studies."""

from __future__ import annotations

import io
import json
import re
import tarfile
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


def write_rakuten(raw: Path) -> int:
    """Write the challenge's two training tables and its photos."""
    index = np.arange(24)
    described = {"designation": [f"Livre {n}" for n in index], "description": None, "productid": 7_000 + index}
    raw.mkdir(parents=True)
    pd.DataFrame({**described, "imageid": 9_000 + index}, index=index).to_csv(raw / "X_train_update.csv")
    pd.DataFrame({"prdtypecode": [10, 1281] * 12}, index=index).to_csv(raw / "Y_train_CVw08PX.csv")
    for n in index.tolist():
        put(raw / "images" / "image_train" / f"image_{9_000 + n}_product_{7_000 + n}.jpg", photo(n % 2, n))
    return len(index)


def write_food101(raw: Path) -> int:
    """Write the dishes and their three lists, a third of the photos for testing."""
    lists: dict[str, list[str]] = {"classes": ["waffles", "apple_pie"], "train": [], "test": []}
    for label, name in enumerate(lists["classes"]):
        for n in range(12):
            put(raw / "images" / name / f"{n}.jpg", photo(label, n))
            lists["test" if n > 7 else "train"].append(f"{name}/{n}")
    for name, lines in lists.items():
        put(raw / "meta" / f"{name}.txt", "\n".join(lines).encode())
    return 24


def write_cars(raw: Path) -> int:
    """Write the devkit, the boxes of two cars' photos and both halves."""
    from scipy.io import savemat

    (raw / "devkit").mkdir(parents=True)
    names = np.array(["AM General Hummer SUV 2000", "Acura RL Sedan 2012"], dtype=object)
    savemat(raw / "devkit" / "cars_meta.mat", {"class_names": names})
    for half, file, n in (("train", "cars_train_annos", 18), ("test", "cars_test_annos_withlabels", 8)):
        fields = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname"]
        rows = [(9, 5, 40, 44, place % 2 + 1, f"{place + 1:05d}.jpg") for place in range(n)]
        table = np.array([rows], dtype=[(field, object) for field in fields])
        savemat(raw / "devkit" / f"{file}.mat", {"annotations": table})
        for place in range(n):
            put(raw / f"cars_{half}" / f"{place + 1:05d}.jpg", photo(place % 2, place + 100 * (half == "test")))
    return 26


def write_shards(raw: Path) -> int:
    """Write two WebDataset shards of numbered classes, and their names."""
    put(raw / "classes.txt", b"shoes\nbags\n")
    for name, numbers in (("train-000000.tar", range(16)), ("test-000000.tar", range(16, 24))):
        with tarfile.open(raw / name, "w") as shard:
            for n in numbers:
                for extension, content in (("jpg", photo(n % 2, n)), ("cls", b"%d" % (n % 2)), ("txt", b"a thing")):
                    entry = tarfile.TarInfo(f"{n:04d}.{extension}")
                    entry.size = len(content)
                    shard.addfile(entry, io.BytesIO(content))
    return 24


def write_cells(raw: Path) -> int:
    """Write a Parquet table with the photos in its cells, two of each product."""
    raw.mkdir(parents=True)
    rows = [(f"sku{n // 2}", photo(n // 2 % 2, n), "ab"[n // 2 % 2]) for n in range(48)]
    pd.DataFrame(rows, columns=["id", "image", "label"]).to_parquet(raw / "t.parquet")
    return 48


def write_image_folder(raw: Path) -> int:
    """Write what `datasets` reads as an image folder, beside the folder that it is copied into."""
    for n in range(24):
        half = "test" if n > 17 else "train"
        put(raw.parent / "mine" / half / ("shoes", "bags")[n % 2] / f"{n}.jpg", photo(n % 2, n))
    return 24


def put(path: Path, content: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
