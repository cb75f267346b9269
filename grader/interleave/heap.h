/* heap.h - the memory a scenario allocates. */
#pragma once

#include "block.h"

/* A new schedule: nothing has been allocated. */
void heap_begin(void);

/* An allocation or a thread start of the submission; true: it is the one that fails. */
bool allocation_fails(bool is_thread, uintptr_t pc);

/* A descriptor that the submission asks the system for; true: it is the one that it does not get. */
bool descriptor_fails(uintptr_t pc);

/* At the end of a schedule: fails if a block is still there that no global variable leads to. */
void heap_check_leaks(void);
