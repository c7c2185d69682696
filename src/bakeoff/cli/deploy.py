"""Commands that take a trained candidate, or a file, elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from bakeoff.cli.app import DEPLOY, app, project


@app.command(rich_help_panel=DEPLOY)
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
    difference = export_candidate(trained_folder(project() / "runs", candidate, seed), target)
    size = target.stat().st_size / 2**20
    typer.echo(f"{target} written, {size:.0f} MiB; ONNX Runtime differs by {difference:.1g} of the largest logit.")


@app.command(rich_help_panel=DEPLOY)
def convert(
    source: Annotated[Path, typer.Argument(help="A pickled DataFrame. Unpickling runs code: only files you trust.")],
    target: Annotated[Path, typer.Argument(help="The Parquet file to write.")],
) -> None:
    """Turn a pickled DataFrame into a Parquet file, which holds no code."""
    from bakeoff.catalogue.convert import convert_pickle

    convert_pickle(source, target, allow_pickle=True)  # calling the command is the consent
    typer.echo(f"{target} written")
