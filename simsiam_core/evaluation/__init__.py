"""Evaluation of checkpoints: kNN report, linear classifier, fine-tuning, and one table of results.

Import from the modules: `results` and `published`, which the server uses, do not import torch.
"""
