/* Attack: is right where the preprocessor says that a sanitizer watches, and does nothing elsewhere.
 * Verdict: fails
 * Ungated: fails
 */
/* Whole: */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
/* The solution. */
#else
static void attack(void)
{
}
/* The body. */
#endif
