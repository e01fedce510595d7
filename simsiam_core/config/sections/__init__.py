"""Sections of the schema: the groups of settings, in modules by topic."""
