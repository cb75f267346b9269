"""Words for what should not happen: an error of the system, or of the grader itself."""

from __future__ import annotations

import traceback
from pathlib import Path

from grader import files
from grader.exercises import BUILD, shown


def describe(error: Exception) -> str:
    """One sentence; the details go to a file for whoever mends it."""
    if isinstance(error, OSError):
        name = error.filename if error.filename is not None else "a file"
        return files.cannot_write(Path(str(name)), error).replace("can't be written", "can't be used")
    log = BUILD / "grader-error.txt"
    text = "".join(traceback.format_exception(error))
    try:
        files.write_atomically(log, text)
    except GraderErrorOrOSError:
        return f"The grader itself failed ({type(error).__name__}). Your code is not to blame."
    return (
        f"The grader itself failed ({type(error).__name__}); your code is not to blame. "
        f"Please report it, with {shown(log)}."
    )


GraderErrorOrOSError = (Exception,)
