#!/bin/sh
# Under -fsanitize=thread clang makes each atomic load twice: in the runtime, and once more for nothing.
#
# The guess: an atomic load becomes a call of the runtime, __tsan_atomic32_load, and is gone; so it is with an
# exchange, and in gcc. In fact clang leaves the load itself behind the call, with a result that nobody uses. It
# is no dead code to the optimizer, not even with memory_order_relaxed and -O2. So the memory is touched again after the
# runtime has answered, and whoever looks for atomic instructions that bypass the runtime (on arm64 "ldar wzr, [x0]") finds
# one beside each load that did not.
#
# Seen with: clang 14.0.6-12, 16.0.6-15~deb12u1 and 19.1.7-3~deb12u1 (Debian 12, x86-64); this fetches the first.
# Exit status: 0 still so, 1 no longer so, 77 something needed cannot be had.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
without() { echo "skipped: $*"; exit 77; }

[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] || without "the assembly looked for is x86-64's"
(cd "$tmp" && apt-get download -qq clang-14=1:14.0.6-12 libclang-cpp14=1:14.0.6-12 libllvm14=1:14.0.6-12 \
    libz3-4=4.8.12-3.1 libedit2=3.1-20221030-2 libbsd0=0.11.7-2 libxml2 libicu72) >/dev/null 2>&1 ||
    without "clang 14.0.6-12 cannot be had"
for package in "$tmp"/*.deb; do dpkg -x "$package" "$tmp/root"; done
LD_LIBRARY_PATH=$tmp/root/usr/lib/x86_64-linux-gnu:$tmp/root/usr/lib/llvm-14/lib
export LD_LIBRARY_PATH
clang=$tmp/root/usr/lib/llvm-14/bin/clang
"$clang" --version 2>/dev/null | head -n 1 || without "clang 14 does not run here"

# $1: what is done with *queued. Prints the instructions of the function that touch *queued themselves.
touches() {
    printf 'void *any(_Atomic(void *) *queued, void *node)\n{\n    (void)node;\n    %s\n}\n' "$1" >"$tmp/queue.c"
    "$clang" -O2 -fsanitize=thread -S -o "$tmp/queue.s" "$tmp/queue.c"
    grep -q '__tsan_atomic64_' "$tmp/queue.s" || { echo "no call of the runtime for: $1"; exit 1; }
    sed -n '/__tsan_atomic64_/,/__tsan_func_exit/p' "$tmp/queue.s" |
        grep -E '^[[:space:]]+(mov|xchg|lock)[a-z]*[[:space:]].*\(%r[a-z0-9]+\)' | grep -v rsp
}

status=0
for order in 0 2 5; do # relaxed, acquire, seq_cst
    left=$(touches "return __c11_atomic_load(queued, $order);" | wc -l)
    echo "a load of memory order $order: beside the call of the runtime it is made $left time(s)"
    [ "$left" -eq 1 ] || status=1
done
left=$(touches 'return __c11_atomic_exchange(queued, node, 5);' | wc -l)
echo "an exchange: beside the call of the runtime it is made $left time(s)"
[ "$left" -eq 0 ] || status=1
exit $status
