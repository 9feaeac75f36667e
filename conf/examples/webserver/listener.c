/* listener.c - accepts TCP connections and passes them on, without reading from them.
 *
 *   ./Listener 3          the number of the daemon socket, from the monitor (see listener.conf)
 *
 * Each connection goes into the channel `tasks` and waits there for a worker, even if this process dies. The workers
 * report over `done` each request that they have served. Beats: module 1, args: connections passed on, requests served.
 * Exit: 0 after the shutdown message, 1 not started by a monitor.
 */
#define _GNU_SOURCE
#include "channel.h"
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

static int passed, served;

static void pass_on(int web, int tasks)
{
	int peer = accept4(web, NULL, NULL, SOCK_CLOEXEC);

	if (peer < 0)
		return; /* the client has closed the connection */
	if (channel_send(tasks, peer, NULL, 0) == 0)
		passed++;
	close(peer);
}

static void count_done(int done)
{
	int worker;

	while (recv(done, &worker, sizeof worker, MSG_DONTWAIT) == sizeof worker)
		served++;
}

int main(int argc, char **argv)
{
	int daemon = argc > 1 ? atoi(argv[argc - 1]) : -1;
	int web = channel_receive(daemon), tasks = channel_receive(daemon), done = channel_receive(daemon);
	struct pollfd ready[] = {{web, POLLIN, 0}, {done, POLLIN, 0}, {daemon, POLLIN, 0}};
	struct pollfd room = {tasks, POLLOUT, 0};
	time_t last = 0;

	if (done < 0)
		return 1;
	fcntl(web, F_SETFL, O_NONBLOCK);
	for (;;) {
		if (time(NULL) != last) {
			last = time(NULL);
			channel_beat(daemon, LISTENER, (int[]){passed, served}, 2);
		}
		ready[0].fd = poll(&room, 1, 0) > 0 ? web : -1; /* the channel is full: clients wait in the backlog */
		poll(ready, 3, ready[0].fd < 0 ? 20 : 1000);
		if (ready[2].revents && channel_told_to_end(daemon))
			return 0;
		if (ready[1].revents)
			count_done(done);
		if (ready[0].revents)
			pass_on(web, tasks);
	}
}
