"""Composing params.yaml from conf/ the way `dvc exp run` does, and noticing where the two differ."""

import logging
import re
import shlex
import tempfile
from pathlib import Path
from typing import Any

from bakeoff.core.errors import ParamsError
from bakeoff.core.section import read_yaml

GROUPS = ("profile", "dataset", "repair", "model", "texts", "text_model", "tuning")


def choices(conf: Path) -> dict[str, list[str]]:
    """Return the legal choices of each group: the files in conf/<group>/."""
    return {group: sorted(file.stem for file in (conf / group).glob("*.yaml")) for group in GROUPS}


def compose(root: Path, overrides: list[str]) -> dict[str, Any]:
    """Return conf/ composed with Hydra overrides such as `profile=full` or `models=[resnet18]`, resolved.

    Raises:
        ParamsError: an unknown group, choice or key; legal choices are listed. Or a value that needs quotes.
    """
    from dvc.utils.hydra import compose_and_dump
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    conf = root / "conf"
    if not (conf / "config.yaml").is_file():
        raise ParamsError(f"{conf}/config.yaml is missing; run this in the project's folder.")
    _check_grammar(overrides)
    _check_choices(conf, overrides)
    logging.getLogger("dvc").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "params.yaml"
        try:
            compose_and_dump(target, str(conf.resolve()), None, "config", str(root), overrides)
        except (HydraException, OmegaConfBaseException) as error:
            told = " ".join(str(error).split())
            hint = "; without them no default pair can be made: add texts=none" if "models[0]" in told else ""
            raise ParamsError(f"conf/ does not compose with {overrides}: {told}{hint}") from None
        return read_yaml(target)


def _check_grammar(overrides: list[str]) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    for override in overrides:
        try:
            if not OverridesParser.create().parse_override(override).is_sweep_override():
                continue
        except HydraException:
            pass
        key, equals, value = override.partition("=")
        if not equals:
            raise ParamsError(f"{override!r} is not a choice; expected key=value, such as profile=full.")
        items = [item.strip(" '\"") for item in value.strip("[]").split(",")]
        text, listed = (_in_shell(f"{key}={_hydra(one)}") for one in (value, items))
        raise ParamsError(f"{override} is not one value to Hydra; quote it: {text} as a text, {listed} as a list.")


def _in_shell(text: str) -> str:
    return shlex.quote(text) if re.search(r'["$`\\!]', text) else f'"{text}"'


def _check_choices(conf: Path, overrides: list[str]) -> None:
    legal = choices(conf)
    for override in overrides:
        group, _, choice = override.partition("=")
        if group in legal and choice not in legal[group]:
            hint = " (any timm name runs by models=[name])" if group == "model" else ""
            raise ParamsError(f"{group}={choice} is unknown; expected one of {', '.join(legal[group])}{hint}.")


def differences(root: Path) -> list[str]:
    """Return the keys in which params.yaml differs from conf/ composed with the choices that it names."""
    actual = read_yaml(root / "params.yaml")
    expected = compose(root, [f"{group}={choice}" for group, choice in _named(root, actual).items()])
    return [".".join(path) for path in _changed(expected, actual)]


def choices_made(root: Path, values: dict[str, Any]) -> list[str] | None:
    """Return the `-S` choices that compose `values` from conf/: groups that are not the default, then single keys.

    None where no choices do, as after a hand edit that took a key away. Section `tracking` is left out: no result
    depends on it.
    """
    groups = [f"{group}={choice}" for group, choice in _named(root, values).items()]
    expected = compose(root, groups)
    singles = [_override(path, expected, values) for path in _differing(expected, values)]
    try:
        if singles and _differing(compose(root, groups + singles), values):
            return None
        # A key that conf/ takes over from another one follows from that one's choice.
        others = {single: [other for other in singles if other != single] for single in singles}
        singles = [one for one, rest in others.items() if _differing(compose(root, groups + rest), values)]
    except ParamsError:
        return None
    defaults = read_yaml(root / "conf" / "config.yaml")["defaults"]
    usual = [f"{group}={choice}" for item in defaults if isinstance(item, dict) for group, choice in item.items()]
    return [item for item in groups if item not in usual] + singles


def _differing(expected: dict[str, Any], actual: dict[str, Any]) -> list[tuple[str, ...]]:
    return [path for path in _changed(expected, actual) if path[0] != "tracking"]


def _override(path: tuple[str, ...], expected: dict[str, Any], actual: dict[str, Any]) -> str:
    """Return `key=value` as Hydra reads it, `+key=value` for a key that conf/ does not have."""
    known, value, new = expected, actual, False
    for part in path:
        new = new or part not in known
        known, value = known.get(part) or {}, value.get(part, {})
    return f"{'+' if new else ''}{'.'.join(path)}={_hydra(value)}"


def _hydra(value: Any) -> str:
    """Return a value in Hydra's grammar for overrides."""
    from hydra.core.override_parser.types import Quote, QuotedString

    if isinstance(value, dict):
        return "{" + ",".join(f"{_hydra(name)}:{_hydra(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_hydra, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, str) and not re.fullmatch(r"(?!(?i:true|false|null|nan|inf)$)[A-Za-z_][\w./-]*", value):
        return QuotedString(text=value, quote=Quote.single).with_quotes()
    return str(value)


def _named(root: Path, values: dict[str, Any]) -> dict[str, str]:
    """Return the group choices that params.yaml itself names, those without a file left out."""
    legal = choices(root / "conf")
    named: dict[str, Any] = {group: values.get(group) for group in ("profile", "model")}
    named |= {group: (values.get(group) or {}).get("name") for group in ("dataset", "repair")}
    if not values.get("text_models") and named["dataset"] in legal["texts"]:
        named["texts"] = "none"
    return {group: named[group] for group in legal if named.get(group) in legal[group]}


def _changed(expected: Any, actual: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the paths of keys at which two trees differ, sorted."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        keys = sorted({*expected, *actual})
        return [item for key in keys for item in _changed(expected.get(key), actual.get(key), (*path, key))]
    return [] if expected == actual else [path]
