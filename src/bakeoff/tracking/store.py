"""Where the MLflow store is, made once and first: two processes that create an sqlite store at once crash."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import textwrap
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from filelock import FileLock

from bakeoff.core.failures import Attempt, clean, surviving
from bakeoff.core.paths import main_checkout, state_dir

if TYPE_CHECKING:
    from mlflow import MlflowClient

_CREATION_LOCK_S = 120
_SQLITE = "sqlite:///"
_ENVIRONMENT = {
    # A server that went away must cost a training seconds, not MLflow's default of 7 retries with growing pauses.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # The stage's folder is no uv project: never derive a model's requirements from one.
    "MLFLOW_UV_AUTO_DETECT": "false",
}
_CHATTY = {
    "alembic": logging.WARNING,
    "mlflow.pyfunc": logging.WARNING,
    "mlflow.store.db.utils": logging.CRITICAL,
    "mlflow.store.model_registry.abstract_store": logging.WARNING,
    "mlflow.system_metrics": logging.CRITICAL,
    "mlflow.utils.autologging_utils": logging.CRITICAL,
    "mlflow.utils.databricks_utils": logging.CRITICAL,
    "urllib3.connectionpool": logging.ERROR,
}
_DRIVERS = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
_IN_WORDS = {
    "maintenance mode": "MLflow 3 writes no plain folder: name a database, sqlite:////full/path/mlflow.db, or a server",
    "Databricks credential": "Databricks' credentials are missing: set DATABRICKS_HOST and DATABRICKS_TOKEN",
    **dict.fromkeys(("NewConnectionError", "ConnectTimeout"), "its server does not answer"),
}


@dataclass(frozen=True)
class Store:
    """A tracking store: its URI, and the URI under which its artifacts lie (None where the server decides)."""

    uri: str
    artifacts: str | None

    @property
    def shown(self) -> str:
        """The URI without user and password."""
        return clean(self.uri)


def resolve_store() -> Store:
    """Return the store to use: MLFLOW_TRACKING_URI if set, else sqlite under the main checkout's mlruns/.

    A sqlite store has its artifacts beside it: MLflow's own default is ./mlruns of whatever folder a stage runs in.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}{main_checkout().as_posix()}/mlruns/mlflow.db"
    if not uri.startswith(_SQLITE):
        return Store(uri, None)
    return Store(uri, (Path(uri.removeprefix(_SQLITE)).absolute().parent / "artifacts").as_uri())


def ensure_store() -> Store:
    """Return the store of `resolve_store`, a local one created under a lock if it is not there yet."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name, level in _CHATTY.items():
        logging.getLogger(name).setLevel(level)
    store = resolve_store()
    if store.artifacts is None or _is_complete(store):
        return store
    database = _database(store)
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{database}.lock", timeout=_CREATION_LOCK_S):
        if not _is_complete(store):
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            SqlAlchemyStore(store.uri, store.artifacts).engine.dispose()
    return store


def _is_complete(store: Store) -> bool:
    """Return whether the database's migrations ran to their end (alembic writes its version last)."""
    database = _database(store)
    if not database.is_file():
        return False
    with contextlib.closing(sqlite3.connect(database, timeout=_CREATION_LOCK_S)) as connection:
        tables = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
        needed = ("alembic_version", "experiments")
        return tables.issuperset(needed) and all(
            connection.execute(f"select count(*) from {name}").fetchone()[0] for name in needed
        )


def _database(store: Store) -> Path:
    return Path(store.uri.removeprefix(_SQLITE))


@cache
def _client(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    if not uri.startswith(("http", _SQLITE)):
        from mlflow.store.db import utils

        utils.MAX_RETRY_COUNT = 1  # its ten tries at a database that is away take 200 s
    return MlflowClient(tracking_uri=uri)


def open_client() -> tuple[MlflowClient, Store]:
    """Return a client of the store, created where needed, one per process and URI.

    A ConnectionError where the database's Python driver is not installed.
    """
    store = ensure_store()
    try:
        return _client(store.uri), store
    except ModuleNotFoundError as error:
        package = _DRIVERS.get(str(error.name), error.name)
        raise ConnectionError(f"its driver is missing: `pip install '{package}'` into this environment") from None


def experiment_id(client: MlflowClient, store: Store, name: str) -> str:
    """Return the experiment's id; it is made, or restored from MLflow's trash, where that is needed."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        location = None if store.artifacts is None else f"{store.artifacts}/{quote(name)}"
        try:
            return client.create_experiment(name, artifact_location=location)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)  # another process was faster
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found.experiment_id


def store_errors() -> tuple[type[Exception], ...]:
    """Return what a store that is gone, locked or full raises."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    return (MlflowException, RequestException, SQLAlchemyError, sqlite3.Error, TimeoutError, OSError)


def is_store_error(error: Exception | None) -> bool:
    """Return whether an error says that the store itself is gone, locked or full."""
    try:
        return isinstance(error, store_errors())
    except ImportError:  # MLflow itself is broken
        return False


def in_words(error: Exception) -> str:
    """Return why a store failed, with what to do about it where that is known."""
    text = clean(" ".join(str(error).split())) or type(error).__name__
    known = next((words for sign, words in _IN_WORDS.items() if sign in text), None)
    _, caused, cause = text.rpartition("(Caused by ")
    return known or textwrap.shorten(cause.removesuffix(")") if caused else text, 200, placeholder=" …")


def survive_store(
    what: str, place: str = "", *, unless: tuple[type[Exception], ...] = ()
) -> AbstractContextManager[Attempt]:
    """Turn what fails in showing results into one warning line: the files are the record, and a stage goes on.

    `what` was being logged, for the warning. The error is kept in the folder `place` below .bakeoff/failures/, a
    training's key for its run; not a DVC output, because `sync` mends it later. Errors that are `unless` pass through.
    """

    def tell(error: Exception) -> str | None:
        if not is_store_error(error):
            return None
        return (
            f"warning: the MLflow store {resolve_store().shown} did not take {what} ({in_words(error)}); "
            "the files under runs/, reports/ and monitoring/ are the record, `bakeoff sync` repairs the store."
        )

    return surviving(f"the MLflow entry of {what}", state_dir("failures") / place, tell=tell, unless=unless)
