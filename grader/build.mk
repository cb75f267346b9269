# How everything in C is built: by the grader with make -f grader/build.mk, and by hand with make.
#
# build/VARIANT/DIR/SUITE.suite is the code in DIR linked with the tests of exercises/SUITE; DIR is any
# folder with the name of an exercise in its path that holds that exercise's .c files:
#
#   make VARIANT=asan build/asan/solutions/04_bounded/02_blocking.suite
#
# does the solution of 04 still keep the promises of 02?

CC        = cc
OBJCOPY   = objcopy
VARIANT   = interleave
PYTHON   ?= python3
B = build/$(VARIANT)
comma = ,

# What everything is compiled with; then what only the code under test and the suites are, a variant each.
# ERRORS are what C does not allow and newer compilers refuse: so all of them do.
CFLAGS_ALL = -std=gnu11 -g -pthread -fno-pie -fno-omit-frame-pointer -U_FORTIFY_SOURCE
ERRORS = $(addprefix -Werror=,implicit-function-declaration implicit-int int-conversion incompatible-pointer-types)
CFLAGS_CODE = -O1 -fmax-errors=100 -Wall -Wextra $(ERRORS) -fno-builtin -fno-common $(CFLAGS_$(VARIANT))
CFLAGS_KIT = -O2 -Wall -Wextra -D_GNU_SOURCE $(CFLAGS_KIT_$(VARIANT))

CFLAGS_interleave = -fsanitize=thread -fstack-protector-strong $(PATTERN)
# These options, if the compiler knows them.
known = $(shell $(CC) $1 -fsyntax-only -x c /dev/null 2>/dev/null && echo $1)
# A local variable that nobody initialises is no 0 by chance, where the compiler knows how (gcc since 12).
PATTERN := $(call known,-ftrivial-auto-var-init=pattern)
# What no right code does. Not all of `undefined`: 1 << 31, NULL + 0 and memcpy(NULL, NULL, 0) do no harm.
UNDEFINED = integer-divide-by-zero,signed-integer-overflow,shift-exponent,alignment,bounds,vla-bound,bool,builtin,unreachable
CFLAGS_UNDEFINED_interleave = -fsanitize=$(UNDEFINED)
# Of the code under test each edge of the control flow is counted, so that a loop without an access ends by a count.
# clang leaves some out unless it is told not to, which gcc does not know.
EDGES := $(or $(call known,-fsanitize-coverage=trace-pc$(comma)no-prune),$(call known,-fsanitize-coverage=trace-pc))
# gcc tells nothing of a struct that is passed or returned: it writes down what there is of it (grader/grading/by_value.py).
# clang tells of one that is passed only as AddressSanitizer would, which is asked for nothing else.
WRITTEN := $(call known,-fdump-tree-tsan1-gimple-lineno=/dev/null)
PASSED := $(if $(WRITTEN),,$(call known,-Xclang -fsanitize=kernel-address $(addprefix -mllvm -asan-,stack=0 globals=0 opt-globals=0 \
    use-stack-safety=0 instrument-reads=0 instrument-writes=0 instrument-atomics=0 instrumentation-with-call-threshold=0)))
CFLAGS_TOLD_interleave = $(EDGES) $(PASSED) $(WRITTEN:/dev/null=$@.$$$$.gimple)
CFLAGS_asan = -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS_tsan = -fsanitize=thread
CFLAGS_plain =
CFLAGS_KIT_interleave = -O3 -fomit-frame-pointer -DNDEBUG
CFLAGS_KIT_asan = $(CFLAGS_asan)
CFLAGS_KIT_tsan = $(CFLAGS_tsan)
LDFLAGS_asan = $(CFLAGS_asan)
LDFLAGS_tsan = $(CFLAGS_tsan)

# Atomics of 16 bytes are calls of a library, which is linked where it is installed and only if it is needed.
LIBATOMIC = $(addprefix -Wl$(comma)--as-needed ,$(filter /%,$(shell $(CC) -print-file-name=libatomic.so)))

# The runtime under the suites, and the calls of the code and of a suite that it stands in for.
REAL_THREADS = real_threads real_allocation thread_pool
SHARED = main check json record
runtime_sources = $(SHARED:%=grader/suite/%.c) $(wildcard grader/model/*.c) $(if $(filter interleave,$(VARIANT)),\
    $(wildcard grader/interleave/*.c),$(REAL_THREADS:%=grader/suite/%.c))
runtime = $(runtime_sources:%.c=$(B)/%.o)
code_redirects = grader/suite/redirect.syms $(if $(filter interleave,$(VARIANT)),grader/interleave/redirect.syms)
suite_redirects = $(if $(filter interleave,$(VARIANT)),$(B)/suite.syms,/dev/null)

headers = $(wildcard exercises/*.h exercises/*/*.h grader/suite/*.h grader/model/*.h)
suite_sources = $(wildcard exercises/*/test_*.c grader/try/test_*.c)
suite_objects = $(suite_sources:%.c=$(B)/%.o)

# The exercise a path belongs to; where its headers are: its own, then those that `../` does not lead to
# from a folder that is a link; and the code's own .c files in a folder.
exercise_of = $(firstword $(filter $(notdir $(wildcard exercises/*)),$(subst /, ,$1)))
headers_for = $(addprefix -iquote ,exercises/$(call exercise_of,$1) $(wildcard exercises/[0-9]*))
code_in = $(filter-out $(wildcard $1/test_*.c),$(wildcard $1/*.c))
code_objects = $(patsubst %.c,$(B)/%.o,$(call code_in,$(patsubst $(B)/%/,%,$(dir $1))))
suite_objects_of = $(patsubst %.c,$(B)/%.o,$(wildcard $(addsuffix /$(basename $(notdir $1))/test_*.c,exercises grader)))

# The functions that the headers of the exercises declare: all that a submission may be seen with.
build/api: $(headers) grader/build.mk
	@mkdir -p $(@D)
	@PYTHONDONTWRITEBYTECODE= $(PYTHON) -m grader api > $@.$$$$ && mv $@.$$$$ $@

# A suite's own allocations are neither counted nor failed, and it may not be told that a thread can't
# be started; all else is stood in for as in the code under test.
$(B)/suite.syms: $(code_redirects) grader/build.mk
	@mkdir -p $(@D)
	@sed -E '/suite_(exit|_exit|_Exit|quick_exit|abort)$$/d; s/^pthread_create .*/pthread_create suite_own_pthread_create/' \
	    $(code_redirects) > $@.$$$$ && mv $@.$$$$ $@

.SECONDEXPANSION:

$(suite_objects): $(B)/%.o: %.c $(headers) $(suite_redirects) grader/build.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_CODE) $(call headers_for,$<) -Igrader/suite -Igrader/model -c -o $@.$$$$.o $< && \
	    $(OBJCOPY) --redefine-syms=$(suite_redirects) $@.$$$$.o && mv $@.$$$$.o $@

$(runtime): $(B)/%.o: %.c $$(wildcard grader/*/*.h) grader/build.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_KIT) -Igrader/suite -Igrader/model -c -o $@.$$$$.o $< && mv $@.$$$$.o $@

# The code under test: compiled alone, with the runtime's calls under the names of the runtime, and
# with nothing to be seen of it but the API. What gcc says of sizeof it says of functions it knows only.
# Of a program that is tried the main is seen, under another name.
of_a_program = $(if $(findstring /try/,$1),-Dmain=program_main)
$(B)/%.o: %.c build/api $(headers) $(code_redirects) grader/build.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_CODE) $(CFLAGS_UNDEFINED_$(VARIANT)) $(CFLAGS_TOLD_$(VARIANT)) $(call of_a_program,$@) -ffile-prefix-map=$(<D)/= $(call headers_for,$<) \
	    -c -o $@.$$$$.o $< && \
	    $(OBJCOPY) $(code_redirects:%=--redefine-syms=%) $@.$$$$.o && \
	    $(OBJCOPY) --keep-global-symbols=build/api --keep-global-symbol=program_main $@.$$$$.o && \
	    $(CC) $(CFLAGS_ALL) -fsyntax-only -Wsizeof-pointer-memaccess $(call headers_for,$<) $< && \
	    rm -f $@.gimple && { [ ! -e $@.$$$$.gimple ] || mv $@.$$$$.gimple $@.gimple; } && mv $@.$$$$.o $@

# A suite that defines __wrap_FUNCTION stands between the code under test and that function.
wraps = $(addprefix -Wl$(comma)--wrap=,$(sort $(shell sed -n 's/^.*[ *]__wrap_\([a-z_]*\).*/\1/p' $(wildcard exercises/$(basename $(notdir $1))/test_*.c))))

$(B)/%.suite: $$(call code_objects,$$@) $$(call suite_objects_of,$$@) $(runtime)
	$(CC) -pthread -no-pie $(LDFLAGS_$(VARIANT)) $(call wraps,$@) -o $@.$$$$ $^ -lcmocka $(LIBATOMIC) && mv $@.$$$$ $@

# build/demo/DIR/demo is the code in DIR as a program of its own, with the demo/ of its exercise. The live
# page is built in where its library is installed.
demo_dir = $(patsubst build/demo/%/demo,%,$1)
demo_exercise = exercises/$(call exercise_of,$1)
has_page = $(shell printf '\043include <microhttpd.h>\n' | $(CC) -E -x c - >/dev/null 2>&1 && echo yes)
demo_parts = $(filter-out %/$(if $(has_page),no_page.c,page.c),$(wildcard $(call demo_exercise,$1)/demo/*.c))
demo_sources = $(demo_parts) $(call code_in,$(call demo_dir,$1)) grader/suite/todo.c
demo_options = -iquote $(call demo_exercise,$1) -Wa,-I$(call demo_exercise,$1)/demo \
    $(addprefix -Wl$(comma)--wrap=,sender_send receiver_recv) $(if $(has_page),-lmicrohttpd)

build/demo/%: $$(call demo_sources,$$@) $$(wildcard exercises/*/*.h exercises/*/demo/*)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -no-pie -O1 -Wall -Wextra -o $@.$$$$ $(call demo_sources,$@) $(call demo_options,$@) && mv $@.$$$$ $@

.PRECIOUS: $(B)/%.o
