"""What a checkpoint makes of images: features, neighbours, kNN accuracy and signs of collapse.

Import from the modules: `inspection` and `worker`, which the server uses, come without torch.
"""
