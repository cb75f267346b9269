/* model.h - the contract of 07 as a program.
 *
 * Changed from 02: nothing that could be told from the answers. That a message may be held back
 * behind a send which has not returned is in the model of 02 already. */
#pragma once

#include "../02_blocking/model.h"

#include "channel.h"
