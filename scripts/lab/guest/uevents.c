// SPDX-License-Identifier: GPL-2.0
/*
 * uevents: until killed, print each uevent of /dev/kvm, which is what the kernel sends to udev,
 * as one line.
 */
#include <err.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	char message[8192];
	ssize_t length;

	if (fd < 0 || bind(fd, (struct sockaddr *)&kernel, sizeof(kernel)))
		err(1, "uevents");
	setlinebuf(stdout);

	while ((length = recv(fd, message, sizeof(message) - 1, 0)) > 0) {
		message[length] = '\0';
		if (!strstr(message, "/misc/kvm"))
			continue;
		for (char *word = message; word < message + length; word += strlen(word) + 1)
			printf("%s ", word);
		putchar('\n');
	}
	err(1, "uevents");
}
