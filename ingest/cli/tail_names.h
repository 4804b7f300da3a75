/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tail_names - whether there is what a filter of the live feed names, as the centre on this machine knows it: an event of
 * a province that does not exist would be waited for in vain. One thread.
 */
#ifndef TRAM_TAIL_NAMES_H
#define TRAM_TAIL_NAMES_H

#include "tail_filter.h"

/*
 * Asks the centre's control socket. False and *err, with what was meant or what there is, when it does not know a name. True
 * also when it cannot be asked: it is not running, has no catalogue yet, is of an earlier version. *ret_asked says which.
 */
bool tail_names_check(const char *control, const struct tail_filter *filter, bool *ret_asked,
		      struct err *err) MUST_CHECK;

#endif
