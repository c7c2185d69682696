"""The advice in a terminal: both paths as trees, the table of backbones, the command."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from bakeoff.advice.advise import Advice
from bakeoff.advice.trees import Leaf, Question, Step
from bakeoff.language.phrases import Words


def show_advice(advice: Advice, words: Words, *, console: Console | None = None) -> None:
    """Print facts, both trees, the backbones with licences and speeds, and the command to try them."""
    screen = console or Console()
    facts = advice.facts
    screen.print(_facts_line(advice, words), style="bold", highlight=False)
    for name in facts.assumed:
        screen.print(words(f"advice.assumed.{name}"), style="yellow", highlight=False)
    screen.print(_tree("family", advice.family_steps, advice.family, words))
    machine = _tree("machine", advice.machine_steps, advice.machine, words)
    machine.add(Text(_plan(advice.machine, words), style="bold"))
    screen.print(machine)
    screen.print(_table(advice, words))
    for note in _notes(advice, words):
        screen.print(note, style="dim", highlight=False)
    if advice.models:
        screen.print(words("advice.try"), style="bold")
        screen.print(f"  {advice.command}", soft_wrap=True, highlight=False, markup=False)
    screen.print(words("advice.demo"), style="dim", highlight=False)


def _facts_line(advice: Advice, words: Words) -> str:
    facts = advice.facts
    images = words(
        "advice.facts.images", n_images=facts.n_images, n_classes=facts.n_classes, per_class=facts.images_per_class
    )
    device = words(f"advice.facts.{facts.device}", **({"n_cores": facts.n_cores} if facts.device == "cpu" else {}))
    return words("advice.semicolon").join([images, device, words("advice.facts.hours", hours=facts.hours)])


def _tree(name: str, steps: Sequence[Step], end: Leaf, words: Words) -> Tree:
    root = Tree(Text(words(f"advice.tree.{name}"), style="bold cyan"))
    branch = root
    for step in steps:
        branch = branch.add(_question(step, words))
        other = step.question.no if step.answer else step.question.yes
        branch.add(Text(words("advice.otherwise", end=_end_or_question(other, words)), style="dim"))
    branch.add(Text(f"→ {words(f'advice.end.{end.name}')}", style="bold green"))
    return root


def _question(step: Step, words: Words) -> Text:
    answer = words("advice.yes" if step.answer else "advice.no")
    values = {"threshold": step.threshold, "value": step.value, "answer": answer}
    text = Text(words(f"advice.question.{step.question.name}", **values))
    reason = words(f"advice.reason.{step.question.name}")
    source = f" ({step.question.source})" if step.question.source else ""
    return text.append(f"\n{reason}{source}", style="dim")


def _end_or_question(node: Question | Leaf, words: Words) -> str:
    """Return the end of the branch not taken, or its ends where it goes on."""
    if isinstance(node, Leaf):
        return words(f"advice.end.{node.name}")
    return " | ".join(_end_or_question(one, words) for one in (node.yes, node.no))


def _plan(leaf: Leaf, words: Words) -> str:
    rates = zip(leaf.modes, leaf.learning_rates, strict=True)
    said = words.join(f"{words.number(rate, '.7f').rstrip('0')} ({mode})" for mode, rate in rates)
    return words("advice.plan", batch_size=leaf.batch_size, rates=said)


def _table(advice: Advice, words: Words) -> Table:
    table = Table(title=words("advice.table"), box=box.SIMPLE, title_justify="left")
    table.add_column(
        words("advice.column.model"), min_width=max((len(card.model) for card in advice.models), default=0)
    )
    for name in ("licence", "commercial"):
        table.add_column(words(f"advice.column.{name}"), overflow="fold")
    for name in ("top1", "speed", "extract", "finetune"):
        table.add_column(words(f"advice.column.{name}"), justify="right")
    verdicts = {True: "yes", False: "no", None: "unknown"}
    for card in advice.models:
        extract, finetune = advice.hours[card.model]
        top1 = "" if card.imagenet_top1 is None else words.percent(card.imagenet_top1)
        rate = words("advice.unknown")
        if card.images_per_s is not None:
            rate = words.number(card.images_per_s, ".1f") + (" *" if card.measured_here else "")
        commercial = words(f"advice.commercial.{verdicts[card.commercial_use]}")
        hours = ["" if value is None else words.number(value, ".2f") for value in (extract, finetune)]
        table.add_row(card.model, card.licence, commercial, top1, rate, *hours)
    return table


def _notes(advice: Advice, words: Words) -> list[str]:
    notes = []
    if any(card.measured_here for card in advice.models):
        notes.append(words("advice.speed.here"))
    if any(card.images_per_s is not None and not card.measured_here for card in advice.models):
        notes.append(words("advice.speed.table", n_cores=advice.facts.n_cores))
    if advice.models and all(card.images_per_s is None for card in advice.models):
        notes.append(words("advice.speed.none"))
    if advice.left_out:
        reasons = [words(f"advice.left_out.{why}", model=model) for model, why in advice.left_out]
        notes.append(words("advice.left_out", reasons=words("advice.semicolon").join(reasons)))
    return notes
