"""The kit proves itself: solutions, stubs, known-wrong and known-right channels."""
