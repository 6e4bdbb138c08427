/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_REASON_H
#define KVM_EXIT_STAT_REASON_H

#include "source.h"

/*
 * Find the exit reason that is meant by @text: its name, in any case of letters, or its
 * code, decimal or, with 0x, hexadecimal.  STATUS_USAGE if there is none: @option is for
 * the message.
 */
enum status find_reason(const struct source *source, const char *option, const char *text,
			char name[REASON_NAME_LEN]);

/* Note the codes of the reasons of a snapshot. */
enum status read_codes(const struct source *source, struct snapshot *snapshot);

#endif /* KVM_EXIT_STAT_REASON_H */
