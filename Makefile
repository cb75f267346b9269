# Channels in C. `make help` lists what there is to type.
#
# Make knows how to compile, the grader (python3 -m grader) what to run and what it means.
# No exercise is named here: exercises, suites and code are found on disk.

CC        = cc
OBJCOPY   = objcopy
VARIANT   = interleave
export CC OBJCOPY

# The first Python that is new enough and can import what the commands show their output with; looked for
# only when it is needed. What a conda or a wary shell has set would keep it from finding anything.
first_python = $(shell sh setup.sh --python $1)
PYTHON    = $(eval PYTHON := $(or $(call first_python,rich jinja2),$(call first_python),$(error Python 3.11 or newer is not here. Run: sh setup.sh)))$(PYTHON)
unexport PYTHONHOME PYTHONSAFEPATH

# What was typed after the target (EX=04, SRC=dir, ...) reaches the grader through the environment, and TYPED
# the names of it: what a command does not know is refused. The four that are no command of the grader know nothing.
TYPED = $(strip $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(subst ',,$(name)))))
RUN_PYTHON = @PYTHONDONTWRITEBYTECODE= TYPED='$(TYPED)' GOALS='$(MAKECMDGOALS)' $(PYTHON)
GRADE = $(RUN_PYTHON) -m grader
ifneq (,$(filter help clean setup test,$(MAKECMDGOALS)))
    unknown = $(filter-out ALL CC OBJCOPY PYTHON SHELL TMPDIR,$(TYPED))
    $(if $(unknown),$(if $(word 2,$(MAKECMDGOALS)),,$(error make $(MAKECMDGOALS) knows no $(addsuffix =,$(unknown)))))
endif

# ------------------------------------------------------------------------------------- commands

help:      ## this list; with ALL=1 what maintainers type, too
	@awk -F ' *## ' -v all='$(ALL)' '/^[a-z_.-]+: *##/ && (all || !/maintainers: /) \
	    { sub(":.*", "", $$1); sub("maintainers: ", "", $$2); printf "  make %-17s %s\n", $$1, $$2 }' Makefile

setup:     ## installs what is missing: make setup grade
	@sh setup.sh --for $(filter-out setup,$(MAKECMDGOALS))
grade:     ## runs your code, says what is next   EX=04 SRC= JSON=
	$(GRADE) grade
watch:     ## grades what you save, as you save it
	$(GRADE) watch
list:      ## all exercises, and the next step
	$(GRADE) list
hint:      ## the next hint of three   EX=04
	$(GRADE) hint
carry:     ## begins with your own code   EX=04 [FROM=solutions]
	$(GRADE) carry
adopt:     ## your work out of an older copy of the kit   FROM=dir
	$(GRADE) adopt
reset:     ## the empty exercise back; yours is kept   EX=04
	$(GRADE) reset
replay:    ## one failing schedule again   TEST= SEED= [GDB=1 HTML=1]
	$(GRADE) replay
run:       ## your program, live   EX=08 PORT=8008
	$(GRADE) run
talk:      ## talks to it from another terminal   PORT=8008
	$(GRADE) talk
bench:     ## how fast your channel is, beside others   EX=04
	$(RUN_PYTHON) -m bench exercise
doctor:    ## proves that each tool works here
	$(GRADE) doctor
swap:      ## puts a solution in place, your file kept   EX=08 FILE=
	$(GRADE) swap
unswap:    ## and your file back   EX=04
	$(GRADE) unswap
book:      ## the exercises and docs/ as pages, in build/book/
	$(GRADE) book
compile_commands.json: ## for clangd
	$(GRADE) compile-commands
clean:     ## removes what was built; nothing of yours
	rm -rf build
handout:   ## the kit for students, without solutions, in build/
	$(GRADE) handout
class:     ## grades a class   SUBMISSIONS=dir
	$(GRADE) class
result:    ## one tree, for a gradebook   SRC=dir FORMAT=tap
	$(GRADE) result
gradescope: ## the autograder to upload, in build/
	$(GRADE) gradescope
test:      ## maintainers: the project's own tests
	@$(if $(wildcard grader/tests),$(PYTHON) -m grader.tests,echo "This copy of the kit has no tests." >&2; exit 2)
solutions: ## maintainers: solutions pass, wrong ones are caught   EX=04
	$(GRADE) solutions
roots:     ## maintainers: the README's commands elsewhere   ROOTS=sid QUICK=
	$(GRADE) roots
stubs:     ## maintainers: notes the stubs that reset gives back
	$(GRADE) stubs
known-wrong-table: ## maintainers: what catches what, into docs/
	$(GRADE) known-wrong-table
mutants:   ## maintainers: right channels, each made wrong a little   EX=04 N=500
	$(GRADE) mutants
mutants-table: ## maintainers: the last mutants, into docs/
	$(GRADE) mutants-table
compare-checkers: ## maintainers: what each way of checking finds   SECONDS=5
	$(GRADE) compare-checkers
bench-peers: ## maintainers: solutions and peers, docs/performance.md
	$(RUN_PYTHON) -m bench peers
bench-grader: ## maintainers: how long grading takes
	$(RUN_PYTHON) -m bench grader
bench-interleave: ## maintainers: schedules a second
	@$(MAKE) -s -f grader/tests/interleave/Makefile bench
.PHONY: help setup grade watch list hint carry adopt reset replay talk doctor swap unswap handout class result gradescope stubs solutions test clean book
.PHONY: known-wrong-table mutants mutants-table bench bench-peers bench-grader run compare-checkers roots bench-interleave compile_commands.json
.DEFAULT_GOAL = help

# What is typed, but is no command. Only then: a file that is missing while something is built is told by make itself.
ifeq (,$(findstring /,$(MAKECMDGOALS)))
Makefile: ;
.DEFAULT:
	@echo "There is no command '$@'. make help lists them." >&2; exit 2
endif

# ------------------------------------------------------------------------------------ building
#
# build/VARIANT/DIR/SUITE.suite is the code in DIR linked with the tests of exercises/SUITE; DIR is any
# folder with the name of an exercise in its path that holds that exercise's .c files:
#
#   make VARIANT=asan build/asan/solutions/04_bounded/02_blocking.suite
#
# does the solution of 04 still keep the promises of 02?

B = build/$(VARIANT)

# What everything is compiled with; then what only the code under test and the suites are, a variant each.
# ERRORS are what C does not allow and newer compilers refuse: so all of them do.
CFLAGS_ALL = -std=gnu11 -g -pthread -fno-pie -fno-omit-frame-pointer -U_FORTIFY_SOURCE
ERRORS = $(addprefix -Werror=,implicit-function-declaration implicit-int int-conversion incompatible-pointer-types)
CFLAGS_CODE = -O1 -fmax-errors=100 -Wall -Wextra $(ERRORS) -fno-builtin -fno-common $(CFLAGS_$(VARIANT))
CFLAGS_KIT = -O2 -Wall -Wextra -D_GNU_SOURCE $(CFLAGS_KIT_$(VARIANT))

CFLAGS_interleave = -fsanitize=thread -fstack-protector-strong
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
REAL_THREADS = real_threads real_allocation
SHARED = main check json record
runtime_sources = $(SHARED:%=grader/suite/%.c) $(wildcard grader/model/*.c) $(if $(filter interleave,$(VARIANT)),\
    $(wildcard grader/interleave/*.c),$(REAL_THREADS:%=grader/suite/%.c))
runtime = $(runtime_sources:%.c=$(B)/%.o)
code_redirects = grader/suite/redirect.syms $(if $(filter interleave,$(VARIANT)),grader/interleave/redirect.syms)
suite_redirects = $(if $(filter interleave,$(VARIANT)),$(B)/suite.syms,/dev/null)

headers = $(wildcard exercises/*.h exercises/*/*.h grader/suite/*.h grader/model/*.h)
contracts = $(filter-out %/model.h %/calls.h,$(wildcard exercises/*/*.h))
suite_sources = $(wildcard exercises/*/test_*.c)
suite_objects = $(suite_sources:%.c=$(B)/%.o)

# The exercise a path belongs to; where its headers are: its own, then those that `../` does not lead to
# from a folder that is a link; and the code's own .c files in a folder.
exercise_of = $(firstword $(filter $(notdir $(wildcard exercises/*)),$(subst /, ,$1)))
headers_for = $(addprefix -iquote ,exercises/$(call exercise_of,$1) $(wildcard exercises/[0-9]*))
code_in = $(filter-out $(wildcard $1/test_*.c),$(wildcard $1/*.c))
code_objects = $(patsubst %.c,$(B)/%.o,$(call code_in,$(patsubst $(B)/%/,%,$(dir $1))))
suite_objects_of = $(patsubst %.c,$(B)/%.o,$(wildcard exercises/$(basename $(notdir $1))/test_*.c))

# The functions an exercise's headers declare: all that a submission may be seen with.
build/api: $(headers) Makefile
	@mkdir -p $(@D)
	@sed -nE 's/^[a-z][a-z_0-9 ]*[ *]+([a-z_0-9]+)\(.*/\1/p' $(contracts) | sort -u > $@.$$$$ && mv $@.$$$$ $@

# A suite's own allocations are neither counted nor failed, and it may not be told that a thread can't
# be started; all else is stood in for as in the code under test.
$(B)/suite.syms: $(code_redirects) Makefile
	@mkdir -p $(@D)
	@sed -E '/suite_(exit|_exit|_Exit|quick_exit|abort)$$/d; s/^pthread_create .*/pthread_create suite_own_pthread_create/' \
	    $(code_redirects) > $@.$$$$ && mv $@.$$$$ $@

.SECONDEXPANSION:

$(suite_objects): $(B)/%.o: %.c $(headers) $(suite_redirects) Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_CODE) $(call headers_for,$<) -Igrader/suite -Igrader/model -c -o $@.$$$$.o $< && \
	    $(OBJCOPY) --redefine-syms=$(suite_redirects) $@.$$$$.o && mv $@.$$$$.o $@

$(runtime): $(B)/%.o: %.c $$(wildcard grader/*/*.h) Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_KIT) -Igrader/suite -Igrader/model -c -o $@.$$$$.o $< && mv $@.$$$$.o $@

# The code under test: compiled alone, with the runtime's calls under the names of the runtime, and
# with nothing to be seen of it but the API. What gcc says of sizeof it says of functions it knows only.
$(B)/%.o: %.c build/api $(headers) $(code_redirects) Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_CODE) -ffile-prefix-map=$(<D)/= $(call headers_for,$<) \
	    -c -o $@.$$$$.o $< && \
	    $(OBJCOPY) $(code_redirects:%=--redefine-syms=%) $@.$$$$.o && \
	    $(OBJCOPY) --keep-global-symbols=build/api $@.$$$$.o && \
	    $(CC) $(CFLAGS_ALL) -fsyntax-only -Wsizeof-pointer-memaccess $(call headers_for,$<) $< && \
	    mv $@.$$$$.o $@

# A suite that defines __wrap_FUNCTION stands between the code under test and that function.
wraps = $(addprefix -Wl$(comma)--wrap=,$(sort $(shell sed -n 's/^.* __wrap_\([a-z_]*\).*/\1/p' $(wildcard exercises/$(basename $(notdir $1))/test_*.c))))

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
comma = ,

build/demo/%: $$(call demo_sources,$$@) $$(wildcard exercises/*/*.h exercises/*/demo/*)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -no-pie -O1 -Wall -Wextra -o $@.$$$$ $(call demo_sources,$@) $(call demo_options,$@) && mv $@.$$$$ $@

.PRECIOUS: $(B)/%.o
