"""`python3 -m grader`: what is behind every target of the Makefile."""

import sys


def run() -> int:
    try:
        from grader import streams

        streams.prepare()  # before a library that is loaded takes the number of one that is closed, as libffi does
        from grader.cli import main

        return main(sys.argv[1:])
    except EOFError:
        if sys.dont_write_bytecode:
            raise
        return _again()
    except KeyboardInterrupt:  # before there was anything to stop
        return 130


def _again() -> int:
    """A full disk leaves half of a compiled module, which Python then stumbles over for ever: once more without."""
    import os
    import shutil
    from pathlib import Path

    for folder in Path(__file__).parent.rglob("__pycache__"):
        shutil.rmtree(folder, ignore_errors=True)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.execv(sys.executable, sys.orig_argv)


sys.exit(run())
