/* Attack: returns past the test, to whoever called it, as if all had been checked.
 * Verdict: rejected
 * Ungated: fails
 */
static void attack(void)
{
    void **own = __builtin_frame_address(0), **api = own[0], **test = api[0];

    api[0] = test[0]; /* the frame of the function that the test called becomes the test's */
    api[1] = test[1];
}
