"""Feature extraction and its uses: feature banks, nearest neighbours, kNN accuracy, maps and data checks.

Import from the submodules: `inspection` and `worker`, which the server uses, do not import torch.
"""
