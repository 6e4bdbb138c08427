/* SPDX-License-Identifier: GPL-2.0 */
/* Random numbers that a run with the same seed repeats.  Each worker has a stream of its own. */
#ifndef GUEST_PRNG_H
#define GUEST_PRNG_H

#include <stdlib.h>

struct prng {
	unsigned short state[3];
};

/* A random number from 0 to @limit - 1 */
static unsigned int below(struct prng *prng, unsigned int limit)
{
	return nrand48(prng->state) % limit;
}

static struct prng make_prng(unsigned int seed, unsigned int stream)
{
	struct prng prng = { .state = { seed, seed >> 16, stream } };
	unsigned int i;

	/* The first numbers of neighbouring streams resemble each other. */
	for (i = 0; i < 16; i++)
		below(&prng, 2);
	return prng;
}

#endif /* GUEST_PRNG_H */
