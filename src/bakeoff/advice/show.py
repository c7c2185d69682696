"""The advice in a terminal: both paths as trees, the table of backbones, the command."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from bakeoff.advice.advise import Advice
from bakeoff.advice.rules import Step, rules
from bakeoff.core.progress import screen
from bakeoff.core.translation import N_, Translator
from bakeoff.report.render import environment


def show_advice(advice: Advice, t: Translator, *, console: Console | None = None) -> None:
    """Print facts, both trees, the backbones with licences and speeds, and the command to try them."""
    terminal = console or screen()
    words: Any = environment(t.language, html=False).get_template("advice/advice.txt").module
    terminal.print(Text.from_markup(words.told(advice.facts), emoji=False), end="")
    terminal.print(_tree(t.gettext(rules().family.title), advice.family_steps, t.gettext(advice.family.end), words))
    machine = _tree(t.gettext(rules().machine.title), advice.machine_steps, t.gettext(advice.machine.end), words)
    rates = t.join(f"{t.number(rate, '.7f').rstrip('0')} ({mode})" for mode, rate in advice.machine.modes.items())
    plan = t.gettext("Batch {batch_size}; learning rate {rates}.", batch_size=advice.machine.batch_size, rates=rates)
    machine.add(Text(plan, style="bold"))
    terminal.print(machine)
    terminal.print(_table(advice, t))
    terminal.print(Text.from_markup(words.notes(advice), emoji=False), end="")
    if advice.models:
        terminal.print(f"  {advice.command}", soft_wrap=True, highlight=False, markup=False)
    closing = t.gettext("Rules of thumb open a study, they do not close it: the measured leaderboard decides.")
    terminal.print(closing, style="dim", highlight=False)


def _tree(title: str, steps: Sequence[Step], end: str, words: Any) -> Tree:
    root = branch = Tree(Text(title, style="bold cyan"))
    for step in steps:
        branch = branch.add(Text(words.asked(step)).append(f"\n{words.why(step)}", style="dim"))
        branch.add(Text(words.otherwise(step), style="dim"))
    branch.add(Text(f"→ {end}", style="bold green"))
    return root


def _table(advice: Advice, t: Translator) -> Table:
    table = Table(title=t.gettext("Backbones to try"), box=box.SIMPLE, title_justify="left")
    table.add_column(t.gettext("model"), min_width=max((len(card.model) for card in advice.models), default=0))
    for title in (N_("licence (code / weights)"), N_("commercial use")):
        table.add_column(t.gettext(title), overflow="fold")
    for title in (N_("ImageNet top-1, published"), N_("images/s"), N_("h to extract"), N_("h to fine-tune")):
        table.add_column(t.gettext(title), justify="right")
    verdicts = {True: t.gettext("yes"), False: t.gettext("NO"), None: t.gettext("check the licence")}
    for card in advice.models:
        top1 = "" if card.imagenet_top1 is None else t.percent(card.imagenet_top1)
        rate = t.gettext("not measured")
        if card.images_per_s is not None:
            rate = t.number(card.images_per_s, ".1f") + (" *" if card.measured_here else "")
        hours = ["" if value is None else t.number(value, ".2f") for value in card.hours]
        table.add_row(card.model, card.licence, verdicts[card.commercial_use], top1, rate, *hours)
    return table
