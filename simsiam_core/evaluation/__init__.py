"""How good is it? kNN report, linear classifier, fine-tuning, and one table of results.

Import from the modules: `results` and `published`, which the server uses, come without torch.
"""
