"""Commands of the study: run it, look at it, repair its parts."""

from typing import Annotated

import typer
from typer import Argument, Option

from bakeoff.cli.app import STUDY, app, project


@app.command(rich_help_panel=STUDY)
def run(
    override: Annotated[
        list[str] | None, Argument(help="Choices as in `dvc exp run -S`: profile=full dataset=flipkart model=mamba_b")
    ] = None,
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask before a long run.")] = False,
) -> None:
    """Run the whole study that params.yaml names and print the answer; what is done already is not done again.

    One candidate's failure does not stop the others: the comparison then lists it as failed and the exit status is 1.
    """
    from bakeoff.study.run import run_study

    raise SystemExit(run_study(project(), overrides=override or [], yes=yes))


@app.command(rich_help_panel=STUDY)
def compare(partial: Annotated[bool, Option(help="Compare what exists; list the rest as failed.")] = False) -> None:
    """Write reports/ from runs/ and print the leaderboard and the choice."""
    from bakeoff.study.run import compare_now

    compare_now(project(), partial=partial)


@app.command(rich_help_panel=STUDY)
def show() -> None:
    """Print the leaderboard, the choice and where report, MLflow and heat maps are."""
    from bakeoff.report.console import print_summary

    print_summary(project() / "reports")


@app.command(rich_help_panel=STUDY)
def weights(
    retry: Annotated[
        bool,
        Option("--retry", help="Ask the sources again for random starts, and take up files of yours that changed."),
    ] = False,
) -> None:
    """Show where each backbone's weights come from, with licence.

    DVC does not notice when a file in `weights.folder`, `baseline.weights_file` or `baseline.class_names` is replaced:
    `--retry` (and `bakeoff run`) does, and runs the weights stage of those backbones again.
    """
    from bakeoff.core.errors import WeightsError
    from bakeoff.study.run import print_weights, retry_weights, untaken_user_files

    if retry:
        retry_weights(project())
    print_weights(project())
    if retry and (left := untaken_user_files(project())):
        raise WeightsError(f"not taken up (see above): {'; '.join(map(str, left))}.")


@app.command(rich_help_panel=STUDY)
def fetch() -> None:
    """Look whether the raw files changed and, if so, run the `fetch` stage again."""
    from bakeoff.study.run import fetch_if_changed

    changed = fetch_if_changed(project())
    typer.echo("raw files changed: listed again" if changed else "raw files are as listed")


@app.command(rich_help_panel=STUDY)
def sync() -> None:
    """Rebuild the MLflow store from runs/, reports/ and monitoring/, after `dvc pull` or when a server was away.

    Makes or fixes the runs, the comparison, the registered champion and the monitoring runs; doing it again changes
    nothing.
    """
    from bakeoff.core.section import load_section
    from bakeoff.tracking.params import TrackingParams
    from bakeoff.tracking.rebuild import sync as sync_store

    root = project()
    tracking = load_section(root / "params.yaml", TrackingParams)
    typer.echo(str(sync_store(root / "runs", root / "reports", tracking, monitoring_dir=root / "monitoring")))


@app.command(rich_help_panel=STUDY)
def ui(port: Annotated[int, Option(help="Port on 127.0.0.1.")] = 5000) -> None:
    """Start MLflow over the local store on 127.0.0.1, opening on the table of runs."""
    from bakeoff.tracking.ui import serve_ui

    serve_ui(port)
