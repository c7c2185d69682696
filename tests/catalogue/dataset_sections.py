"""Dataset sections without params.yaml."""

from __future__ import annotations

from bakeoff.catalogue.params import ColumnNames, DatasetParams, RepairParams, SplitParams, SyntheticParams

NO_COLUMNS = ColumnNames(id=None, image=None, label=None, title=None, description=None)


def dataset_params(kind: str, **changes: object) -> DatasetParams:
    """Return a section with neither fallback, table, columns nor exclusions; duplicates stay."""
    base = DatasetParams(
        name=kind,
        kind=kind,  # type: ignore[arg-type]
        fallback=None,
        root=f"data/raw/{kind}",
        table=None,
        sheet=None,
        images=None,
        photos="first",
        columns=NO_COLUMNS,
        keep=[],
        drop=[],
        allow_pickle=False,
        label_level=1,
        label_separator=None,
        several_labels="reject",
        classes=None,
        exclude_labels=[],
        min_class_size=None,
        duplicates="keep",
        crop_to_box=None,
        phash_distance=2,
        licence="unknown",
        source_url=None,
        synthetic=SyntheticParams(n_per_class=16, image_px=64, seed=0),
    )
    return base.model_copy(update=changes)


def split_params(**changes: object) -> SplitParams:
    """Return a section for a holdout of 80, 10 and 10 %."""
    values = {"method": "holdout", "train": 0.8, "validation": 0.1, "test": 0.1, "seed": 0}
    return SplitParams.model_validate(values | {"n_folds": 5, "fold": 0, "official_leaks": "drop"} | changes)


def repair_params(**changes: object) -> RepairParams:
    """Return a section with no step on but those in `changes`, called `mine` where there are any."""
    values: dict[str, object] = {"name": "mine" if changes else "none", "splits": ["train", "validation", "test"]}
    values |= dict.fromkeys(("exact_duplicates", "near_duplicates"), "keep") | {"drop_official_test": False}
    values |= dict.fromkeys(("crop_border", "saturation", "equalise_below", "sharpen_below", "reject_below"))
    return RepairParams.model_validate(values | changes)
