"""The classic mistakes: what gcc and clang say of each is explained, and by the right sentence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from grader.grading import diagnostics

MISTAKES = {  # code: words of the explanation
    "void f(char *p) { memcpy(p, p + 1, 1); }": "#include <string.h> is missing",
    "void f(void) { printf(\"here\"); }": "#include <stdio.h> is missing",
    "struct s { bool b; };": "#include <stdbool.h> is missing",
    "int f(void) { return ETIMEDOUT; }": "#include <errno.h> is missing",
    "struct s { pthread_mutex_t lock; };": "#include <pthread.h> is missing",
    "#include <pthread.h>\nvoid f(pthread_mutex_t *m) { pthread_mutex_lok(m); }": "misspelt",
    "int f(void) { return cuont; }": "misspelt",
    "struct s; int f(struct s *p) { return p->n; }": "declared but not defined here",
    "int f(int); char *f(int a) { return 0; }": "compare it with its line in channel.h",
    "int f(int); static int f(int a) { return a; }": "without static",
    "void f(int **p, int *q) { p = q; }": "an & too many or too few",
    "void f(int *p) { int n; n = p; }": "A number stands where a pointer should",
    "struct s { int a; }; int f(struct s *p) { return p->b; }": "no field of this name",
    "struct s { int a; }; int f(struct s *p) { return p.a; }": "takes ->",
    "int g(int); int f(void) { return g(1, 2); }": "count its arguments",
    "int f(int a)\n{\n    a = 1\n    return a;\n}": "a missing ;",
    "int g(int a) { if (a) { return 1; } return 2;\nstatic int h(void) { return 1; }\nint f(void) { return h(); }": "}",
    "#include <strnig.h>": "no header of that name",
    "int f(void) { return “1”; }": "not C",
    "int f(int *p, int n) { if (p == 0) n = 1; if (n = 0) return 1; return 2; }": "== compares",
    "int f(int a) { if (a) return 1; }": "without a return",
    "int *f(void) { int a = 1; return &a; }": "gone when its function returns",
    "int f(void) { int b; return b; }": "before anything was written",
    "#include <string.h>\nvoid f(long *p) { memset(p, 0, sizeof(p)); }": "the size of the pointer",
    "int f(int a)\n{\n    if (a)\n        a = 1;\n        a = 2;\n    return a;\n}": "only the next statement",
    "int f(int a, unsigned b) { return a < b; }": "the largest number",
    "int f(int a) { if (a); return 1; }": "nothing belongs to it",
    "void log(const char *text) { (void)text; }": "a function of this name",
}  # fmt: skip


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("code", MISTAKES, ids=list(MISTAKES.values()))
def test_a_classic_mistake_is_explained(compiler: str, code: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    source = tmp_path / "channel.c"
    source.write_text(code)
    command = [compiler, "-std=gnu11", "-O1", "-Wall", "-Wextra", "-S", "-o", "/dev/null", str(source)]
    ended = subprocess.run(command, env=os.environ | {"LC_ALL": "C"}, capture_output=True)
    said = re.findall(r":\d+:\d+: (?:fatal )?(?:error|warning): (.*)", ended.stderr.decode())
    assert said, "the compiler finds nothing wrong"
    explained = [diagnostics.compiler_message(message, code) for message in said]
    assert any(MISTAKES[code] in sentence for sentence in explained), said
