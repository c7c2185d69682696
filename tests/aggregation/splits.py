"""Folders as finished studies leave them, one per split."""

from pathlib import Path

import yaml

PARAMS = {
    "profile": "quick",
    "dataset": {"name": "stamps"},
    "prepare": {"store_px": 512},
    "split": {"train": 0.8, "validation": 0.1, "test": 0.1, "seed": 0},
    "seeds": [0],
    "backbones": {"swin_t": {"name": "swin"}},
    "training": {"batch_size": 16},
}


def write_split(folder: Path, seed: int, accuracies: dict[str, float | list[float]], **params) -> Path:
    """Write params.yaml and reports/leaderboard.csv; a list is one accuracy per training seed."""
    (folder / "reports").mkdir(parents=True, exist_ok=True)
    values = PARAMS | params
    values["split"] = values["split"] | {"seed": seed}
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    lines = ["candidate,seed,accuracy,status"]
    for name, value in accuracies.items():
        lines += [f"{name},{i},{one},ok" for i, one in enumerate(value if isinstance(value, list) else [value])]
    lines.append("broken-frozen,0,,failed")
    (folder / "reports" / "leaderboard.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
