"""Mirrors runs/ and reports/ into MLflow; the only room that imports mlflow, and only when it is used."""
