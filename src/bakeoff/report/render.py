"""Fills the templates under templates/: what they call as filters and functions, in one language."""

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import rich.markup
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bakeoff.core.failures import surviving
from bakeoff.core.section import LanguageCode
from bakeoff.core.translation import N_, Translator
from bakeoff.decision.choice import baseline_excluded
from bakeoff.decision.comparisons import needed_in_words, p_in_words, pair_sentence
from bakeoff.decision.licences import commercial_use, licence_of_code
from bakeoff.decision.sentences import rule_in_words
from bakeoff.decision.winner import only_one, share_in_words
from bakeoff.report.split_sentence import split_in_words

UNKNOWN = "–"


def _by_words(*titles: str) -> dict[str, str]:
    """Return code to title of those whose code is their title, with underscores."""
    return {title.replace(" ", "_"): title for title in titles}


CODES = {
    "split": _by_words(N_("train"), N_("validation"), N_("test")),
    "rejected": {
        **_by_words(
            *(N_("class too small"), N_("duplicate image"), N_("duplicate product id"), N_("empty file")),
            *(N_("empty label"), N_("excluded label"), N_("malformed row"), N_("missing file"), N_("not an image")),
            *(N_("placeholder"), N_("several labels"), N_("truncated"), N_("unknown class"), N_("unreadable")),
        ),
        "outside_data_folder": N_("outside the data folder"),
        "too_large": N_("photo too large"),
        "too_small": N_("photo too small"),
    },
    "finding": {
        **_by_words(
            *(N_("blurred"), N_("dark"), N_("bright"), N_("low information"), N_("oversaturated")),
            *(N_("undersaturated"), N_("bordered"), N_("greyscale"), N_("exact duplicate"), N_("near duplicate")),
            *(N_("placeholder"), N_("duplicate text"), N_("rare language")),
        ),
        "small": N_("unusually small"),
        "large": N_("unusually large"),
        "tall": N_("unusually tall"),
        "wide": N_("unusually wide"),
        "colour_dominance": N_("one colour dominates"),
        "label_conflict": N_("same photo, several labels"),
        "missing_title": N_("title missing"),
        "missing_description": N_("description missing"),
        "text_conflict": N_("same text, several labels"),
        "html_in_text": N_("HTML in the text"),
    },
    "repair": {
        "crop": N_("border cropped"),
        "saturation": N_("saturation changed"),
        "equalise": N_("lightness equalised"),
        "sharpen": N_("sharpened"),
    },
    "verdict": {"better": N_("BETTER"), "worse": N_("WORSE"), "undecided": N_("UNDECIDED")},
    "measure": {
        "imagenet_top1": N_("ImageNet top-1 accuracy"),
        "weighted_f1": N_("weighted F1"),
        "macro_f1": N_("macro F1"),
        "accuracy": N_("accuracy"),
    },
    "source": {**_by_words(N_("hub"), N_("folder"), N_("package"), N_("random")), "user_file": N_("your file")},
    "random": {
        "unauthorised": N_("login refused"),
        "rate_limited": N_("too many requests to the hub"),
        "server_error": N_("the hub failed"),
        "unreachable": N_("hub unreachable"),
        "not_found": N_("not found"),
        "no_published_weights": N_("no published weights"),
        "gated": N_("access must be asked for"),
        "html_page": N_("a web page in place of the file"),
        "offline_by_params": N_("offline by the parameters"),
        "scratch": N_("trained from scratch, as its mode says"),
    },
    "calibration_warning": {
        "temperature_at_bound": N_("no temperature fits: validation is all right or all wrong"),
        "validation_small": N_("few validation photos: the temperature is uncertain"),
    },
    "speed_part": {
        "decode_ms": N_("read and decode"),
        "preprocess_ms": N_("prepare"),
        "forward_ms": N_("network"),
    },
    "skipped": {"budget": N_("no time left"), "memory": N_("out of memory")},
}
"""What the codes of the records are called."""


_HIDDEN, _SHOWN = str.maketrans("`*", "\ue000\ue001"), str.maketrans("\ue000\ue001", "`*")
"""`verbatim` hides a name's own signs from `rich`, which shows them again."""


@cache
def environment(language: LanguageCode, *, html: bool = True) -> Environment:
    """Return the templates in one language; text is escaped where they make HTML."""
    t = Translator(language)
    templates = Environment(
        loader=PackageLoader("bakeoff.report", "templates"),
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
        "commercial_use": commercial_use,
        "licence_of_code": licence_of_code,
        "baseline_excluded": lambda codes: baseline_excluded(codes, t),
        "only_one": lambda winner: only_one(winner, t),
        "pair_sentence": lambda row: pair_sentence(row, t),
        "rule_in_words": lambda rule: rule_in_words(rule, t=t),
        "split_in_words": lambda split: split_in_words(split, t),
    }
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

    def known(code: Any, kind: str) -> str:
        titles = CODES[kind]
        return t.gettext(titles[code]) if code in titles else str(code).replace("_", " ")

    return {
        "num": lambda value, digits=1: formatted(value, f",.{digits}f"),
        "signed": lambda value, digits=1: formatted(value, f"+.{digits}f"),
        "pct": lambda share, digits=1: t.percent(share, digits) if is_known(share) else UNKNOWN,
        "p_value": p_value,
        "p_in_words": lambda value: p_in_words(value, t),
        "share_in_words": lambda share: share_in_words(share, t),
        "needed_in_words": lambda needed: needed_in_words(needed, t),
        "known": known,
        "rich": marked_up,
        "verbatim": lambda text: text.translate(_HIDDEN),
        "literal": literal,
        "breakable": breakable,
        "raw": raw,
        "short": lambda value: formatted(value, ",.0f" if abs(value) >= 1000 else ".4g"),
        "cell": cell,
        "prose": prose,
        "tight": lambda text: re.sub(r"\n\s*\n", "\n", text),
        "terminal": rich.markup.escape,
    }


def is_known(value: Any) -> bool:
    """Return whether `value` is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def raw(value: Any) -> str:
    """Return a number for `data-value`, by which tables sort; empty where it is unknown."""
    return f"{value:.8g}" if is_known(value) else ""


def marked_up(text: str) -> Markup:
    """Return text with `code` and **strong** marked up, everything else escaped."""
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped).translate(_SHOWN))


def breakable(name: str) -> Markup:
    """Return a candidate's name that a narrow column may break after a hyphen, an underscore or a dot."""
    return Markup(re.sub(r"([-_.])", r"\1<wbr>", str(escape(name))))


def prose(text: str) -> str:
    """Return text on one line, whatever lines a template had; what is escaped stays so."""
    line = re.sub(r"[ \n]+", " ", text).strip(" ")
    return Markup(line) if isinstance(text, Markup) else line


def cell(text: Any) -> str:
    """Return text for a cell of a Markdown table, in which a bar would begin another."""
    return str(text).replace("|", "\\|")


def literal(name: str) -> str:
    """Return a user's name as Markdown shows it unchanged."""
    return re.sub(r"([\\`*_\[\]<>|~$#]|&(?=#?\w+;))", r"\\\1", name)


def mlflow_filter(key: str) -> str:
    """Return what to type into the search field of MLflow's run table to see the run of a training."""
    return f'tags."bakeoff.training_key" = "{key}"'
