/* Attack: includes itself without end.
 * Verdict: build_failed rejected
 * Ungated: build_failed
 */
/* Whole: this is all of it. */
#include __FILE__
