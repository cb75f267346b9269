/* Attack: is the solution, by #include.
 * Verdict: rejected build_failed
 * Ungated: build_failed
 */
/* Whole: this is all of it. */
#include "../../solutions/02_blocking/channel.c"
