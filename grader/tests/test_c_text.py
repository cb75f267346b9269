"""What is read out of a text in C."""

from __future__ import annotations

from grader import c_text

ODD = """/* answer(void) { in a comment } */
#include "channel.h"
#define BRACES "{{" /* of a string */
static const char *text = "/* no comment */ answer(void) {"; // answer() {

int helper(int (*ask)(void))
{
    if (answer()) {
        return '"' + ask();
    }
    return 0;
}

#if 1
struct answer_of *
answer(void)
{
    char open = '{'; /* } */
    return "}" ? 0 : 0;
}
#endif
"""


def test_a_definition_is_found_where_it_is() -> None:
    found = c_text.definition("answer", ODD)
    assert found is not None and found.line == 16
    assert found.text.startswith("struct answer_of *\nanswer(void)\n{\n") and found.text.endswith("0 : 0;\n}")
    assert c_text.definition("ask", ODD) is None and c_text.definition("answe", ODD) is None


def test_a_definition_that_does_not_end_is_one() -> None:
    found = c_text.definition("f", "int f(void)\n{\n    if (1) {\n    return 1;\n}\n")
    assert found is not None and found.text.endswith("}\n")
    assert c_text.definition("f", "int f(void);\nint g(void) { return f(); }\n") is None


def test_comments_are_no_code_and_texts_no_comments() -> None:
    bare = c_text.without_comments(ODD)
    assert [len(line) for line in bare.splitlines()] == [len(line) for line in ODD.splitlines()]
    assert "in a comment" not in bare and '"/* no comment */ answer(void) {"' in bare
    assert c_text.lines_of_code('int a; // one\n/* two\nthree */\n\nchar *b = "// four";\n') == 2


def test_what_a_header_declares() -> None:
    header = """/* int no(void); */
int one(void);
struct thing *two(int (*body)(void *), void *argument);
static inline int three(void) { return one(); }
typedef int (*four)(void);
void five(int a,
          int b); // void six(void);
"""
    assert c_text.declared_functions(header) == ["one", "two", "five"]
