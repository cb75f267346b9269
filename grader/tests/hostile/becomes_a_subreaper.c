/* Attack: hides what it is from the process that watches it, and takes its children over.
 * Verdict: rejected
 * Ungated: fails
 */
#include <sys/prctl.h>

static void attack(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_PDEATHSIG, 0);
    prctl(PR_SET_NAME, "init");
}
