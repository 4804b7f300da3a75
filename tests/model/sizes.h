/* SPDX-License-Identifier: Apache-2.0 */
/* sizes - how large a world may get. The enumeration compares and copies whole worlds millions of times: its is small. */
#ifndef TRAM_MODEL_SIZES_H
#define TRAM_MODEL_SIZES_H

#ifdef MODEL_SMALL
#define WHO     1 /* agents, as the centre knows them */
#define BOXES   1 /* machines that run one */
#define CENTRES 1 /* aggregators on the one store */
#define REPORTS 4 /* in one outbox */
#define ISSUES  4 /* reports handed in, in all */
#define STREAMS 1 /* (agent, epoch) in the store */
#define ROWS    8 /* reports in the store; room for one that is there twice */
#define CONNS   3 /* the present connection, and those that ended with something still under way */
#define QUEUE   8 /* messages of a connection, one way */
#define STRAYS  2 /* messages that left their connection */
#define JOBS    5
#define RESULTS 7
#define JUDGED  4 /* verdicts in one result */
#else
#define WHO     4
#define BOXES   7
#define CENTRES 2
#define REPORTS 64
#define ISSUES  200
#define STREAMS 40
#define ROWS    600
#define CONNS   20
#define QUEUE   32
#define STRAYS  8
#define JOBS    24
#define RESULTS 40
#define JUDGED  40
#endif

#define VERDICTS   (ROWS)
#define STEPS_MOST (CONNS * 12 + 64) /* that can be taken at one time */

#endif
