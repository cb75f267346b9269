"""Mutants: known-right channels with one small change each, to see what the suites miss."""
