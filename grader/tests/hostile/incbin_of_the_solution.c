/* Attack: has the solution's text in it, by .incbin.
 * Verdict: rejected build_failed
 * Ungated: fails build_failed
 */
__asm__(".section .rodata\n.global stolen\nstolen: .incbin \"solutions/01_single_thread/channel.c\"\n.previous");
extern const char stolen[];

static void attack(void)
{
    __builtin_puts(stolen);
}
