"""Commands around the study: settings, environments, caches, tables that hold code."""

from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.app import HOUSE, app, project


@app.command(rich_help_panel=HOUSE)
def params(
    override: Annotated[list[str] | None, typer.Argument(help="Choices: profile=full dataset=flipkart")] = None,
    check: Annotated[
        bool, typer.Option(help="Write nothing; exit 1 when params.yaml is not a composition of conf/.")
    ] = False,
) -> None:
    """Compose params.yaml from conf/ (edit conf/, not params.yaml), or `--check` that it is composed."""
    from bakeoff.core.errors import ParamsError
    from bakeoff.study.composition import differences
    from bakeoff.study.params import load_params, write_params

    if not check:
        write_params(project(), override or [])
        typer.echo("params.yaml composed from conf/")
        return
    load_params(project() / "params.yaml")
    if found := differences(project()):
        raise ParamsError(
            f"params.yaml is not a composition of conf/: {', '.join(found)} differ; run `bakeoff params`."
        )


@app.command(rich_help_panel=HOUSE)
def doctor() -> None:
    """Check environments, device, hub, disk, git, DVC, your weights files; exit 1 where something must be fixed."""
    from bakeoff.study.doctor import examine, print_findings

    raise SystemExit(print_findings(examine(project())))


@app.command(rich_help_panel=HOUSE)
def convert(
    source: Annotated[Path, typer.Argument(help="A pickled DataFrame. Unpickling runs code: only files you trust.")],
    target: Annotated[Path, typer.Argument(help="The Parquet file to write.")],
) -> None:
    """Turn a pickled DataFrame into a Parquet file, which holds no code.

    `dataset.table` takes CSV and Parquet files, and a pickled one only with `dataset.allow_pickle`, because unpickling
    runs code. Example:

        bakeoff convert products.pkl products.parquet
    """
    from bakeoff.catalogue.table_file import convert_pickle

    convert_pickle(source, target, allow_pickle=True)  # calling the command is the consent
    typer.echo(f"{target} written")


@app.command(rich_help_panel=HOUSE)
def clean() -> None:
    """Delete .bakeoff/, the caches; runs/, reports/, weights/ and the MLflow store stay.

    It holds checkpoints of interrupted trainings, photos that an interrupted `prepare` packed, features
    of frozen backbones, scores of `predict` and `monitor`, and TensorBoard files. What needs them computes
    them again, which takes time (TensorBoard files: `bakeoff sync`). Run it while nothing else of bakeoff runs.
    """
    import shutil

    from bakeoff.core.paths import main_checkout

    folder = main_checkout() / ".bakeoff"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if folder.is_dir():
        shutil.rmtree(folder)
    typer.echo(f"{size / 2**20:.0f} MiB freed")
