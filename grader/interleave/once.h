/* once.h - what call_once shares with pthread_once. */
#pragma once

#include "run.h"

int once(void *flag, void (*init)(void), const char *call, uintptr_t pc);
