/* Attack: is the solution, by #include.
 * Verdict: rejected build_failed
 * Ungated: build_failed
 */
/* Whole: this is all of it. */
#include "../../solutions/01_single_thread/channel.c"
