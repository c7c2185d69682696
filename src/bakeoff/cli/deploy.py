"""Commands that put a trained candidate to work: ONNX file, predictions, server, monitoring."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option
from typer.core import TyperCommand

from bakeoff.cli.app import DEPLOY, SEED_HELP, app, project


@app.command(rich_help_panel=DEPLOY)
def export(
    candidate: Annotated[str, Argument(help="A trained PyTorch candidate: mamba_t-frozen, swin_t-finetune, …")],
    output: Annotated[Path | None, Option("--output", "-o", help="Default: CANDIDATE.onnx in this folder.")] = None,
    seed: Annotated[int | None, Option(help=SEED_HELP)] = None,
) -> None:
    """Write a trained candidate as an ONNX file of standard operators, checked against PyTorch in ONNX Runtime.

    MambaVision too: its selective scan becomes an ONNX `Scan`. Labels, preprocessing and licence are in the metadata.

        bakeoff export mobilenetv2-finetune --output mobilenetv2.onnx
    """
    from bakeoff.deploy.export import export_candidate
    from bakeoff.deploy.prediction.candidates import find_candidate

    target = output or Path(f"{candidate}.onnx")
    folder = find_candidate(project(), candidate, seed=seed).folder
    difference = export_candidate(folder / "training", target)
    size = target.stat().st_size / 2**20
    typer.echo(f"{target} written, {size:.0f} MiB; ONNX Runtime differs by {difference:.1g} of the largest logit.")


@app.command(rich_help_panel=DEPLOY)
def features(
    candidate: Annotated[str, Argument(help="A trained frozen PyTorch candidate: swin_t-frozen, …")],
    out: Annotated[Path, Option("--export", help="The folder to write, new or empty.")],
    seed: Annotated[int | None, Option(help=SEED_HELP)] = None,
    force: Annotated[bool, Option("--force", help="Write into a folder that holds something.")] = False,
) -> None:
    """Write what a frozen backbone makes of every photo, for a classifier of your own: three NumPy files and metadata.

    `train_features_MODEL.npy`, `train_labels.npy` and `test_features_MODEL.npy` (of the products whose label the source
    keeps to itself, else of the test split), and `metadata.json` with the products' ids and splits, the classes and
    their weights. The features are the study's own; those that are not cached are computed.

        bakeoff features efficientnet_b0-frozen --export features/
        python -c "import numpy; print(numpy.load('features/train_features_efficientnet_b0.npy').shape)"
    """
    from bakeoff.deploy.features import export_features

    typer.echo(export_features(project(), candidate, out, seed=seed, force=force))


@app.command(rich_help_panel=DEPLOY)
def predict(  # noqa: PLR0913, PLR0917 - the options are the command line
    source: Annotated[
        Path | None,
        Argument(help="A photo, a folder of photos, or a table (.csv, .xlsx, .parquet) of photos, texts or both."),
    ] = None,
    text: Annotated[str | None, Option(help="A product's text, in place of a source.")] = None,
    candidate: Annotated[str | None, Option(help="Default: the one that the study chose.")] = None,
    seed: Annotated[int | None, Option(help=SEED_HELP)] = None,
    top_k: Annotated[int, Option(help="How many classes to give per product, the likeliest first.")] = 3,
    threshold: Annotated[
        float | None,
        Option(
            help="A photo whose best class is less probable is marked `review`, for a human. Default: the threshold "
            "that keeps the precision promised in evaluate.automation."
        ),
    ] = None,
    form: Annotated[
        str | None, Option("--format", help="table, json, parquet or csv; default: by the output's name, else table.")
    ] = None,
    output: Annotated[Path | None, Option("--output", "-o", help="The file to write; default: the screen.")] = None,
    force: Annotated[bool, Option("--force", help="Replace the output where it exists.")] = False,
    image_column: Annotated[str, Option(help="A table's column of paths, relative to the table.")] = "image",
    id_column: Annotated[
        str | None, Option(help="Its column of ids; default: product_id, id or sku, else the path.")
    ] = None,
    title_column: Annotated[str | None, Option(help="Its column of titles; default: title, where it is there.")] = None,
    description_column: Annotated[str | None, Option(help="Likewise, of descriptions.")] = None,
) -> None:
    """Classify new products: class, calibrated probability and the next likely classes of each.

    Photos are prepared and texts cleaned as the study's were, so a product of the study gets the study's own
    probabilities. A pair asks both its sides; of a product without a photo or a text the other side decides. A
    product that cannot be read becomes a row with its reason. The output file appears when it is complete; after an
    interruption the same command goes on where it stopped.

        bakeoff predict shoe.jpg
        bakeoff predict photos/ --output classes.parquet
        bakeoff predict new.csv --image-column file --format json | jq .
        bakeoff predict new.csv --title-column name --candidate tfidf_svm-original
        bakeoff predict --text "A wooden chair." --candidate minilm-original
    """
    from bakeoff.deploy.prediction.run import PredictOptions
    from bakeoff.deploy.prediction.run import predict as predict_products
    from bakeoff.deploy.prediction.sources import Columns

    columns = Columns(image=image_column, title=title_column, description=description_column, id=id_column)
    options = PredictOptions(
        candidate,
        seed,
        top_k=top_k,
        threshold=threshold,
        form=form,
        output=output,
        force=force,
        columns=columns,
        text=text,
    )
    predict_products(project(), source, options)


class _ListsMethods(TyperCommand):
    """A command whose help ends with the methods of explanation, each by what its module says of itself."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        from bakeoff.interpret.methods import METHODS

        told = {name: str(module.__doc__).splitlines()[0].partition(": ")[2] for name, module in METHODS.items()}
        lines = [f"- `{name}`: {sentence}" for name, sentence in told.items()]
        self.help = "\n".join([str(self.help), "", "Methods:", "", *lines])
        super().format_help(ctx, formatter)


@app.command(rich_help_panel=DEPLOY, cls=_ListsMethods)
def explain(  # noqa: PLR0913, PLR0917 - the options are the command line
    photos: Annotated[list[Path] | None, Argument(help="Photos, or folders of photos.")] = None,
    text: Annotated[str | None, Option(help="A product's text, in place of photos.")] = None,
    candidate: Annotated[
        str | None, Option(help="One, or several with commas; default: the one that the study chose.")
    ] = None,
    method: Annotated[
        str | None,
        Option(help="One, several with commas, or all (see below); default: `interpret.methods` in params.yaml."),
    ] = None,
    target: Annotated[str | None, Option(help="The class to explain; default: the predicted one.")] = None,
    seed: Annotated[int | None, Option(help=SEED_HELP)] = None,
    output: Annotated[Path, Option("--output", "-o", help="The folder to write.")] = Path("explanations"),
    force: Annotated[bool, Option("--force", help="Replace figures of the same photo and candidate.")] = False,
) -> None:
    """Show why a candidate gives a photo its class: maps of what speaks for it, and for the class that might have been.

    Of a text it prints the words that speak for the class and against it.

    Photos are prepared as the study's were, so the probabilities are those of `bakeoff predict`. Orange speaks for the
    class, blue against it. A method that a backbone cannot have is said, and the others are made.

        bakeoff explain shoe.jpg
        bakeoff explain shoe.jpg --candidate swin_t-frozen,mamba_t-finetune --method all
        bakeoff explain photos/ --target "Wrist Watches"
        bakeoff explain --text "A wooden chair." --candidate minilm-original

    Writes `explanations/<photo>/<candidate>.png`, the raw maps beside it (.npz), and of several candidates
    `comparison.png`. docs/interpretation.md says what each method tells and costs.
    """
    from bakeoff.core.errors import ParamsError
    from bakeoff.deploy.explanation.run import ExplainOptions, explain_photos
    from bakeoff.deploy.explanation.texts import explain_text

    options = ExplainOptions(candidate, method, target, seed=seed, output=output, force=force)
    if bool(photos) == (text is not None):
        raise ParamsError("give photos or folders of photos, or --text with a product's text.")
    if text is not None:
        explain_text(project(), text, options)
    else:
        explain_photos(project(), photos or [], options)


@app.command(rich_help_panel=DEPLOY)
def submission(
    candidate: Annotated[str, Argument(help="A trained candidate: mamba_t-frozen, swin_t-finetune, …")],
    output: Annotated[
        Path | None, Option("--output", "-o", help="Default: submission-CANDIDATE.csv in this folder.")
    ] = None,
    seed: Annotated[int | None, Option(help=SEED_HELP)] = None,
    force: Annotated[bool, Option("--force", help="Replace the output where it exists.")] = False,
) -> None:
    """Write the file that a challenge takes: a candidate's class for each product whose label is kept secret.

    These products are in data/catalogue/unlabelled.parquet. For Rakuten's challenge: its index and prdtypecode.

        bakeoff submission mamba_t-finetune --output y_test.csv
    """
    from bakeoff.deploy.prediction.run import write_submission

    target = output or Path(f"submission-{candidate}.csv")
    n_products = write_submission(project(), candidate, target, seed=seed, force=force)
    typer.echo(f"{target} written: the classes of {n_products:,d} products by {candidate}.")


@app.command(rich_help_panel=DEPLOY)
def serve(
    port: Annotated[int, Option(min=1, max=65535, help="Where to listen on 127.0.0.1.")] = 5001,
    candidate: Annotated[
        str | None, Option(help="A candidate of runs/ instead of the champion: mamba_t-frozen, …")
    ] = None,
) -> None:
    """Answer photos or texts over HTTP with the champion of the MLflow Model Registry, until Ctrl-C.

    A photo goes in as raw bytes or as base64 in MLflow's JSON, a text as title and description; label and calibrated
    probabilities come out. It listens on this machine alone and writes nothing. Start it, then ask from another
    terminal by the line that it prints:

        bakeoff serve --port 5001
        curl -H 'Content-Type: image/jpeg' --data-binary @photo.jpg 'http://127.0.0.1:5001/invocations?top_k=3'
    """
    from bakeoff.tracking.serve import serve_model

    serve_model(port, candidate)


@app.command(rich_help_panel=DEPLOY)
def monitor(  # noqa: PLR0913, PLR0917 - the options are the command line
    source: Annotated[
        Path,
        Argument(
            help="New products: a folder (a subfolder per class where known), or a table (.csv, .xlsx, .parquet)."
        ),
    ],
    candidate: Annotated[str | None, Option(help="Default: the one that the study chose.")] = None,
    seed: Annotated[int | None, Option(help=SEED_HELP)] = None,
    name: Annotated[str | None, Option(help="The report's name, such as 2026-12; default: today.")] = None,
    label_column: Annotated[
        str | None, Option(help="A table's column of classes; default: `label` where there is one.")
    ] = None,
    unlabelled: Annotated[bool, Option("--unlabelled", help="Ignore folders and columns of classes.")] = False,
    image_column: Annotated[str, Option(help="A table's column of paths, relative to the table.")] = "image",
    title_column: Annotated[str | None, Option(help="Its column of titles; default: title, where it is there.")] = None,
    description_column: Annotated[str | None, Option(help="Likewise, of descriptions.")] = None,
    force: Annotated[bool, Option("--force", help="Replace a report of the same name.")] = False,
) -> None:
    """Tell whether the deployed candidate still does what the study found, on new products.

    With labels: accuracy against the study's test accuracy, recall per class, confusion, calibration. Without: an
    estimate of the accuracy, marked as one. Always: drift of photos or texts, of the network's features and of
    its predictions. P-values are corrected together, so that of 100 sets of products like the study's about 5 are
    reported as different.

    Writes `monitoring/<name>/monitoring.json` and `monitor.png`, and a run in MLflow's `<experiment>-monitoring`.

        bakeoff monitor photos/december
        bakeoff monitor december.csv --label-column category --name 2026-12
    """
    from bakeoff.core.section import load_section
    from bakeoff.deploy.monitoring.run import MonitorOptions
    from bakeoff.deploy.monitoring.run import monitor as monitor_products
    from bakeoff.deploy.monitoring.verdict import print_monitoring
    from bakeoff.deploy.prediction.sources import Columns
    from bakeoff.tracking.experiments import log_monitoring
    from bakeoff.tracking.params import TrackingParams

    columns = Columns(image=image_column, title=title_column, description=description_column)
    options = MonitorOptions(
        candidate, seed, name=name, label_column=label_column, unlabelled=unlabelled, force=force, columns=columns
    )
    report, folder = monitor_products(project(), source, options)
    print_monitoring(report, folder)
    log_monitoring(folder, load_section(project() / "params.yaml", TrackingParams))
