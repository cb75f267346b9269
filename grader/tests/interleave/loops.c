/* loops.c - loops in which nothing is called: as in right.c and wrong.c, but without the watchdog (Makefile), so that
 * what ends them is a count. */
#include "suite.h"

static unsigned seed = 1;
static bool plain_flag;

/* The generator goes through all numbers but 0. How often until it comes to last? */
static __attribute__((noinline)) unsigned turns_until(unsigned last, unsigned most)
{
    unsigned number = seed, turns = 0;

    for (; number != last && turns != most; turns++) {
        number ^= number << 13;
        number ^= number >> 17;
        number ^= number << 5;
    }
    return turns;
}

/* Of a condition that is no constant a compiler may take it that the loop ends. */
static __attribute__((noinline)) unsigned turns_for_ever(void)
{
    unsigned number = seed;

    for (;;) {
        number ^= number << 13;
        number ^= number >> 17;
        number ^= number << 5;
        if (!number)
            return number;
    }
}

static void *turn_for_ever(void *unused)
{
    seed += turns_for_ever();
    return unused;
}

TEST(no_progress__a_loop_on_a_register, .hint = "in a loop in which it calls nothing")
{
    turn_for_ever(NULL);
}

TEST(no_progress__a_loop_on_a_register_beside_another,
     .hint = "turn_for_ever runs in a loop in which it calls nothing")
{
    join(spawn(turn_for_ever, NULL));
}

/* The compiler reads it once. */
static void *wait_for_flag(void *unused)
{
    while (!plain_flag) {
    }
    return unused;
}

TEST(no_progress__a_variable_that_is_read_once, .hint = "may have read that only once")
{
    join(spawn(wait_for_flag, NULL));
}

/* A look at memory each thousand turns. */
static void *look_now_and_then(void *flag)
{
    unsigned turns = 0;

    while (!*(volatile bool *)flag)
        turns += turns_until(turns, 1000);
    return turns ? NULL : flag;
}

TEST(no_progress__a_loop_that_seldom_looks, .hint = "in a loop in which it calls nothing")
{
    look_now_and_then(&plain_flag);
}

TEST(no_progress__a_loop_that_seldom_looks_beside_another, .hint = "look_now_and_then spins")
{
    join(spawn(look_now_and_then, &plain_flag));
}

/* Another gets its turn, and it is told what it does. */
static void *set_flag(void *unused)
{
    *(volatile bool *)&plain_flag = true;
    return unused;
}

TEST(race__a_loop_that_seldom_looks, .hint = "set_flag writes memory that the test reads")
{
    pthread_t other = spawn(set_flag, NULL);

    look_now_and_then(&plain_flag);
    join(other);
}

static void *turn_for_long(void *unused)
{
    seed = 1;
    check_equal(turns_until(0, 100 * 1000 * 1000), 100 * 1000 * 1000, "It ends.");
    return unused;
}

TEST(right__a_long_loop_on_a_register)
{
    turn_for_long(NULL);
}

TEST(right__a_long_loop_beside_another, .schedules = 2)
{
    join(spawn(turn_for_long, NULL));
}
