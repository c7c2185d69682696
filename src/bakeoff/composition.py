"""Composing params.yaml from conf/ the way `dvc exp run` does, and noticing where the two differ."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from bakeoff.errors import ParamsError
from bakeoff.params import Params, load_params, read_yaml, validate_section

GROUPS = ("profile", "dataset", "model")


def choices(conf: Path) -> dict[str, list[str]]:
    """Return the legal choices of each group: the files in conf/<group>/."""
    return {group: sorted(file.stem for file in (conf / group).glob("*.yaml")) for group in GROUPS}


def compose(root: Path, overrides: list[str]) -> dict[str, Any]:
    """Return conf/ composed with Hydra overrides such as `profile=full` or `models=[resnet18]`, resolved and checked.

    Raises:
        ParamsError: an unknown group, choice or key, or a value of the wrong type; legal choices are listed.
    """
    from dvc.utils.hydra import compose_and_dump
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    conf = root / "conf"
    if not (conf / "config.yaml").is_file():
        raise ParamsError(f"{conf}/config.yaml is missing; run this in the project's folder.")
    _check_choices(conf, overrides)
    logging.getLogger("dvc").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "params.yaml"
        try:
            compose_and_dump(target, str(conf.resolve()), None, "config", str(root), overrides)
        except (HydraException, OmegaConfBaseException) as error:
            raise ParamsError(f"conf/ does not compose with {overrides}: {' '.join(str(error).split())}") from None
        values = read_yaml(target)
    validate_section(Params, values, where="conf/")
    return values


def _check_choices(conf: Path, overrides: list[str]) -> None:
    legal = choices(conf)
    for override in overrides:
        group, _, choice = override.partition("=")
        if group in legal and choice not in legal[group]:
            hint = " (any timm name runs by models=[name])" if group == "model" else ""
            raise ParamsError(f"{group}={choice} is unknown; expected one of {', '.join(legal[group])}{hint}.")


def write_params(root: Path, overrides: list[str]) -> Params:
    """Compose params.yaml anew and return it checked; written exactly as `dvc exp run` writes it."""
    values = compose(root, overrides)
    from omegaconf import OmegaConf

    (root / "params.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(values)), encoding="utf-8")
    return load_params(root / "params.yaml")


def differences(root: Path) -> list[str]:
    """Return the keys in which params.yaml differs from conf/ composed with the choices that it names."""
    actual = read_yaml(root / "params.yaml")
    legal = choices(root / "conf")
    named = {
        "profile": actual.get("profile"),
        "model": actual.get("model"),
        "dataset": (actual.get("dataset") or {}).get("name"),
    }
    overrides = [f"{group}={choice}" for group, choice in named.items() if choice in legal[group]]
    expected = compose(root, overrides)
    return sorted(_changed(expected, actual))


def _changed(expected: Any, actual: Any, path: str = "") -> list[str]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        keys = {*expected, *actual}
        return [
            item for key in keys for item in _changed(expected.get(key), actual.get(key), f"{path}.{key}".lstrip("."))
        ]
    return [] if expected == actual else [path]
