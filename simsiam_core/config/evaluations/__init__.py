"""The settings of those evaluations that have any: one module each, named as its evaluation, with a model ENTRY."""
