/* todo.h - TODO("receiver_recv") marks a function that is still to be written.
 *
 * A call that reaches it does not return: the test ends as "not implemented yet: receiver_recv",
 * which is neither a pass nor a failure. */
#pragma once

#define TODO(function) todo_reached(function)

/* Given by the program the code is linked with. May be called by any thread. */
_Noreturn void todo_reached(const char *function);
