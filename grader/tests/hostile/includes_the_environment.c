/* Attack: has the environment of the compiler in it, by #include.
 * Verdict: rejected build_failed
 * Ungated: build_failed
 */
/* Whole: this is all of it. */
#include "/proc/self/environ"
