/* jump.h - setjmp and longjmp. */
#pragma once

#include "run.h"

/* A new schedule: nobody has called setjmp. */
void jumps_begin(void);
