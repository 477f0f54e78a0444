"""The lean trainer: finished builds in, a model that answers in RGB out."""
