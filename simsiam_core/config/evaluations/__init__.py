"""Settings specific to an evaluation: one module each, named after the evaluation, with a model ENTRY."""
