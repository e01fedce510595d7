"""The sections of the schema: the groups of hyperparameters, in files by what they are about."""
