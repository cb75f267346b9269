/* Attack: takes all memory there is from the kernel.
 * Verdict: fails
 * Ungated: fails
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

static void attack(void)
{
    for (;;) {
        void *block = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block != MAP_FAILED)
            memset(block, 1, 64 << 20);
    }
}
