/* Attack: none: the file is no C.
 * Verdict: build_failed
 * Ungated: build_failed
 */
/* Whole: this is all of it. */
Dear professor, my dog ate my channel.
