/* Attack: is a megabyte of stars when expanded, and again, and again.
 * Verdict: build_failed rejected
 * Ungated: build_failed timeout environment
 */
/* Whole: this is all of it. */
#define A ****************
#define B A A A A A A A A A A A A A A A A
#define C B B B B B B B B B B B B B B B B
#define D C C C C C C C C C C C C C C C C
#define E D D D D D D D D D D D D D D D D
#define F E E E E E E E E E E E E E E E E
#define G F F F F F F F F F F F F F F F F
#define H G G G G G G G G G G G G G G G G
H
