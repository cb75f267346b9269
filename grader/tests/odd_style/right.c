/* What honest code may hold and few expect. A section each, that begins with its name and says what is odd; odd_NAME
 * does it, and says whether it came out right. test_odd_style.py puts them into a channel. */

/*: helper_like_semaphores A helper is named as the functions of semaphores are, and is not static. */
int sem_down(int n)
{
    return n - 1;
}

static int odd_helper_like_semaphores(void)
{
    return sem_down(2) == 1;
}

/*: helpers_like_cmocka The prefixes of cmocka and of the kit are the student's, too. */
int cm_lock(int n)
{
    return n + 1;
}
int cmocka_free_words = 1, suite_of_rooms = 2, todo_list[3] = {4, 5, 6};

static int odd_helpers_like_cmocka(void)
{
    return cm_lock(cmocka_free_words) == suite_of_rooms && todo_list[1] == 5;
}

/*: helpers_like_c11_threads */
typedef struct {
    int depth;
} mtx_guard_t;
void mtx_guard(mtx_guard_t *guard)
{
    guard->depth++;
}
int cnd_wakeups = 3, thrd_number = 4;

static int odd_helpers_like_c11_threads(void)
{
    mtx_guard_t guard = {thrd_number};
    mtx_guard(&guard);
    return guard.depth == 5 && cnd_wakeups == 3;
}

/*: helpers_like_pthreads */
int pthread_lock_or_die(int *lock)
{
    return *lock = 1;
}
int call_waiters(int n)
{
    return n;
}

static int odd_helpers_like_pthreads(void)
{
    int lock = 0;
    return pthread_lock_or_die(&lock) && lock == 1 && call_waiters(7) == 7;
}

/*: helpers_like_the_main The word main, and what ends programs, within names. */
int main_loop = 1, exit_code = 2, forked = 3, abort_reason;

static int odd_helpers_like_the_main(void)
{
    return main_loop + exit_code == forked && !abort_reason;
}

/*: names_of_the_scheduler Words that the kit's own parts are called by: nobody outside of the object sees them. */
int step(int n)
{
    return n + 1;
}
int release(int n)
{
    return n - 1;
}
int run = 5, shared = 6, report = 7;
void check(int *n)
{
    *n = 8;
}
int explore(void)
{
    return 9;
}

static int odd_names_of_the_scheduler(void)
{
    int n = 0;
    check(&n);
    return release(step(n)) == 8 && run + shared + report == 18 && explore() == 9;
}

/*: names_of_the_library The C library has functions of these names; these are the student's own. */
int send(int from)
{
    return from - 1;
}
int link = 4;

static int odd_names_of_the_library(void)
{
    return send(link) == 3;
}

/*: common_words Names of what the scheduler stands in for, static. */
static int poll(int n)
{
    return n * 2;
}
static int close(int n)
{
    return n * 3;
}

static int odd_common_words(void)
{
    return poll(2) + close(1) == 7;
}

/*: underscores Names that begin with one. */
static int _push(int n)
{
    return n;
}
static int _fail_count = 2;

static int odd_underscores(void)
{
    return _push(2) == _fail_count;
}

/*: optimized A pragma that optimizes one function. */
#pragma GCC push_options
#pragma GCC optimize("O3")
static int optimized(int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += i;
    return sum;
}
#pragma GCC pop_options

static int odd_optimized(void)
{
    return optimized(4) == 6;
}

/*: attributes */
__attribute__((noinline, optimize("O0"))) static int plainly(int n)
{
    return n;
}
__attribute__((hot, const)) static int hot(int n)
{
    return n;
}
__attribute__((cold, noclone)) static int cold(int n)
{
    return n;
}

static int odd_attributes(void)
{
    return plainly(1) + hot(1) + cold(1) == 3;
}

/*: pragmas */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma STDC FP_CONTRACT OFF
_Pragma("GCC diagnostic pop")
#pragma region of students

static int odd_pragmas(void)
{
    return 1;
}

/*: a_weak_function Somebody may define it, and nobody does. */
extern int observer_of_channels(void);
#pragma weak observer_of_channels
__attribute__((weak)) int may_be_replaced(void)
{
    return 1;
}

static int odd_a_weak_function(void)
{
    return !observer_of_channels && may_be_replaced();
}

/*: an_alias */
int the_real_one(void)
{
    return 6;
}
int the_other_name(void) __attribute__((alias("the_real_one")));

static int odd_an_alias(void)
{
    return the_other_name() == 6;
}

/*: words_in_comments no_sanitize, __asm__(".incbin \"channel.c\""), syscall(60), __builtin_return_address(0), #line 1 "x.h" */
// #include "../../solutions/01_single_thread/channel.c"
static int odd_words_in_comments(void)
{
    return 1; /* ptrace, fork, dlsym */
}

/*: words_in_strings */
static int odd_words_in_strings(void)
{
    const char *text = "no_sanitize __asm__(\"syscall\") .incbin __builtin_frame_address(0) syscall(60) \
#line 1";
    return text[0] == 'n' && '"' != '\'';
}

/*: words_in_names */
static int no_sanitize_input(int n)
{
    return n;
}
struct statistics {
    int syscalls, asm_lines, incbin, fork, ptrace;
};

static int odd_words_in_names(void)
{
    struct statistics s = {.syscalls = 1, .fork = 2, .ptrace = 3, .incbin = 4};
    return no_sanitize_input(s.syscalls + s.fork + s.ptrace + s.incbin) == 10;
}

/*: barriers Assembly without instructions, and some that do nothing. */
static int odd_barriers(void)
{
    int n = 1;
    __asm__ __volatile__("" : "+r"(n) : : "memory");
    asm volatile("nop\n\tnop\n" ::: "memory");
    return n == 1;
}

/*: line_numbers */
#line 1000
static int odd_line_numbers(void)
{
    return __LINE__ > 1000;
}

/*: asks_for_a_sanitizer As libraries do that tell it about their locks. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define TELLS 1
#else
#define TELLS 0
#endif

static int odd_asks_for_a_sanitizer(void)
{
    return TELLS >= 0;
}

/*: asks_for_headers */
#if defined(__has_include)
#if __has_include(<stdatomic.h>)
#include <stdatomic.h>
#endif
#endif
static atomic_int how_often;

static int odd_asks_for_headers(void)
{
    return atomic_fetch_add(&how_often, 1) >= 0;
}

/*: digraphs */
%:define FIRST(array) array<:0:>
static int odd_digraphs(void)
<%
    int array<:2:> = <%7, 8%>;
    return FIRST(array) == 7;
%>

/*: x_macros */
#define COLOURS(X) X(red) X(green) X(blue)
#define NAME(colour) colour,
enum colour { COLOURS(NAME) colours };
#undef NAME
#define NAME(colour) #colour,
static const char *const colour_names[] = {COLOURS(NAME)};

static int odd_x_macros(void)
{
    return colours == 3 && colour_names[green][0] == 'g';
}

/*: pasted Functions that a macro makes, their names put together. */
#define GETTER(field)                                                                              \
    static int get_##field(const struct pasted *p)                                                 \
    {                                                                                              \
        return p->field;                                                                           \
    }
struct pasted {
    int head, tail;
};
GETTER(head)
GETTER(tail)

static int odd_pasted(void)
{
    struct pasted p = {1, 2};
    return get_head(&p) + get_tail(&p) == 3;
}

/*: wrapped_functions Macros of the names of functions. */
#include <stdlib.h>
static int blocks;
static void *counted(size_t size)
{
    blocks++;
    return (malloc)(size);
}
#define malloc(size) counted(size)
static int odd_wrapped_functions(void)
{
    void *block = malloc(1);
    if (!block)
        return 1;
    free(block);
    return blocks > 0;
}
#undef malloc

/*: asserts */
#undef NDEBUG
#include <assert.h>

static int odd_asserts(void)
{
    assert(sizeof(char) == 1 && "never more");
    return 1;
}

/*: static_asserts */
#include <assert.h>
_Static_assert(sizeof(char) == 1, "so it is");
static_assert(sizeof(int) >= 2, "and so is this");

static int odd_static_asserts(void)
{
    return 1;
}

/*: old_functions Definitions as before 1989. */
static int old_sum(a, b)
int a, b;
{
    return a + b;
}

static int odd_old_functions(void)
{
    return old_sum(1, 2) == 3;
}

/*: arrays_of_any_length */
static int odd_arrays_of_any_length(void)
{
    volatile int n = 3;
    int array[n];
    for (int i = 0; i < n; i++)
        array[i] = i;
    return array[2] == 2 && sizeof array == 3 * sizeof(int);
}

/*: literals */
struct pair {
    int first, second;
};
static int first_of(struct pair p)
{
    return p.first;
}

static int odd_literals(void)
{
    return first_of((struct pair){.second = 1, .first = 2}) == 2 && (int[]){1, 2, [5] = 6}[5] == 6;
}

/*: flexible */
struct flexible {
    size_t n;
    unsigned char bytes[];
};

static int odd_flexible(void)
{
    struct flexible *f = malloc(sizeof *f + 4);
    if (!f)
        return 1;
    *f = (struct flexible){4};
    f->bytes[3] = 9;
    int good = f->bytes[f->n - 1] == 9;
    free(f);
    return good;
}

/*: generic */
#define KIND(x) _Generic((x), int: 1, char *: 2, default: 3)
static int odd_generic(void)
{
    return KIND(1) == 1 && KIND((char *)0) == 2 && KIND(1.0) == 3;
}

/*: unions_without_a_name */
struct tagged {
    enum { NUMBER, LETTER } kind;
    union {
        int number;
        char letter;
    };
    unsigned low : 3, high : 5;
};

static int odd_unions_without_a_name(void)
{
    struct tagged t = {.kind = LETTER, .letter = 'x', .low = 7, .high = 31};
    t.low++;
    return t.letter == 'x' && t.low == 0 && t.high == 31;
}

/*: gnu_expressions */
#define MAX(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) a_ = (a);                                                                    \
        __typeof__(b) b_ = (b);                                                                    \
        a_ > b_ ? a_ : b_;                                                                         \
    })
static int odd_gnu_expressions(void)
{
    int n = 0;
    return MAX(n++, 5) == 5 && n == 1 && (n ?: 4) == 1;
}

/*: computed_gotos */
static int odd_computed_gotos(void)
{
    static const void *const ways[] = {&&one, &&two};
    int n = 0;
    goto *ways[1];
one:
    return n == 2;
two:
    n = 2;
    goto *ways[0];
}

/*: duffs_device */
static int odd_duffs_device(void)
{
    int n = 0, rounds = 2;
    switch (5 % 4) {
    case 0:
        do {
            n++; /* fall through */
        case 3:
            n++; /* fall through */
        case 2:
            n++; /* fall through */
        case 1:
            n++;
        } while (--rounds);
    }
    return n == 5;
}

/*: gotos */
static int odd_gotos(void)
{
    int n = 0;
again:
    if (n < 3) {
        n++;
        goto again;
    }
    return n == 3;
}

/*: on_the_stack */
#include <alloca.h>
static int odd_on_the_stack(void)
{
    char *text = alloca(4);
    text[3] = 'a';
    return text[3] == 'a';
}

/*: cleanup */
static int cleaned;
static void clean(int *n)
{
    cleaned = *n;
}

static int odd_cleanup(void)
{
    {
        __attribute__((cleanup(clean))) int n = 5;
        n++;
    }
    return cleaned == 6;
}

/*: thread_locals */
static _Thread_local int mine = 3;
static __thread char yours[5000];

static int odd_thread_locals(void)
{
    yours[4999] = 1;
    return mine == 3 && yours[0] == 0;
}

/*: other_letters */
static int größe(int länge)
{
    return länge + 1;
}

static int odd_other_letters(void)
{
    return größe(1) == 2;
}

/*: raw_strings */
static int odd_raw_strings(void)
{
    return R"(")"[0] == '"';
}

/*: tables_of_functions */
static int twice(int n)
{
    return 2 * n;
}
static int thrice(int n)
{
    return 3 * n;
}
int (*operations[])(int) = {twice, thrice};

static int odd_tables_of_functions(void)
{
    return operations[0](1) + (*operations[1])(1) == 5;
}

/*: aligned */
static int odd_aligned(void)
{
    _Alignas(64) char line[64];
    struct {
        char c;
        int n;
    } __attribute__((packed)) p = {1, 2};
    line[0] = p.c;
    return (size_t)line % 64 == 0 && sizeof p == 1 + sizeof(int) && line[0] == 1;
}

/*: long_numbers */
static int odd_long_numbers(void)
{
    volatile long long big = 1LL << 40;
    long double half = 0.5L;
    unsigned __int128 square = (unsigned __int128)big * (unsigned long long)big;
    return (unsigned long long)(square >> 79) == 2 && half * 2 == 1;
}

/*: inlined */
extern inline int shown_inline(int n);
inline int shown_inline(int n)
{
    return n;
}

static int odd_inlined(void)
{
    return shown_inline(4) == 4;
}

/*: old_keywords */
static int odd_old_keywords(void)
{
    register int r = 1;
    auto int a = 2;
    volatile const int v = 3;
    int *restrict p = &a;
    return r + *p + v == 6;
}

/*: tentative */
int tentative;
int tentative;
static int recursive(int n);
static int recursive(int n)
{
    return n ? recursive(n - 1) : tentative;
}

static int odd_tentative(void)
{
    return recursive(9) == 0;
}

/*: sorted The library calls the student's function. */
static int by_size(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int odd_sorted(void)
{
    int n[] = {3, 1, 2}, two = 2;
    qsort(n, 3, sizeof n[0], by_size);
    return n[0] == 1 && bsearch(&two, n, 3, sizeof n[0], by_size) == &n[1];
}

/*: told Texts are made and thrown away. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
static int odd_told(void)
{
    char text[64];
    int kept = errno;
    snprintf(text, sizeof text, "%d %s", 7, strerror(ENOMEM));
    errno = kept;
    return text[0] == '7';
}

/*: own_spelling Whatever a keyword is called. */
#define begin {
#define end }
#define then
typedef int BOOL;
static BOOL odd_own_spelling(void)
begin
    if (1) then
        return 1;
    return 0;
end
#undef begin
#undef end
#undef then
