"""Commands that measure speed: all networks taking turns, and the variants of one candidate."""

import sys
from typing import Annotated

from typer import Argument, Option

from bakeoff.cli.app import MEASURE, SEED_HELP, app, project


@app.command(rich_help_panel=MEASURE)
def throughput(
    rounds: Annotated[int | None, Option(min=1, help="Turns per network; default: throughput.rounds.")] = None,
    budget: Annotated[
        float | None, Option(min=0.1, help="Seconds per network, all turns together; default: throughput.budget_s.")
    ] = None,
    candidate: Annotated[
        list[str] | None,
        Option(help="Only this one's network (give it several times); default: every network of the study."),
    ] = None,
) -> None:
    """Measure the speed of all networks again, taking turns in one session, as the stage `throughput` does.

    Speed has no weights, no mode and no seed: one record per network, in measurements/throughput.json. More seconds
    mean more calls: the 99th percentile of the latency is known from 100 calls on. Stop everything else meanwhile.
    `bakeoff compare` then compares anew.

    Examples: `bakeoff throughput`, `bakeoff throughput --budget 60`, `bakeoff throughput --candidate swin_t-frozen`
    """
    from bakeoff.speed.command import measure_study
    from bakeoff.study.run import dvc

    root = project()
    # What the other networks' figures are worth is asked before one network makes the file look new.
    others_are_current = not candidate or dvc(root, "status", "--quiet", "throughput") == 0
    file = root / "measurements" / "throughput.json"
    record = measure_study(root, file, candidates=candidate or (), rounds=rounds, budget_s=budget)
    if not others_are_current:
        sys.stderr.write(
            "bakeoff: the others were measured with other code or params; `dvc repro` measures all again.\n"
        )
        raise SystemExit(1 if record.failed else 0)
    status = dvc(root, "commit", "--quiet", "--force", "throughput")  # else `dvc repro` would measure once more
    raise SystemExit(1 if record.failed else status)


@app.command(rich_help_panel=MEASURE)
def tune(
    candidate: Annotated[str, Argument(help="A candidate of the study: swin_t-frozen, mamba_t-finetune, …")],
    trials: Annotated[int | None, Option(min=1, help="Recipes to try in all; default: tune.trials.")] = None,
    space: Annotated[str | None, Option(help="A file of conf/tuning/; default: tune.space.")] = None,
    seed: Annotated[int, Option(help=SEED_HELP)] = 0,
) -> None:
    """Search for a better recipe of one candidate: rates, losses, batch sizes, heads, whatever conf/tuning/ lists.

    Recipes are judged by validation alone; the test split is never opened. A search that is interrupted goes on with
    the same command, and several terminals with the same command share one. Writes tuning/<candidate>/: every trial, a
    figure, and the best recipe as a file for conf/model/. The trials are nested runs in MLflow.

    Examples: `bakeoff tune tf_efficientnet_lite0-frozen`, `bakeoff tune swin_t-finetune --space finetune --trials 20`
    """
    from bakeoff.core.machine import ComputeParams, ScanParams
    from bakeoff.core.section import load_section
    from bakeoff.study.composition import compose
    from bakeoff.tracking.experiments import log_tuning
    from bakeoff.tracking.params import TrackingParams
    from bakeoff.tuning.command import tune_candidate
    from bakeoff.tuning.params import TuneParams

    root, file = project(), project() / "params.yaml"
    params = load_section(file, TuneParams)
    if space:
        chosen = compose(root, [f"tuning={space}"])["tune"]["space"]
        params = TuneParams.model_validate(params.model_dump() | {"space": chosen})
    params = params.model_copy(update={"trials": trials or params.trials})
    compute, scan = load_section(file, ComputeParams), load_section(file, ScanParams)
    record = tune_candidate(root, candidate, params, compute=compute, scan=scan, seed=seed)
    log_tuning(record, root / "tuning" / candidate, load_section(file, TrackingParams))


@app.command(rich_help_panel=MEASURE)
def variants(
    candidate: Annotated[str, Argument(help="A trained PyTorch candidate: swin_t-frozen, mamba_t-finetune, …")],
    variant: Annotated[
        list[str] | None,
        Option(help="contiguous, packed, compile, bf16, onnxruntime or int8_dynamic; default: all of them."),
    ] = None,
    seed: Annotated[int | None, Option(help=SEED_HELP)] = None,
) -> None:
    """Try other ways of running one candidate: how much faster each is, and what accuracy it costs on the test split.

    Each takes turns with the plain network (channels last, float32, eager) in one process. One that does not work here
    is a row with its problem. Writes measurements/variants.json; other candidates' rows stay.

    Examples: `bakeoff variants mobilenetv2-finetune`, `bakeoff variants swin_t-frozen --variant onnxruntime`
    """
    from bakeoff.deploy.variants.command import run_variants

    run_variants(project(), candidate, seed=seed, names=variant)
