/* Attack: ends the process past the C library.
 * Verdict: rejected
 * Ungated: exited_early crashed
 */
static void attack(void)
{
    __asm__ volatile("syscall" : : "a"(231L), "D"(0L) : "rcx", "r11", "memory");
}
