/* manager.c - a pool of workers; each receives connections from a channel and answers them by HTTP.
 *
 *   ./Manager WORKERS 3   the size of the pool; the number of the daemon socket, from the monitor (see manager.conf)
 *
 * The manager replaces a dead worker at once; connections in the channel wait for the next worker. Workers end with
 * their manager. Beats: module 2, args: pool size, workers alive, workers replaced.
 * Exit: 0 after the shutdown message, 1 not started by a monitor.
 */
#define _GNU_SOURCE
#include "channel.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static void answer(int peer)
{
	struct timeval patience = {.tv_sec = 5};
	char request[4096], body[64], reply[256];
	int length, size;

	setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (recv(peer, request, sizeof request, 0) <= 0) /* one segment is enough for an example */
		return;
	length = snprintf(body, sizeof body, "served by worker %d of manager %d\n", (int)getpid(), (int)getppid());
	size = snprintf(reply, sizeof reply, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
			length, body);
	(void)!send(peer, reply, (size_t)size, MSG_NOSIGNAL);
	shutdown(peer, SHUT_WR);
}

static void work(int tasks, int done)
{
	int me = (int)getpid(), peer;

	for (;;) {
		peer = channel_receive(tasks);
		if (peer < 0)
			continue;
		answer(peer);
		close(peer);
		(void)!send(done, &me, sizeof me, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

static int hire(int tasks, int done)
{
	pid_t manager = getpid(), worker = fork();
	sigset_t none;

	if (worker != 0)
		return worker > 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != manager)
		_exit(1); /* the manager died before prctl() */
	prctl(PR_SET_NAME, "worker");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	work(tasks, done);
	_exit(0);
}

int main(int argc, char **argv)
{
	int size = argc > 2 ? atoi(argv[1]) : 0, alive = 0, hired = 0;
	int daemon = argc > 2 ? atoi(argv[argc - 1]) : -1;
	int tasks = channel_receive(daemon), done = channel_receive(daemon);
	struct signalfd_siginfo news;
	struct pollfd ready[2] = {{-1, POLLIN, 0}, {daemon, POLLIN, 0}};
	sigset_t deaths;

	if (done < 0)
		return 1;
	sigemptyset(&deaths);
	sigaddset(&deaths, SIGCHLD);
	sigprocmask(SIG_BLOCK, &deaths, NULL);
	ready[0].fd = signalfd(-1, &deaths, SFD_CLOEXEC | SFD_NONBLOCK);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			alive--;
		while (alive < size && hire(tasks, done))
			alive++, hired++;
		channel_beat(daemon, MANAGER, (int[]){size, alive, hired - size}, 3);
		poll(ready, 2, 1000);
		while (read(ready[0].fd, &news, sizeof news) > 0)
			;
		if (ready[1].revents && channel_told_to_end(daemon))
			return 0;
	}
}
