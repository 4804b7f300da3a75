/* SPDX-License-Identifier: Apache-2.0 */
/*
 * todo_show - what a province owes, as a table for people or as rows for programs; the same at a province and at the
 * centre. One thread.
 */
#ifndef TRAM_TODO_SHOW_H
#define TRAM_TODO_SHOW_H

#include "table.h"
#include "tram.pb-c.h"

/* On stdout; how many were left out, on stderr. */
void todo_show(const Tram__V1__Todo *todo, enum table_format format);

#endif
