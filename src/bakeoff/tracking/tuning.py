"""Puts a search for a recipe into MLflow: a run with the best one, and below it a run per trial."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.records.tuning import FILE, TuningRecord
from bakeoff.tracking.params import TrackingParams
from bakeoff.tracking.records import finite, hash_of
from bakeoff.tracking.runs import log_final_metrics
from bakeoff.tracking.store import experiment_id, finished_run, open_client, survive_store

if TYPE_CHECKING:
    from mlflow.entities import Run

_KEY_TAG = "bakeoff.tuning_key"


def log_tuning(record: TuningRecord, folder: Path, params: TrackingParams) -> str | None:
    """Log tuning/<candidate>/ to `<experiment>-tuning`, once; a failing store costs one warning line.

    Returns:
        The id of the search's run, or None where the store did not take it.
    """
    with survive_store(f"the tuning of {record.candidate}"):
        from mlflow.entities import Param

        key = hash_of((folder / FILE).read_bytes())
        client, store = open_client()
        experiment = experiment_id(client, store, f"{params.experiment}-tuning")
        if run_id := finished_run(client, experiment, _KEY_TAG, key):
            return run_id
        now_ms = int(time.time() * 1000)
        tags = {_KEY_TAG: key, "bakeoff.candidate": record.candidate}
        parent = client.create_run(experiment, run_name=record.candidate, tags=tags)
        parts: list[tuple[Run, dict[str, Any], float | None]] = [(parent, record.values, record.best)]
        for trial in record.trials:
            nested = {"mlflow.parentRunId": parent.info.run_id, "bakeoff.state": trial.state}
            run = client.create_run(experiment, run_name=f"trial {trial.number}", tags=nested)
            parts.append((run, trial.values, trial.value))
        for run, values, value in reversed(parts):
            client.log_batch(run.info.run_id, params=[Param(path, str(one)) for path, one in values.items()])
            log_final_metrics(client, run, finite({f"validation_{record.measure}": value}), timestamp_ms=now_ms)
            if run is parent:
                client.log_artifacts(run.info.run_id, str(folder))
            client.set_terminated(run.info.run_id)
        return parent.info.run_id
    return None
