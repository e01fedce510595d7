"""Families of backbones: one module each, found by its name, with a `Family` in a constant named ENTRY.

Modules other than `resnet` import their library only inside functions.
"""
