# Channels in C. `make help` lists what there is to type; grader/build.mk is how it is built. No exercise is
# named here: exercises, suites and code are found on disk.

help:      ## this list; with ALL=1 what maintainers type, too
setup:     ## installs what is missing: make setup grade
grade:     ## runs your code, says what is next   EX= TEST= SRC=
watch:     ## grades what you save, as you save it
list:      ## all exercises, and the next step
hint:      ## the next hint of three   EX=04
carry:     ## begins with your own code   EX=04 [FROM= FORCE=1]
adopt:     ## your work out of an older copy of the kit   FROM=dir
reset:     ## the empty exercise back; yours is kept   EX=04
replay:    ## the last failure again   [TEST= SEED= SRC= GDB= HTML=]
try:       ## any C program under the scheduler   FILE=prog.c
run:       ## your program, live   EX=08 PORT=8008
talk:      ## talks to it from another terminal   PORT=8008
bench:     ## how fast your channel is, beside others   EX=04
doctor:    ## proves that each tool works here
swap:      ## instructors: puts a solution in place, your file kept   EX=08 FILE=
unswap:    ## instructors: and your file back   EX=04
book:      ## the exercises and docs/ as pages, in build/book/
compile_commands.json: ## maintainers: for clangd
clean:     ## removes what was built; nothing of yours
handout:   ## instructors: the kit for students, without solutions, in build/
class:     ## instructors: grades a class   SUBMISSIONS=dir [ROSTER=file]
result:    ## instructors: one tree, for a gradebook   SRC=dir FORMAT=tap
gradescope: ## instructors: the autograder to upload, in build/
test:      ## maintainers: the project's own tests
solutions: ## maintainers: solutions pass, wrong ones are caught   EX=04
roots:     ## maintainers: the README's commands elsewhere   ROOTS=sid QUICK=
new-exercise: ## maintainers: an exercise to begin with   EX=09_semaphore
stubs:     ## maintainers: notes the stubs that reset gives back
known-wrong-table: ## maintainers: what catches what, into docs/
mutants:   ## maintainers: right channels, each made wrong a little   EX=04 N=500 DOUBT=1
mutants-table: ## maintainers: the last mutants, into docs/
generated-table: ## maintainers: what drawn calls find alone, into docs/; EX=04: no page
situations: ## maintainers: which test reaches which situation
compare-checkers: ## maintainers: what each way of checking finds   SECONDS=5
bench-peers: ## maintainers: solutions and peers, docs/performance.md
bench-lines: ## maintainers: cache lines that move, counted
bench-grader: ## maintainers: how long grading takes
bench-interleave: ## maintainers: schedules a second
litmus:    ## maintainers: the memory model beside herd7's   HERD=path

commands := $(shell sed -n 's/^\([a-z_.-]*\): *\#\#.*/\1/p' Makefile)
.PHONY: $(commands)
.DEFAULT_GOAL = help
# The first Python that is new enough and can import what the commands show their output with; looked for
# only when it is needed. What a conda or a wary shell has set would keep it from finding anything.
first_python = $(shell sh setup.sh --python $1)
PYTHON = $(eval PYTHON := $(or $(call first_python,rich jinja2),$(call first_python),$(error Python 3.11 or newer is not here. Run: sh setup.sh)))$(PYTHON)
unexport PYTHONHOME PYTHONSAFEPATH
export CC OBJCOPY

# What was typed after the target (EX=04, SRC=dir, ...) reaches the grader through the environment, and TYPED
# the names of it: what a command does not know is refused. The four that are no command of the grader know nothing.
TYPED = $(strip $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(subst ',,$(name)))))
RUN_PYTHON = @PYTHONDONTWRITEBYTECODE= TYPED='$(TYPED)' GOALS='$(MAKECMDGOALS)' $(PYTHON)
ifneq (,$(filter help clean setup test,$(MAKECMDGOALS)))
    unknown = $(filter-out ALL CC OBJCOPY PYTHON SHELL TMPDIR,$(TYPED))
    $(if $(unknown),$(if $(word 2,$(MAKECMDGOALS)),,$(error make $(MAKECMDGOALS) knows no $(addsuffix =,$(unknown)))))
endif

$(filter-out help setup clean test litmus bench bench-%,$(commands)):
	$(RUN_PYTHON) -m grader $@
$(filter-out bench-interleave,$(filter bench bench-%,$(commands))):
	$(RUN_PYTHON) -m bench $(patsubst bench-%,%,$(@:bench=exercise))
bench-interleave:
	@$(MAKE) -s -f grader/tests/interleave/Makefile bench
help:
	@awk -F ' *## ' -v all='$(ALL)' -v here='$(wildcard solutions)' \
	    '/^[a-z_.-]+: *##/ && (all || !/maintainers: /) && (all || here || !/instructors: /) \
	    { sub(":.*", "", $$1); sub("(maintainers|instructors): ", "", $$2); printf "  make %-17s %s\n", $$1, $$2 }' Makefile
setup: ; @sh setup.sh --for $(filter-out setup,$(MAKECMDGOALS))
clean: ; rm -rf build
test:
	@$(if $(wildcard grader/tests),$(PYTHON) -m grader.tests,$(no_tests))
litmus:
	$(if $(wildcard grader/tests),$(RUN_PYTHON) -m grader.tests.litmus,@$(no_tests))
no_tests = echo "This copy of the kit has no tests." >&2; exit 2

# What is typed, but is no command. Only then: a file that is missing while something is built is told by make itself.
ifeq (,$(findstring /,$(MAKECMDGOALS)))
Makefile grader/build.mk: ;
.DEFAULT:
	@echo "There is no command '$@'. make help lists them." >&2; exit 2
endif

include grader/build.mk
