/* SPDX-License-Identifier: Apache-2.0 */
#include "conf.h"
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct settings {
	char *name, *path, *mode;
	int64_t count, size, wait;
	bool flag;
};

#define AT(member) offsetof(struct settings, member)

static const struct conf_setting table[] = {
    {"name", CONF_TEXT, AT(name), NULL, 0, 0, NULL, false, "a"},
    {"path", CONF_PATH, AT(path), "/x", 0, 0, NULL, true, "b"},
    {"mode", CONF_CHOICE, AT(mode), "fast", 0, 0, "fast|slow", true, "c"},
    {"count", CONF_COUNT, AT(count), "64", -5, 1000, NULL, true, "d"},
    {"size", CONF_BYTES, AT(size), "64KiB", 0, 0, NULL, false, "e"},
    {"wait", CONF_DURATION, AT(wait), "30s", 0, 0, NULL, true, "f"},
    {"flag", CONF_FLAG, AT(flag), "no", 0, 0, NULL, true, "g"},
};
static const size_t n_table = sizeof table / sizeof *table;

static bool load(const void *data, size_t size, struct settings *s, struct err *err)
{
	int fd = memfd_create("conf", MFD_CLOEXEC);
	char path[40];
	bool done;

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	done = conf_load(table, n_table, path, s, err);
	close(fd);
	return done;
}

static char *print(const struct settings *s, size_t *ret_len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_len);

	MUST(out);
	conf_print(table, n_table, s, out);
	fclose(out);
	return text;
}

/* Settings that were taken are printed, and what is printed is taken as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings s, again;
	struct err err = {0};
	char *text, *same;
	size_t len, len_again;

	if (size > 3000) { /* a longer path would not fit its line once it is absolute */
		return 0;
	}
	if (!load(data, size, &s, &err)) {
		MUST(err.kind == ERR_CONFIG && err.text[0] && !s.path);
		return 0;
	}
	text = print(&s, &len);
	if (!load(text, len, &again, &err)) {
		fprintf(stderr, "%s\n%s\n", text, err.text);
		abort();
	}
	same = print(&again, &len_again);
	MUST(len == len_again && memcmp(text, same, len) == 0);
	free(text);
	free(same);
	conf_clear(table, n_table, &s);
	conf_clear(table, n_table, &again);
	return 0;
}
