/* Attack: none: the file is C++.
 * Verdict: build_failed
 * Ungated: build_failed
 */
/* Whole: this is all of it. */
#include <queue>
template <typename T> class Channel { std::queue<T> messages; };
