/* Mistake: it wakes one of those who wait, and not the others.
 * Verdict: deadlock
 * Test: opening_lets_everybody_through
 */
