"""`python3 -m grader`: what is behind every target of the Makefile."""

import sys

from grader.cli import main

sys.exit(main(sys.argv[1:]))
