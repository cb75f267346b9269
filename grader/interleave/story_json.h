/* story_json.h - the story as JSON, in the format story.h describes. */
#pragma once

#include "run.h"

/* Writes what was noted, and in what state each thread is now, to where story_start said. */
void story_write(enum verdict verdict, const char *seed);
