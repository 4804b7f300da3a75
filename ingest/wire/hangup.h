/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hangup - keeps libzmq from aborting over a peer that hangs up while its messages wait to be read.
 *
 * From a connection whose messages nobody takes (high-water mark) libzmq does not read. epoll tells it of a hang-up all the
 * same, and libzmq 4.3.4 then holds the connection for closed, but goes on with what it has read of it: a PING in there, or
 * the time for one of its own, is a failed assertion and the end of the process, at the will of any peer that was let in
 * (libzmq's tracker has it as 4364). So the epoll_wait() that libzmq calls is the one in this file: it never tells of a
 * hang-up, and whoever reads or writes meets the end by itself. No state; in libzmq's threads.
 */
#ifndef TRAM_HANGUP_H
#define TRAM_HANGUP_H

#include <stdbool.h>

/* Whether libzmq in this process calls our epoll_wait(). */
bool hangup_is_held_back(void);

#endif
