/* json.h - text as JSON has it. */
#pragma once

#include <stdio.h>

/* Writes a string, in quotes. Bytes that are not ASCII are written as they are: every text here is the
 * kit's own, or from a source file that the grader has found to be UTF-8. */
void json_string(FILE *out, const char *text);
