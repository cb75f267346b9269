/* pause.h - included before all else where cache lines are counted: a pause takes its time. */
#pragma once

void pause_here(void);
#define __builtin_ia32_pause() pause_here()
