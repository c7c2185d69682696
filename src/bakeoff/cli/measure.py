"""Commands that measure speed: all candidates side by side, and the variants of one."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from bakeoff.cli.app import MEASURE, SEED_HELP, app, project


@app.command(rich_help_panel=MEASURE)
def throughput(
    rounds: Annotated[int, typer.Option(min=1, help="How often every candidate gets its turn.")] = 5,
    candidate: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads the annotation at run time
        typer.Option(help="Only this one (give it several times); default: every trained candidate of the study."),
    ] = None,
) -> None:
    """Measure all candidates again, taking turns in one session: the fair comparison, which `compare` then prefers.

    Each round gives every architecture throughput.budget_s seconds, so that a machine that slows down slows all alike;
    modes and seeds of one architecture share a measurement. Writes measurements/throughput.json (medians and ranges
    over the rounds) in place of the session before; Ctrl-C keeps that one. `dvc repro` then compares again; commit the
    file to keep it.

    Examples: `bakeoff throughput`, `bakeoff throughput --rounds 3 --candidate swin_t-frozen --candidate baseline_tf`
    """
    from bakeoff.speed.command import run_session

    raise SystemExit(run_session(project(), n_rounds=rounds, candidates=candidate))


@app.command(rich_help_panel=MEASURE)
def variants(
    candidate: Annotated[str, typer.Argument(help="A trained PyTorch candidate: swin_t-frozen, mamba_t-finetune, …")],
    variant: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="contiguous, packed, compile, bf16, onnxruntime or int8_dynamic; default: all of them."),
    ] = None,
    seed: Annotated[Optional[int], typer.Option(help=SEED_HELP)] = None,  # noqa: UP045
) -> None:
    """Try other ways of running one candidate: how much faster each is, and what accuracy it costs on the test split.

    Each takes turns with the plain network (channels last, float32, eager) in one process. One that does not work here
    is a row with its problem. Writes measurements/variants.json; other candidates' rows stay.

    Examples: `bakeoff variants mobilenetv2-finetune`, `bakeoff variants swin_t-frozen --variant onnxruntime`
    """
    from bakeoff.decision.deployed import seed_or_deployed
    from bakeoff.speed.variants.command import run_variants

    found = seed_or_deployed(project() / "runs", candidate, seed)
    run_variants(project(), candidate, seed=found, names=variant)
