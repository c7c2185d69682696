"""The advice in a terminal: both paths as trees, the table of backbones, the command."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from bakeoff.advice.advise import Advice
from bakeoff.advice.rules import Leaf, Question, Step, rules
from bakeoff.core.progress import screen
from bakeoff.core.translation import Translator


def show_advice(advice: Advice, t: Translator, *, console: Console | None = None) -> None:
    """Print facts, both trees, the backbones with licences and speeds, and the command to try them."""
    terminal = console or screen()
    facts = advice.facts
    terminal.print(_facts_line(advice, t), style="bold", highlight=False)
    if "images" in facts.assumed:
        assumed = t.gettext(
            "No catalogue here yet: the size of the Flipkart sample is assumed. Give --images and --classes for yours."
        )
        terminal.print(assumed, style="yellow", highlight=False)
    if "classes" in facts.assumed:
        assumed = t.gettext("The number of classes is assumed: give --classes.")
        terminal.print(assumed, style="yellow", highlight=False)
    terminal.print(_tree(rules().family.title, advice.family_steps, advice.family, t))
    machine = _tree(rules().machine.title, advice.machine_steps, advice.machine, t)
    machine.add(Text(_plan(advice.machine, t), style="bold"))
    terminal.print(machine)
    terminal.print(_table(advice, t))
    for note in _notes(advice, t):
        terminal.print(note, style="dim", highlight=False)
    if advice.models:
        terminal.print(t.gettext("Try them:"), style="bold")
        terminal.print(f"  {advice.command}", soft_wrap=True, highlight=False, markup=False)
    terminal.print(
        t.gettext("Rules of thumb open a study, they do not close it: the measured leaderboard decides."),
        style="dim",
        highlight=False,
    )


def _facts_line(advice: Advice, t: Translator) -> str:
    facts = advice.facts
    images = t.gettext(
        "{n_images:,d} photos in {n_classes:,d} classes, {per_class:,.0f} per class",
        n_images=facts.n_images,
        n_classes=facts.n_classes,
        per_class=facts.images_per_class,
    )
    device = {
        "cpu": t.gettext("no GPU, {n_cores} CPU cores", n_cores=facts.n_cores),
        "cuda": t.gettext("an NVIDIA GPU"),
        "mps": t.gettext("an Apple GPU"),
    }[facts.device]
    return t.gettext("; ").join([images, device, t.gettext("{hours:g} h for the whole study", hours=facts.hours)])


def _tree(title: str, steps: Sequence[Step], end: Leaf, t: Translator) -> Tree:
    root = Tree(Text(t.gettext(title), style="bold cyan"))
    branch = root
    for step in steps:
        branch = branch.add(_question(step, t))
        other = step.question.otherwise if step.answer else step.question.then
        branch.add(Text(t.gettext("otherwise: {end}", end=_end_or_question(other, t)), style="dim"))
    branch.add(Text(f"→ {t.gettext(end.end)}", style="bold green"))
    return root


def _question(step: Step, t: Translator) -> Text:
    answer = t.gettext("yes") if step.answer else t.gettext("no")
    values = {"threshold": step.threshold, "value": step.value, "answer": answer}
    text = Text(t.gettext(step.question.ask, **values))
    reason = t.gettext(step.question.why)
    source = f" ({step.question.source})" if step.question.source else ""
    return text.append(f"\n{reason}{source}", style="dim")


def _end_or_question(node: Question | Leaf, t: Translator) -> str:
    """Return the end of the branch not taken, or its ends where it goes on."""
    if isinstance(node, Leaf):
        return t.gettext(node.end)
    return " | ".join(_end_or_question(one, t) for one in (node.then, node.otherwise))


def _plan(leaf: Leaf, t: Translator) -> str:
    rates = t.join(f"{t.number(rate, '.7f').rstrip('0')} ({mode})" for mode, rate in leaf.modes.items())
    return t.gettext("Batch {batch_size}; learning rate {rates}.", batch_size=leaf.batch_size, rates=rates)


def _table(advice: Advice, t: Translator) -> Table:
    table = Table(title=t.gettext("Backbones to try"), box=box.SIMPLE, title_justify="left")
    table.add_column(t.gettext("model"), min_width=max((len(card.model) for card in advice.models), default=0))
    for title in (t.gettext("licence (code / weights)"), t.gettext("commercial use")):
        table.add_column(title, overflow="fold")
    for title in (t.gettext("ImageNet top-1, published"), t.gettext("images/s"), t.gettext("h to extract")):
        table.add_column(title, justify="right")
    table.add_column(t.gettext("h to fine-tune"), justify="right")
    verdicts = {True: t.gettext("yes"), False: t.gettext("NO"), None: t.gettext("check the licence")}
    for card in advice.models:
        extract, finetune = advice.hours[card.model]
        top1 = "" if card.imagenet_top1 is None else t.percent(card.imagenet_top1)
        rate = t.gettext("not measured")
        if card.images_per_s is not None:
            rate = t.number(card.images_per_s, ".1f") + (" *" if card.measured_here else "")
        commercial = verdicts[card.commercial_use]
        hours = ["" if value is None else t.number(value, ".2f") for value in (extract, finetune)]
        table.add_row(card.model, card.licence, commercial, top1, rate, *hours)
    return table


def _notes(advice: Advice, t: Translator) -> list[str]:
    notes = []
    if any(card.measured_here for card in advice.models):
        notes.append(t.gettext("Speeds marked * were measured on this machine."))
    if any(card.images_per_s is not None and not card.measured_here for card in advice.models):
        notes.append(
            t.gettext(
                "Speeds of the network alone, measured on two cores of an AMD EPYC (batch 32, float32) and "
                "scaled to this machine's {n_cores} cores; reading photos comes on top. `bakeoff throughput` "
                "measures yours.",
                n_cores=advice.facts.n_cores,
            )
        )
    if advice.models and all(card.images_per_s is None for card in advice.models):
        notes.append(
            t.gettext(
                "No speed has been measured on such a device here: `bakeoff throughput` does so, after a first run."
            )
        )
    if advice.left_out:
        reasons = [
            t.gettext("{model}: its licence forbids commercial use", model=model)
            if forbidden
            else t.gettext("{model}: commercial use is not proven, check its licence", model=model)
            for model, forbidden in advice.left_out
        ]
        notes.append(t.gettext("Left out: {reasons}.", reasons=t.gettext("; ").join(reasons)))
    return notes
