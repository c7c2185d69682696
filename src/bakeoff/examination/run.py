"""Outliers, probable label errors, leaks and a map of all products, by the features of one frozen backbone."""

from pathlib import Path

import numpy as np
import pandas as pd

from bakeoff.catalogue.findings.base import Examination, Examined, Table
from bakeoff.catalogue.findings.rules import Outliers
from bakeoff.catalogue.findings.sheets import draw_sheets
from bakeoff.catalogue.split import assign_folds
from bakeoff.core.errors import ParamsError
from bakeoff.core.progress import progress_bar
from bakeoff.data.store import ImageStore
from bakeoff.data.table import SPLITS
from bakeoff.examination.params import ExamineParams
from bakeoff.examination.space import cross_validate, drift, find_label_errors, isolation, nearest
from bakeoff.records.examination import EXAMINED, FILE, ExaminationRecord
from bakeoff.records.weights import read_record
from bakeoff.statistics.embedding import place
from bakeoff.training.learn import features_of
from bakeoff.training.plan import TrainingPlan

_OUTLYING = Outliers("outlier", "high", 0.01)
_CLOSE = 0.4
"""A train product this much closer than the 10 nearest others are on average may be a copy (docs/examination.md)."""


def choose_backbone(models: list[str], wanted: str | None, weights_dir: Path) -> str:
    """Return the wanted model; without one the first of the study that has pretrained weights, else the first.

    Raises:
        ParamsError: the wanted one is not in the study.
    """
    if wanted not in (None, *models):
        raise ParamsError(f"examine.model must be null or one of the study's ({', '.join(models)}), got {wanted!r}.")
    return wanted or next((name for name in models if read_record(weights_dir / name).pretrained), models[0])


def examine(plan: TrainingPlan, out_dir: Path, *, params: ExamineParams) -> ExaminationRecord:
    """Write products.parquet, examination.json and figures/, and return the record.

    Nothing is trained but a linear probe on the features of the plan's frozen backbone, of several photos their mean.
    """
    model, labels, products = plan.request.settings.model, plan.catalogue.labels, plan.catalogue.by_product().products
    table: Table = products[["product_id", "image", "label", "label_id", "group_id", "split"]].copy()
    features = plan.catalogue.mean_of_photos(np.asarray(features_of(plan).array))
    label_ids = table["label_id"].to_numpy()
    folds = table["group_id"].map(assign_folds(table, params.n_folds, seed=0)).to_numpy()
    is_train, is_test = ((table["split"] == split).to_numpy() for split in ("train", "test"))
    with progress_bar() as bar:
        task = bar.add_task(f"{model} features examined", total=params.n_folds + 2)
        probabilities = cross_validate(features, label_ids, folds, len(labels), advance=lambda: bar.advance(task))
        table["outlier"] = isolation(features).astype(np.float32)
        rows, table.loc[~is_train, "similarity"] = nearest(features[~is_train], features[is_train])
        bar.advance(task)
        table[["x", "y"]] = place(features, label_ids, max_positions=params.max_positions)
        bar.update(task, completed=params.n_folds + 2)
    is_first = ~table["group_id"].duplicated().to_numpy()
    train, test = (np.flatnonzero(rows & is_first) for rows in (is_train, is_test))
    predicted = probabilities.argmax(axis=1)
    table["probability"] = probabilities[np.arange(len(table)), label_ids]
    table["suggested"] = np.array(labels)[predicted]
    table["is_label_error"] = find_label_errors(label_ids, probabilities, folds)
    table.loc[~is_train, "nearest_train"] = table["product_id"].to_numpy()[is_train][rows]
    record = ExaminationRecord(
        model=model,
        pretrained=plan.header.weights.pretrained,
        n_products=len(table),
        accuracy=float((predicted == label_ids).mean()),
        label_errors={split: int(table["is_label_error"][table["split"] == split].sum()) for split in SPLITS},
        outliers=_OUTLYING(Examined(table, table[:0])).summary(),
        n_leaks=int((1 - table["similarity"] <= _CLOSE * table["outlier"])[is_test].sum()),
        drift=drift(features, label_ids, train=train, test=test),
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    table.drop(columns=["image", "label_id", "group_id"]).to_parquet(out_dir / EXAMINED, index=False)
    record.write(out_dir / FILE)
    _draw(table, plan.catalogue.store, out_dir)
    return record


def _draw(table: Table, store: ImageStore, out_dir: Path) -> None:
    """Draw a sheet of each kind; a label that is probably wrong is shown with the one that is suggested."""
    ids, is_error, is_test = table["product_id"], table["is_label_error"], table["split"] == "test"
    rows = [
        Examination(ids, table["probability"], is_error, is_low_worse=True).rows("label_errors"),
        Examination(ids, table["outlier"], ids.notna()).rows("outliers"),
        Examination(ids, table["similarity"], is_test, others=table["nearest_train"]).rows("leaks"),
    ]
    label = table["label"].where(~is_error, table["label"] + "\n→ " + table["suggested"])
    draw_sheets(pd.concat(rows), table.assign(label=label), store, out_dir)
