"""Which of the photos that are asked about are the study's own, found by their pixels."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from bakeoff.data.table import DIGESTS, SPLITS
from bakeoff.deploy.prediction.scores import read_chunks


def find_splits(project: Path, folder: Path, n_photos: int) -> np.ndarray:
    """Return the study's split that each photo's pixels lie in, (N,) str; empty where they are not the study's.

    Of several splits train comes before validation before test. Unused photos count as new ones: no candidate has
    learned from them or was judged on them. Files that are missing are told on stderr.
    """
    files = [project / "data" / "catalogue" / DIGESTS, project / "data" / "splits" / "splits.parquet"]
    if missing := [path for path in files if not path.is_file()]:
        sys.stderr.write(f"{missing[0]} is missing: the study's own photos count as new ones; run `bakeoff run`.\n")
        return np.full(n_photos, "")
    digests, splits = map(pd.read_parquet, files)
    products = digests.merge(splits, on="product_id")
    split_of = {one: split for split in reversed(SPLITS) for one in products["digest"][products["split"] == split]}
    return np.array([split_of.get(one, "") for part in read_chunks(folder, n_photos) for one in part.digests])
