"""Registry of executors: one module each, found by its name, with an `Executor` in a constant ENTRY."""
