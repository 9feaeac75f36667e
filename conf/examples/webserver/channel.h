/* channel.h - the monitor's channels for a server in C: one header, no library.
 *
 *   conf                                        here
 *   fd_passing = scm, command = ./Listener      int daemon = atoi(argv[argc - 1]);
 *   sockets = tcp://127.0.0.1:8080              int web = channel_receive(daemon);     sockets come first,
 *   channels = tasks done                       int tasks = channel_receive(daemon);   then channels, in conf's order
 *   heartbeat = channel                         channel_beat(daemon, LISTENER, counts, 3);   once a second
 *
 * The descriptors outlive the process: if it crashes, its successor reads what is still in a channel.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct StatusMessage { int module; int pid; int args[14]; }; /* 64 bytes, one a datagram */
enum { LISTENER = 1, MANAGER = 2 };

/* Wait for a descriptor and the data that comes with it (NULL, 0: one NUL byte). Returns it, close-on-exec; -1: none came. */
static inline int channel_receive_with(int channel, void *data, size_t size)
{
	char nothing, space[CMSG_SPACE(sizeof(int))];
	struct iovec text = {data ? data : &nothing, data ? size : 1};
	struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
	struct cmsghdr *rights;
	int fd = -1;

	while (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) < 0)
		if (errno != EINTR)
			return -1;
	rights = CMSG_FIRSTHDR(&message);
	if (rights && rights->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(rights), sizeof fd);
	return fd;
}

#define channel_receive(channel) channel_receive_with(channel, NULL, 0)

/* Send a descriptor, with data or one NUL byte. Returns 0, or -1 and errno. */
static inline int channel_send(int channel, int fd, const void *data, size_t size)
{
	char space[CMSG_SPACE(sizeof(int))] = "";
	struct iovec text = {(void *)(data ? data : ""), data ? size : 1};
	struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(rights), &fd, sizeof fd);
	return sendmsg(channel, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Send a heartbeat, with up to 14 numbers for `status`. It ignores errors: the watcher may just be restarting. */
static inline void channel_beat(int daemon, int module, const int *args, int count)
{
	struct StatusMessage message = {.module = module, .pid = (int)getpid()};

	memcpy(message.args, args, (size_t)(count < 14 ? count : 14) * sizeof *args);
	(void)!send(daemon, &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Has the watcher sent the shutdown message? Does not block. */
static inline int channel_told_to_end(int daemon)
{
	struct StatusMessage m;

	return recv(daemon, &m, sizeof m, MSG_DONTWAIT) == sizeof m && m.module < 0 && m.args[0] == -25 &&
	       m.args[3] == -41 && m.args[10] == -99;
}

#endif
