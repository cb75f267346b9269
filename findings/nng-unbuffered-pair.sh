#!/bin/sh
# A pair of nng 1.5.2 sockets without buffers takes two messages that nobody receives, and loses one at close.
#
# The guess: with NNG_OPT_SENDBUF and NNG_OPT_RECVBUF 0 on both sides, an inproc pair is a rendezvous, or holds one
# message on its way; what a send has accepted is received, or all of it is lost when the sender closes.
# In fact each side keeps one message more than its buffer: two sends that do not wait succeed, the third says "Try
# again". When the sender then closes its socket, the receiver gets the one message that was on its own side;
# the other one, accepted as well, is gone, with no error anywhere. With buffers of 4 each, 10 are taken and 5 arrive.
#
# Seen with: libnng1 and libnng-dev 1.5.2-2 (Debian 12). Needs a C compiler.
# Exit status: 0 still so, 1 no longer so, 77 something needed cannot be had.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
without() { echo "skipped: $*"; exit 77; }

(cd "$tmp" && apt-get download -qq libnng1=1.5.2-2 libnng-dev=1.5.2-2) >/dev/null 2>&1 ||
    without "nng 1.5.2-2 cannot be had"
for package in "$tmp"/*.deb; do dpkg -x "$package" "$tmp/root"; done
library=$(dirname "$(find "$tmp/root" -name 'libnng.so.1' | head -n 1)")

cat >"$tmp/pair.c" <<'C'
#include <stdio.h>
#include <stdlib.h>

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

int main(int count, char **words)
{
    int buffer = count > 1 ? atoi(words[1]) : 0;
    nng_socket sender, receiver;
    if (nng_pair0_open(&sender) || nng_pair0_open(&receiver) ||
        nng_socket_set_int(sender, NNG_OPT_SENDBUF, buffer) || nng_socket_set_int(sender, NNG_OPT_RECVBUF, buffer) ||
        nng_socket_set_int(receiver, NNG_OPT_SENDBUF, buffer) || nng_socket_set_int(receiver, NNG_OPT_RECVBUF, buffer) ||
        nng_listen(receiver, "inproc://channel", NULL, 0) || nng_dial(sender, "inproc://channel", NULL, 0))
        return 77;

    /* A pause before a send is believed to have no room: messages move on in the library's own threads. */
    int sent = 0, refused = 0, status = 0;
    while (sent < 100 && refused < 10) {
        status = nng_send(sender, &sent, sizeof sent, NNG_FLAG_NONBLOCK);
        if (status == 0) {
            sent++;
            refused = 0;
        } else {
            refused++;
            nng_msleep(50);
        }
    }
    nng_close(sender);
    nng_msleep(500);

    int received = 0, value;
    size_t size = sizeof value;
    nng_socket_set_ms(receiver, NNG_OPT_RECVTIMEO, 1000);
    while (nng_recv(receiver, &value, &size, 0) == 0)
        received++;
    printf("buffers of %d: %d sent, then \"%s\"; %d received\n", buffer, sent, nng_strerror(status), received);
    nng_close(receiver);
    return 0;
}
C
cc -I "$tmp/root/usr/include" -o "$tmp/pair" "$tmp/pair.c" -L "$library" -lnng -Wl,-rpath,"$library" 2>"$tmp/cc" ||
    without "no C compiler, or none of the libraries that nng needs"
"$tmp/pair" 0 >"$tmp/out" || without "nng does not start here"
"$tmp/pair" 4 >>"$tmp/out"
cat "$tmp/out"

if grep -q '^buffers of 0: 2 sent, then "Try again"; 1 received$' "$tmp/out" &&
    grep -q '^buffers of 4: 10 sent, then "Try again"; 5 received$' "$tmp/out"; then
    echo "still so: an unbuffered pair takes two, and a close keeps one of them"
else
    echo "no longer so"
    exit 1
fi
