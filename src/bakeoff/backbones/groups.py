"""A backbone's parameters from its input to its output, in the blocks and stages that its library divides it into."""

import re
from collections.abc import Iterable
from typing import Any

from torch import nn

from bakeoff.backbones.compat import import_timm


def layer_groups(backbone: nn.Module, *, coarse: bool) -> list[list[str]]:
    """Return names of parameters, a list per stage (`coarse`) or block, from the input to the output.

    A group of norms and biases alone, such as the last norm, is part of the one before it.

    timm's networks say it themselves (`group_matcher`). Others are divided by the numbers in their parameters' names,
    in the order in which they were registered: `levels.2.blocks.5.…` is of stage `levels.2` and block
    `levels.2.blocks.5`.
    """
    import_timm()
    from timm.models._manipulate import group_parameters

    matcher: Any = getattr(backbone, "group_matcher", None)
    if matcher is None:
        found = _by_numbers((name for name, _ in backbone.named_parameters()), coarse=coarse)
    else:
        found = list(group_parameters(backbone, matcher(coarse=coarse)).values())
    groups: list[list[str]] = []
    for names in found:
        if groups and all(backbone.get_parameter(name).ndim < 2 for name in names):
            groups[-1] += names
        else:
            groups.append(names)
    return groups


def _by_numbers(names: Iterable[str], *, coarse: bool) -> list[list[str]]:
    pattern = re.compile(r"(\D*?\.\d+)\." if coarse else r"(\D*?\.\d+(?:\.(?:\D*\.)?\d+)?)\.")
    groups: dict[str, list[str]] = {}
    for name in names:
        found = pattern.match(name)
        groups.setdefault(found[1] if found else name.partition(".")[0], []).append(name)
    return list(groups.values())
