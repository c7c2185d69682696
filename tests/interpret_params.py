"""Section `interpret` as conf/ has it, but small and quick."""

from __future__ import annotations

from pathlib import Path

import yaml

from bakeoff.interpret.params import InterpretParams

_ROOT = Path(__file__).resolve().parents[1]
_SMALL = {
    "integrated_gradients": {"steps": 4},
    "smoothgrad": {"samples": 3},
    "gradient_shap": {"samples": 6},
    "occlusion": {"window_px": 8, "stride_px": 4},
    "kernel_shap": {"samples": 40, "n_segments": 9},
    "lime": {"samples": 40, "n_segments": 9},
}


def params(**changes) -> InterpretParams:
    """Return the quick profile's section with small settings, changed as given, a method's one by one."""
    values = yaml.safe_load((_ROOT / "params.yaml").read_text(encoding="utf-8"))["interpret"]
    values |= {name: values[name] | small for name, small in _SMALL.items()}
    values |= {"methods": ["integrated_gradients", "occlusion"], "counter_methods": []}
    for name, change in changes.items():
        values[name] = values[name] | change if isinstance(values[name], dict) else change
    return InterpretParams(**values)
