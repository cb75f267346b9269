"""The grader: builds submissions, runs the suites on them, and says what came of it."""
