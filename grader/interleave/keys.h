/* keys.h - thread-specific data. */
#pragma once

#include "run.h"

/* A new schedule: there are no keys. */
void keys_begin(void);

int key_create(unsigned *key, void (*destructor)(void *));

/* At self's end: calls the destructors of what its keys hold. */
void keys_run_destructors(void);
