"""Settings of executors that have any: one module each, named after the executor."""
