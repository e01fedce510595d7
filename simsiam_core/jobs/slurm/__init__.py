"""SLURM: the batch script, its commands, and the states of its jobs in words."""
