"""A class of submissions: taken in, graded in a sandbox, and told to instructors and gradebooks."""
