/* Attack: never ends being compiled: it includes /dev/zero.
 * Verdict: rejected build_failed
 * Ungated: build_failed environment
 */
/* Whole: this is all of it. */
#include "/dev/zero"
