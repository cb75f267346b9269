"""What is graded and how: a submission built, its tests run in isolation, judged and kept."""
