"""Outliers, probable label errors, leaks and a map of all products, by the features of one frozen backbone."""

from pathlib import Path

import numpy as np
import pandas as pd

from bakeoff.catalogue.findings.base import Examination, Examined, Table
from bakeoff.catalogue.findings.outliers import Outliers
from bakeoff.catalogue.findings.sheets import draw_sheets
from bakeoff.core.errors import ParamsError
from bakeoff.core.progress import progress_bar
from bakeoff.data.neighbours import nearest_train_neighbours
from bakeoff.data.store import ImageStore
from bakeoff.data.table import SPLITS
from bakeoff.examination.labels import cross_validate, find_label_errors, fold_of_each
from bakeoff.examination.params import ExamineParams
from bakeoff.examination.space import isolation, place
from bakeoff.records.examination import EXAMINED, FILE, ExaminationRecord
from bakeoff.records.weights import read_record
from bakeoff.training.run import TrainingPlan, features_of

_TITLES = {
    "outliers": "The products farthest from the 10 nearest others, by the mean cosine distance of their features",
    "leaks": "Test photos and the most similar one in train, by the cosine similarity of their features",
}
"""Of sheets that show the first ones whether or not they are flagged."""
_OUTLYING = Outliers("outlier", "high", 0.01)
_CLOSE = 0.4
"""A train product this much closer than the 10 nearest others are on average may be a copy (docs/examination.md)."""


def choose_backbone(models: list[str], wanted: str | None, weights_dir: Path) -> str:
    """Return the wanted model; without one the first of the study that has pretrained weights, else the first.

    Raises:
        ParamsError: the wanted one is not in the study.
    """
    if wanted is None:
        return next((name for name in models if read_record(weights_dir / name).pretrained), models[0])
    if wanted not in models:
        raise ParamsError(
            f"examine.model must be null or a model of the study ({', '.join(models)}), got {wanted!r}; name one."
        )
    return wanted


def examine(plan: TrainingPlan, out_dir: Path, *, params: ExamineParams) -> ExaminationRecord:
    """Write products.parquet, examination.json and figures/, and return the record.

    Args:
        plan: of the frozen backbone; nothing is trained but a linear probe on its features.
        out_dir: data/examination.
        params: section `examine`.
    """
    catalogue, products = plan.catalogue, plan.catalogue.products
    features, label_ids = np.asarray(features_of(plan).array), products["label_id"].to_numpy()
    folds = fold_of_each(products, params.n_folds)
    with progress_bar() as bar:
        task = bar.add_task(f"{plan.request.settings.model} features examined", total=params.n_folds + 3)
        table = products[["product_id", "image", "label", "split"]].assign(
            outlier=isolation(features).astype(np.float32)
        )
        bar.advance(task)
        probabilities = cross_validate(
            features, label_ids, folds, len(catalogue.labels), advance=lambda: bar.advance(task)
        )
        table["probability"] = probabilities[np.arange(len(table)), label_ids]
        table["suggested"] = np.array(catalogue.labels)[probabilities.argmax(axis=1)]
        table["is_label_error"] = find_label_errors(label_ids, probabilities, folds)
        table = table.join(_nearest_in_train(features, table))
        bar.advance(task)
        table[["x", "y"]] = place(features, label_ids, max_positions=params.max_positions)
        bar.update(task, completed=params.n_folds + 3)
    is_test = table["split"] == "test"
    record = ExaminationRecord(
        model=plan.request.settings.model,
        pretrained=plan.weights.pretrained,
        n_products=len(table),
        accuracy=float((probabilities.argmax(axis=1) == label_ids).mean()),
        label_errors={split: int(table.loc[table["split"] == split, "is_label_error"].sum()) for split in SPLITS},
        outliers=_OUTLYING(Examined(table, table[:0])).summary(),
        n_leaks=int((is_test & (1 - table["similarity"] <= _CLOSE * table["outlier"])).sum()),
        n_positions=int(table["x"].notna().sum()),
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    table.drop(columns="image").to_parquet(out_dir / EXAMINED, index=False)
    record.write(out_dir / FILE)
    _draw(table, plan.catalogue.store, out_dir)
    return record


def _nearest_in_train(features: np.ndarray, table: Table) -> Table:
    """Return `nearest_train`, by id, and its `similarity` for every product of validation and test."""
    is_train = (table["split"] == "train").to_numpy()
    nearest, similarity = nearest_train_neighbours(features[~is_train], features[is_train])
    found = {"nearest_train": table["product_id"][is_train].to_numpy()[nearest], "similarity": similarity}
    return pd.DataFrame(found, index=table.index[~is_train])


def _draw(table: Table, store: ImageStore, out_dir: Path) -> None:
    """Draw a sheet of each kind; a label that is probably wrong is shown with the one that is suggested."""
    ids, is_error, is_test = table["product_id"], table["is_label_error"], table["split"] == "test"
    rows = [
        Examination(ids, table["probability"], is_error, is_low_worse=True).rows("label_errors"),
        Examination(ids, table["outlier"], ids.notna()).rows("outliers"),
        Examination(ids, table["similarity"], is_test, others=table["nearest_train"]).rows("leaks"),
    ]
    label = table["label"].where(~is_error, table["label"] + "\n\u2192 " + table["suggested"])
    draw_sheets(pd.concat(rows), table.assign(label=label), store, out_dir, titles=_TITLES)
