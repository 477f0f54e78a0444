"""Training: finished builds in, a model that answers in RGB out.

`loop` is a whole run from top to bottom; `config` is its YAML file; `adapters` are released models.
"""
