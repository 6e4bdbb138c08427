// SPDX-License-Identifier: GPL-2.0
/*
 * The name that user space has for a VM.  KVM does not know it, but libvirt and most others
 * give QEMU the name and the UUID as options: "-name guest=NAME,debug-threads=on" or
 * "-name NAME", and "-uuid UUID".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proc.h"

/* The length of the valid sequence of UTF-8 at @c, or 0 */
static size_t utf8_length(const unsigned char *c)
{
	size_t length = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 :
			c[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < length; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Refuse overlong encodings, surrogates, and what is beyond the last character. */
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
	    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return length;
}

void make_printable(char *text)
{
	while (*text) {
		const unsigned char *c = (const unsigned char *)text;
		size_t length = utf8_length(c);

		/* C1 control characters, too, which are 0xc2 0x80 to 0xc2 0x9f in UTF-8 */
		if (!length || c[0] < ' ' || c[0] == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0)) {
			memset(text, '?', length ?: 1);
			length = length ?: 1;
		}
		text += length;
	}
}

/* Copy the value of a QEMU option up to the next comma.  Two commas are an escaped one. */
static void copy_value(char *to, size_t size, const char *value)
{
	while (*value && size > 1) {
		if (*value == ',' && *++value != ',')
			break;
		*to++ = *value++;
		size--;
	}
	*to = '\0';
}

/* The parameter after @value, or NULL */
static const char *next_parameter(const char *value)
{
	while ((value = strchr(value, ',')) && value[1] == ',')
		value += 2;
	return value ? value + 1 : NULL;
}

/* Parse the value of -name, in which the name comes first, or after "guest=". */
static void parse_name(char *to, size_t size, const char *value)
{
	const char *name = value;

	for (; value; value = next_parameter(value)) {
		if (!strncmp(value, "guest=", 6)) {
			copy_value(to, size, value + 6);
			return;
		}
	}
	/* Another parameter comes first, i.e. there is no name. */
	if (strcspn(name, "=") < strcspn(name, ","))
		return;
	copy_value(to, size, name);
}

/*
 * Where to stop: execve() takes 6 MiB at most, but by prctl() a process can have any of its
 * memory for a command line.
 */
#define MAX_WORDS_LEN	(8 << 20)

/* The command line of a process: a NUL ends each word, and two the last.  NULL if not readable. */
static char *read_words(const char *sysroot, uint64_t pid, size_t *length)
{
	char path[PATH_MAX], *words = NULL;
	FILE *file;

	if ((size_t)snprintf(path, sizeof(path), "%s/proc/%llu/cmdline", sysroot,
			     (unsigned long long)pid) >= sizeof(path))
		return NULL;
	file = fopen(path, "re");
	if (!file)
		return NULL;

	*length = 0;
	for (size_t size = 4096;; size *= 2) {
		char *longer = realloc(words, size + 2);

		if (!longer)
			break;
		words = longer;
		*length += fread(words + *length, 1, size - *length, file);
		if (*length < size || size >= MAX_WORDS_LEN)
			break;
	}
	fclose(file);
	if (words) {
		words[*length] = '\0';
		words[*length + 1] = '\0';
	}
	return words;
}

/* The kernel has the first 15 letters of the command: take the rest from the path. */
static void complete_command(char *to, size_t size, const char *path, const char *command)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	if (strlen(command) >= 15 && !strncmp(base, command, strlen(command)))
		snprintf(to, size, "%s", base);
}

void read_vm_name(struct vm_name *name, const char *sysroot, const struct identity *identity)
{
	size_t length = 0;
	char *words = read_words(sysroot, identity->pid, &length);

	*name = (struct vm_name){};
	snprintf(name->name, sizeof(name->name), "%s", identity->command);
	if (words)
		complete_command(name->name, sizeof(name->name), words, identity->command);

	for (const char *word = words; word && word < words + length;) {
		const char *value = word + strlen(word) + 1;

		/* QEMU takes options with one dash or with two. */
		if (word[0] == '-' && word[1] == '-')
			word++;
		if (value < words + length && !strcmp(word, "-name"))
			parse_name(name->name, sizeof(name->name), value);
		else if (value < words + length && !strcmp(word, "-uuid"))
			snprintf(name->uuid, sizeof(name->uuid), "%s", value);
		word = value;
	}
	free(words);
	make_printable(name->name);
	make_printable(name->uuid);
}
