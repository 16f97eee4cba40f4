"""The steps of the story, one verb per module.

A step takes a request id and the workbench, looks into the ledger whether it was
done before, does its work so that doing it twice is harmless, and records what it
did. Nothing here knows Prefect, MLflow, HTTP or SQL.
"""
