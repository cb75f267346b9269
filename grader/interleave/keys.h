/* keys.h - thread-specific data. */
#pragma once

#include "run.h"

/* A new schedule: there are no keys. */
void keys_begin(void);

/* What <threads.h> shares with pthread_key_* and pthread_*specific. */
int key_create(unsigned *key, void (*destructor)(void *));
int key_delete(unsigned key);
void *key_get(unsigned key);
int key_set(unsigned key, const void *value);

/* At self's end: calls the destructors of what its keys hold. */
void keys_run_destructors(void);
