/* Attack: is the solution, by #include through the way the headers go.
 * Verdict: rejected build_failed
 * Ungated: build_failed
 */
/* Whole: this is all of it. */
#include "../01_single_thread/../../solutions/01_single_thread/channel.c"
