"""The command line `bakeoff`: everything around `dvc repro` that a person does by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from bakeoff.errors import exit_cleanly

app = typer.Typer(
    help="Which image backbone should you deploy on your product photos? `bakeoff run` answers it with a DVC study.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback()
def _options(debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False) -> None:
    """Take the flags that stand before the command; `main` looks for --debug itself, before anything can fail."""


def _root() -> Path:
    from bakeoff.paths import project_root

    return project_root()


@app.command()
def run(
    override: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads the annotation at run time
        typer.Argument(help="Choices as in `dvc exp run -S`: profile=full dataset=flipkart model=mamba_b"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a long run.")] = False,
) -> None:
    """Run the whole study that params.yaml names and print the answer; what is done already is not done again.

    One candidate's failure does not stop the others: the comparison then lists it as failed and the exit status is 1.
    """
    from bakeoff.study import run_study

    raise SystemExit(run_study(_root(), overrides=override or [], yes=yes))


@app.command()
def params(
    override: Annotated[Optional[list[str]], typer.Argument(help="Choices: profile=full dataset=flipkart")] = None,  # noqa: UP045
    check: Annotated[
        bool, typer.Option(help="Write nothing; exit 1 when params.yaml is no composition of conf/.")
    ] = False,
) -> None:
    """Compose params.yaml from conf/ (edit conf/, not params.yaml), or `--check` that it is composed."""
    from bakeoff.composition import differences, write_params
    from bakeoff.errors import ParamsError
    from bakeoff.params import load_params

    if not check:
        write_params(_root(), override or [])
        typer.echo("params.yaml composed from conf/")
        return
    load_params(_root() / "params.yaml")
    found = differences(_root())
    if found:
        raise ParamsError(f"params.yaml is no composition of conf/: {', '.join(found)} differ; run `bakeoff params`.")


@app.command()
def doctor() -> None:
    """Check environments, device, hub, disk, git, DVC, your weights files; exit 1 where something must be fixed."""
    from bakeoff.doctor import examine, print_findings

    raise SystemExit(print_findings(examine(_root())))


@app.command()
def fetch() -> None:
    """Look whether the raw files changed and, if so, run the `fetch` stage again."""
    from bakeoff.study import fetch_if_changed

    changed = fetch_if_changed(_root())
    typer.echo("raw files changed: listed anew" if changed else "raw files are as listed")


@app.command()
def weights(
    retry: Annotated[
        bool,
        typer.Option(
            "--retry", help="Ask the sources again for random starts, and take up files of yours that changed."
        ),
    ] = False,
) -> None:
    """Show where each backbone's weights come from, with licence.

    DVC does not notice when a file in `weights.folder`, `baseline.weights_file` or `baseline.class_names` is replaced:
    `--retry` (and `bakeoff run`) does, and runs the weights stage of those backbones again.
    """
    from bakeoff.errors import WeightsError
    from bakeoff.study import print_weights, retry_weights, untaken_user_files

    if retry:
        retry_weights(_root())
    print_weights(_root())
    left = untaken_user_files(_root()) if retry else []
    if left:
        raise WeightsError(f"not taken up (see above): {'; '.join(map(str, left))}.")


@app.command()
def compare(
    partial: Annotated[bool, typer.Option(help="Compare what exists; list the rest as failed.")] = False,
) -> None:
    """Write reports/ from runs/ and print the leaderboard and the choice."""
    from bakeoff.study import compare_now

    compare_now(_root(), partial=partial)


@app.command()
def sync() -> None:
    """Rebuild the MLflow store from runs/ and reports/ alone, after `dvc pull` or when a server was away."""
    from bakeoff.params import TrackingParams, load_section
    from bakeoff.tracking import sync as sync_store

    root = _root()
    report = sync_store(root / "runs", root / "reports", load_section(root / "params.yaml", TrackingParams))
    typer.echo(str(report))


@app.command()
def show() -> None:
    """Print the leaderboard, the choice and where report, MLflow and heat maps are."""
    from bakeoff.decision.console import print_summary

    print_summary(_root() / "reports")


@app.command()
def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000) -> None:
    """Start MLflow over the local store on 127.0.0.1, opening on the table of runs."""
    from bakeoff.tracking.ui import serve_ui

    serve_ui(port)


@app.command()
def export(
    candidate: Annotated[str, typer.Argument(help="A trained PyTorch candidate: mamba_t-frozen, swin_t-finetune, …")],
    output: Annotated[Optional[Path], typer.Option("--output", "-o", help="Default: in this folder.")] = None,  # noqa: UP045
    seed: Annotated[int, typer.Option(help="Which training seed.")] = 0,
) -> None:
    """Write a trained candidate as an ONNX file of standard operators, checked against PyTorch in ONNX Runtime.

    MambaVision too: its selective scan becomes an ONNX `Scan`. Labels, preprocessing and licence are in the metadata.
    """
    from bakeoff.training.export import export_candidate, trained_folder

    target = output or Path(f"{candidate}.onnx")
    difference = export_candidate(trained_folder(_root() / "runs", candidate, seed), target)
    size = target.stat().st_size / 2**20
    typer.echo(f"{target} written, {size:.0f} MiB; ONNX Runtime differs by {difference:.1g} of the largest logit.")


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="A pickled DataFrame. Unpickling runs code: only files you trust.")],
    target: Annotated[Path, typer.Argument(help="The Parquet file to write.")],
) -> None:
    """Turn a pickled DataFrame into a Parquet file, which holds no code."""
    from bakeoff.catalogue.convert import convert_pickle

    convert_pickle(source, target, allow_pickle=True)  # calling the command is the consent
    typer.echo(f"{target} written")


@app.command()
def clean() -> None:
    """Delete .bakeoff/: resume checkpoints and cached features; nothing that cannot be computed again."""
    import shutil

    from bakeoff.paths import main_checkout

    folder = main_checkout() / ".bakeoff"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(folder, ignore_errors=True)
    typer.echo(f"{size / 2**20:.0f} MiB freed")


def main() -> None:
    """Run the command line; a product error is one sentence and exit status 1."""
    import sys

    with exit_cleanly(debug="--debug" in sys.argv):
        app()


if __name__ == "__main__":
    main()
