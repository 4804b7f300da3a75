/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file - any bytes as a file of one format, from the reader to finished reports, with what must hold of the outcome.
 */
#ifndef TRAM_FUZZ_FILE_H
#define TRAM_FUZZ_FILE_H

#include "reader.h"

void fuzz_file(enum reader_format format, const uint8_t *data, size_t size);

#endif
