"""The kit checks itself: solutions, stubs, known-wrong and known-right channels."""
