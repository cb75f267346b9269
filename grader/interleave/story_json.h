/* story_json.h - the story as JSON, in the format story.h describes. */
#pragma once

/* Ends the story: notes in what state each thread is, and returns the whole as JSON in a buffer of the
 * recorder (valid until the next story_start). */
const char *story_finish(const char *verdict, const char *seed);
