"""Fills the templates under templates/: what they call as filters and functions, in one language."""

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import rich.markup
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bakeoff.core.failures import surviving
from bakeoff.core.section import LanguageCode
from bakeoff.core.translation import Translator
from bakeoff.decision.choice import baseline_excluded
from bakeoff.decision.comparisons import needed_in_words, p_in_words, pair_sentence
from bakeoff.decision.sentences import rule_in_words
from bakeoff.decision.winner import only_one, share_in_words

UNKNOWN = "–"

_HIDDEN, _SHOWN = str.maketrans("`*", "\ue000\ue001"), str.maketrans("\ue000\ue001", "`*")
"""`verbatim` hides a name's own signs from `rich`, which shows them again."""


@cache
def environment(language: LanguageCode, *, html: bool = True) -> Environment:
    """Return the report's and other rooms' templates in one language; text is escaped where they make HTML."""
    t = Translator(language)
    templates = Environment(
        loader=ChoiceLoader([PackageLoader("bakeoff.report"), PackageLoader("bakeoff", "")]),
        autoescape=html,
        extensions=["jinja2.ext.do"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= filters(t)
    templates.tests["known"] = is_known
    templates.globals |= {
        "_": t.gettext,
        "ngettext": t.ngettext,
        "join": t.join,
        "language": language,
        "mlflow_filter": mlflow_filter,
        "baseline_excluded": lambda codes: baseline_excluded(codes, t),
        "only_one": lambda winner: only_one(winner, t),
        "pair_sentence": lambda row: pair_sentence(row, t),
        "rule_in_words": lambda rule: rule_in_words(rule, t=t),
    }
    words: Any = templates.get_template("words.jinja").module
    templates.globals |= {name: getattr(words, name) for name in ("split_in_words", "data_curve_in_words")}
    templates.filters["known"] = lambda code, kind: words.codes[kind].get(code, str(code).replace("_", " "))
    return templates


Sections = Mapping[str, tuple[str, Callable[[Any], dict[str, Any]]]]
"""Name to title and to what a section shows, given the page's facts."""


def write_page(
    path: Path, folder: str, sections: Sections, facts: Any, /, *, failures_dir: Path, **context: Any
) -> None:
    """Write a page of the templates in `folder`: page.html, and <section>.html given what each section's view returns.

    A section that fails leaves a sentence in its place and its traceback in `failures_dir`; one without text is left
    out. `context`, with the language, is for all of them.
    """
    templates = environment(context["language"])
    titles = {name: Translator(context["language"]).gettext(title) for name, (title, _) in sections.items()}
    context["titles"] = titles
    shown = {}
    for name, (_, view) in sections.items():
        with surviving(f"section {name} of {path.name}", failures_dir) as attempt:
            text = templates.get_template(f"{folder}/{name}.html").render(context, **view(facts))
        if attempt.error:
            text = templates.get_template("failed.html").render(context, name=name)
        if text.strip():
            shown[name] = Markup(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(templates.get_template(f"{folder}/page.html").render(context, sections=shown), encoding="utf-8")


def filters(t: Translator) -> dict[str, Any]:
    """Return the filters; each takes an unknown value (None or NaN) and writes an en dash."""

    def formatted(value: Any, spec: str) -> str:
        return t.number(value, spec) if is_known(value) else UNKNOWN

    def p_value(value: Any) -> str:
        return f"<\u00a0{formatted(0.001, '.3f')}" if is_known(value) and value < 0.001 else formatted(value, ".3f")

    return {
        "num": lambda value, digits=1: formatted(value, f",.{digits}f"),
        "signed": lambda value, digits=1: formatted(value, f"+.{digits}f"),
        "pct": lambda share, digits=1: t.percent(share, digits) if is_known(share) else UNKNOWN,
        "p_value": p_value,
        "p_in_words": lambda value: p_in_words(value, t),
        "share_in_words": lambda share: share_in_words(share, t),
        "needed_in_words": lambda needed: needed_in_words(needed, t),
        "rich": marked_up,
        "verbatim": lambda text: text.translate(_HIDDEN),
        "literal": literal,
        "breakable": breakable,
        "raw": lambda value: f"{value:.8g}" if is_known(value) else "",  # for `data-value`, by which tables sort
        "short": lambda value: formatted(value, ",.0f" if abs(value) >= 1000 else ".4g"),
        "cell": lambda text: str(text).replace("|", "\\|"),  # in a Markdown table a bar would begin another cell
        "prose": prose,
        "tight": lambda text: re.sub(r"\n\s*\n", "\n", text),
        "terminal": rich.markup.escape,
    }


def is_known(value: Any) -> bool:
    """Return whether `value` is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def marked_up(text: str) -> Markup:
    """Return text with `code` and **strong** marked up, everything else escaped."""
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped).translate(_SHOWN))


def breakable(name: str) -> Markup:
    """Return a candidate's name that a narrow column may break after a hyphen, an underscore, a dot or a plus."""
    return Markup(re.sub(r"([-_.+])", r"\1<wbr>", str(escape(name))))


def prose(text: str) -> str:
    """Return text on one line, whatever lines a template had; what is escaped stays so."""
    line = re.sub(r"[ \n]+", " ", text).strip(" ")
    return Markup(line) if isinstance(text, Markup) else line


def literal(name: str) -> str:
    """Return a user's name as Markdown shows it unchanged."""
    return re.sub(r"([\\`*_\[\]<>|~$#]|&(?=#?\w+;))", r"\\\1", name)


def mlflow_filter(key: str) -> str:
    """Return what to type into the search field of MLflow's run table to see the run of a training."""
    return f'tags."bakeoff.training_key" = "{key}"'
