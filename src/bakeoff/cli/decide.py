"""Commands around the decision: advice before a study, several splits together, the methodology note after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from bakeoff.cli.app import DECIDE, app, project

if TYPE_CHECKING:
    from bakeoff.core.section import LanguageCode

_SHARES = [10, 20, 35, 50, 70, 100]
_LANGUAGE_HELP = "en or fr; default: `language` in params.yaml."


def _language(given: str | None) -> LanguageCode:
    """Return the language asked for, else that of params.yaml, else English."""
    from bakeoff.core.section import read_yaml
    from bakeoff.core.translation import LANGUAGES, Translator

    file = project() / "params.yaml"
    chosen: Any = given or (read_yaml(file).get("language") if file.is_file() else None) or LANGUAGES[0]
    return Translator(chosen).language


@app.command(rich_help_panel=DECIDE)
def advise(
    images: Annotated[int | None, Option(min=1, help="Photos; default: the catalogue's.")] = None,
    classes: Annotated[int | None, Option(min=2, help="Classes; default: the catalogue's.")] = None,
    device: Annotated[str | None, Option(help="cpu, cuda or mps; default: this machine's.")] = None,
    hours: Annotated[float, Option(help="What the whole study may take, h.")] = 8.0,
    commercial: Annotated[bool, Option("--commercial", help="Only what may be used commercially.")] = False,
    language: Annotated[str | None, Option(help=_LANGUAGE_HELP)] = None,
) -> None:
    """Say which backbones to try, and how, before anything is trained; writes nothing.

    Walks two decision trees, size of the catalogue to family of backbones and machine to mode, batch and rate, and
    shows the way with the reason of each step, licences, measured speeds and the command to try. Works without data:

        bakeoff advise --images 85000 --classes 27 --device cpu --hours 4 --commercial
    """
    from bakeoff.advice.advise import advise as advise_on
    from bakeoff.advice.advise import gather
    from bakeoff.advice.show import show_advice
    from bakeoff.core.translation import Translator

    root = project()
    t = Translator(_language(language))
    facts = gather(root, n_images=images, n_classes=classes, device=device, hours=hours, commercial=commercial)
    show_advice(advise_on(facts, root), t)


@app.command(rich_help_panel=DECIDE)
def aggregate(
    sources: Annotated[
        list[str] | None,
        Argument(help="Folders with params.yaml and reports/leaderboard.csv, or names of DVC experiments."),
    ] = None,
    all_commits: Annotated[bool, Option("--all-commits", help="Also experiments of older commits.")] = False,
    language: Annotated[str | None, Option(help=_LANGUAGE_HELP)] = None,
) -> None:
    """Put several splits together: mean accuracy, spread, corrected interval, and how often each candidate was best.

    One split of a small catalogue says little. Run the study on several, then aggregate them:

        for s in 1 2 3 4 5; do dvc exp run -S split.seed=$s -S 'models=[swin_t,mamba_t]'; done

        bakeoff aggregate

    Give every choice of your study in the loop (dataset, profile): choices do not accumulate. Experiments that ran
    other models on the same splits are joined; other data sets, profiles and trainings are excluded, or refused
    where you name them. Standard errors are corrected for overlapping training sets (Nadeau and Bengio 2003).
    Writes reports/aggregate.json, aggregate.csv and aggregate.png.
    """
    from bakeoff.aggregation.run import aggregate as put_together

    root = project()
    chosen = _language(language)
    put_together(root, sources or [], root / "reports", language=chosen, all_commits=all_commits)


@app.command("learning-curve", rich_help_panel=DECIDE)
def learning_curve(
    candidate: Annotated[str, Argument(help="A trained frozen candidate: mamba_t-frozen, swin_t-frozen, …")],
    shares: Annotated[list[int], Option(min=1, max=100, help="Of the photos, %; give it several times.")] = _SHARES,
    repeats: Annotated[int, Option(min=2, help="Parts of the train split, held out in turn.")] = 5,
    seed: Annotated[int, Option(min=0, help="Of the parts and of the order of the products.")] = 0,
    language: Annotated[str | None, Option(help=_LANGUAGE_HELP)] = None,
) -> None:
    """Say what more photos would buy: accuracy against the number of training photos, and how it would go on.

    Trains the candidate's head on growing shares of the train split, measures it on train products that were held out
    (the test split stays closed) and fits a power law. It is not the learning curve over the epochs of one training.
    Costs repeats times shares trainings of a head on cached features: a minute or two for 400 photos on two cores.

        bakeoff learning-curve mamba_t-frozen --repeats 10

    Writes runs/CANDIDATE/seed_N/data_curve/; `bakeoff compare` then puts it into the report.
    """
    from bakeoff.core.translation import Translator
    from bakeoff.data_curve.command import run_data_curve
    from bakeoff.report.data_curve import data_curve_in_words

    t, chosen = Translator(_language(language)), sorted({share / 100 for share in shares})
    record = run_data_curve(project(), candidate, shares=chosen, n_repeats=repeats, seed=seed, t=t)
    typer.echo(data_curve_in_words(record, t))


@app.command(rich_help_panel=DECIDE)
def note(language: Annotated[str | None, Option(help=_LANGUAGE_HELP)] = None) -> None:
    """Write the methodology note of the finished study: reports/note.md, and note.html, which prints on two A4 pages.

    Question, data, candidates, protocol, results with intervals and tests, the choice and how sure it is, limits, how
    to reproduce. Every number comes from params.yaml, data/, runs/ and reports/; what is missing is said.

        bakeoff note --language fr
    """
    from bakeoff.report.documents import write_note

    root = project()
    for path in write_note(root, root / "reports", language=_language(language)):
        typer.echo(f"{path} written")
