"""The story, told to Prefect. Everything that it does is in `unlearn_core.steps`."""
