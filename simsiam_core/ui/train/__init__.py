"""Train: what shall I run?"""
