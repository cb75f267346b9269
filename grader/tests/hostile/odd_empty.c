/* Attack: none: the file is empty.
 * Verdict: build_failed
 * Ungated: build_failed
 */
/* Whole: this is all of it. */
