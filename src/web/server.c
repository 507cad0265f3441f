/* SPDX-License-Identifier: MIT */
/*
 * The server: one thread that polls libmicrohttpd, the signals and the children at work. HTTP itself is read
 * by libmicrohttpd, within limits that are set here.
 */
#include "config.h"

#include "web/server.h"

#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "web/token.h"

#define SILENCE_SECONDS 60                    /* of a connection, at any place of a request */
#define REQUEST_NS (INT64_C(60) * 1000000000) /* at most, for the head of one, however slowly it comes */
#define CONNECTION_BYTES 65536                /* of memory, for the head and a part of the body */
#define SWEEP_MS 500
#define WRITTEN_BYTES (UINT64_C(1) << 30) /* by a child: a report of a small profile has more bytes than it */
#define POLLED 64

bool web_available(void)
{
	return true;
}

/* ---- connections ---- */

/* The head of a request has no more time than an upload. */
static int64_t head_deadline_ns(const struct server *server)
{
	const int64_t upload_ns = server->options->upload_ns;

	return monotonic_ns() + (upload_ns < REQUEST_NS ? upload_ns : REQUEST_NS);
}

static void take_peer(void *context, struct MHD_Connection *connection, void **own,
	enum MHD_ConnectionNotificationCode code)
{
	struct server *server = context;
	struct peer *peer = *own;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		peer = xcalloc(1, sizeof(*peer));
		peer->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		peer->deadline_ns = head_deadline_ns(server);
		peer->next = server->peers;
		peer->before = &server->peers;
		if (peer->next)
			peer->next->before = &peer->next;
		server->peers = peer;
		*own = peer;
	} else if (peer) {
		*peer->before = peer->next;
		if (peer->next)
			peer->next->before = peer->before;
		free(peer);
		*own = NULL;
	}
}

/* It has sent an end and no whole request. */
static bool has_left(const struct peer *peer)
{
	char byte;

	return !peer->is_answered && recv(peer->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/*
 * Whoever takes too long is cut off; libmicrohttpd sees an end. That of a client whose last bytes came
 * together with its end it sees by this, too: epoll tells of the two once.
 */
static void sweep(const struct server *server)
{
	const int64_t now = monotonic_ns();

	for (const struct peer *peer = server->peers; peer; peer = peer->next)
		if ((peer->deadline_ns && now > peer->deadline_ns) || has_left(peer))
			shutdown(peer->fd, SHUT_RDWR);
}

/* ---- what libmicrohttpd calls ---- */

static void *begin_request(void *context, const char *address, struct MHD_Connection *connection)
{
	return request_new(context, connection, address);
}

static enum MHD_Result handle_request(void *context, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *bytes, size_t *length, void **own)
{
	(void)context;
	(void)connection;
	(void)path;
	(void)version;
	return *own ? request_handle(*own, method, bytes, length) : MHD_NO;
}

static void end_request(
	void *context, struct MHD_Connection *connection, void **own, enum MHD_RequestTerminationCode code)
{
	struct request *request = *own;

	(void)context;
	(void)connection;
	(void)code;
	if (request) {
		request->peer->deadline_ns = head_deadline_ns(request->server);
		request->peer->is_answered = false;
	}
	request_free(request);
	*own = NULL;
}

static int start_daemon(struct server *server, struct error *err)
{
	server->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		handle_request, server, MHD_OPTION_LISTEN_SOCKET, server->listener,
		MHD_OPTION_URI_LOG_CALLBACK, begin_request, server, MHD_OPTION_NOTIFY_COMPLETED, end_request,
		server, MHD_OPTION_NOTIFY_CONNECTION, take_peer, server, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
	if (!server->daemon)
		return error_set(err, ERROR_SYSTEM, "cannot start libmicrohttpd (%s)", MHD_get_version());
	server->listener = -1; /* is its own now */
	return 0;
}

/* ---- where it listens ---- */

struct place {
	char address[64], port[8];
};

static int bad_place(const char *listen, struct error *err)
{
	return error_set(err, ERROR_USAGE,
		"cannot listen on '%.100s': use an address and a port, as 127.0.0.1:5000 or [::1]:5000",
		listen);
}

static int parse_place(const char *text, struct place *place, struct error *err)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : text + strcspn(text, ":");
	const char *address = text + (text[0] == '[');
	int64_t port = WEB_PORT;

	if (!end || (size_t)(end - address) >= sizeof(place->address))
		return bad_place(text, err);
	memcpy(place->address, address, (size_t)(end - address));
	place->address[end - address] = '\0';
	end += *end == ']';
	if (*end && (*end != ':' || parse_integer(end + 1, "port", 0, UINT16_MAX, &port, err) != 0))
		return bad_place(text, err);
	snprintf(place->port, sizeof(place->port), "%" PRIu16, (uint16_t)port);
	return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
	return address->sa_family == AF_INET6 &&
		IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static int bind_socket(
	struct server *server, const struct addrinfo *found, const char *listen_on, struct error *err)
{
	const int on = 1;

	if (!is_loopback(found->ai_addr) && !server->options->token_file)
		return error_set(err, ERROR_USAGE,
			"'%.100s' can be reached from other machines: name a --token-file, or listen on "
			"127.0.0.1",
			listen_on);
	server->listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	if (server->listener < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot listen on '%.100s'", listen_on);
	setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(server->listener, found->ai_addr, found->ai_addrlen) == 0 &&
		listen(server->listener, SOMAXCONN) == 0)
		return 0;
	if (errno == EADDRINUSE)
		return error_set(err, ERROR_SYSTEM,
			"cannot listen on '%.100s': another program does: name another port with --listen",
			listen_on);
	if (errno == EADDRNOTAVAIL)
		return error_set(err, ERROR_SYSTEM,
			"cannot listen on '%.100s': this machine has no such address: use one that "
			"'ip address' shows, or 127.0.0.1",
			listen_on);
	if (errno == EACCES)
		return error_set(err, ERROR_SYSTEM,
			"cannot listen on '%.100s': not permitted: ports below 1024 are for root: name "
			"another port with --listen",
			listen_on);
	return error_set_errno(err, ERROR_SYSTEM, errno, "cannot listen on '%.100s'", listen_on);
}

/* A number, not a name: what a name leads to may change. */
static int open_listener(struct server *server, struct error *err)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM };
	const char *listen_on = server->options->listen ? server->options->listen : "127.0.0.1";
	struct addrinfo *found = NULL;
	struct place place;
	int result;

	if (parse_place(listen_on, &place, err) != 0)
		return -1;
	if (strcmp(place.address, "localhost") == 0)
		strcpy(place.address, "127.0.0.1");
	if (getaddrinfo(place.address, place.port, &hints, &found) != 0)
		return bad_place(listen_on, err);
	result = bind_socket(server, found, listen_on, err);
	freeaddrinfo(found);
	return result;
}

static int find_port(const struct server *server, char *address, size_t room)
{
	struct sockaddr_storage bound;
	socklen_t length = sizeof(bound);
	char host[NI_MAXHOST], port[NI_MAXSERV];
	struct error ignored = { 0 };
	int64_t number;

	if (getsockname(server->listener, (struct sockaddr *)&bound, &length) != 0 ||
		getnameinfo((struct sockaddr *)&bound, length, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return 0;
	snprintf(address, room, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	return parse_integer(port, "port", 0, UINT16_MAX, &number, &ignored) == 0 ? (int)number : 0;
}

/* ---- names and secrets ---- */

static void add_host(struct server *server, const char *name)
{
	server->hosts = xreallocarray(server->hosts, server->host_count + 1, sizeof(*server->hosts));
	server->hosts[server->host_count++] = name;
}

static void find_hosts(struct server *server)
{
	add_host(server, "localhost");
	if (server->options->token_file && gethostname(server->own_host, sizeof(server->own_host) - 1) == 0)
		add_host(server, server->own_host);
	for (size_t i = 0; i < server->options->host_count; i++)
		add_host(server, server->options->hosts[i]);
}

/* Cookies know no ports: each server has one of its own. */
static int make_token(struct server *server, int port, struct error *err)
{
	char token[TOKEN_MOST + 1];
	unsigned char secret[32];

	if (!server->options->token_file)
		return 0;
	if (token_read(server->options->token_file, token, err) != 0)
		return -1;
	buffer_append_sha256(&server->token.digest, token, strlen(token));
	explicit_bzero(token, sizeof(token));
	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot draw a secret");
	for (size_t i = 0; i < sizeof(secret); i++)
		buffer_printf(&server->token.cookie, "%02x", secret[i]);
	snprintf(server->token.cookie_name, sizeof(server->token.cookie_name), "pyrope%d", port);
	return 0;
}

/* ---- the loop ---- */

static int open_signals(struct server *server, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	server->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return server->signals >= 0 ? 0 : error_set_errno(err, ERROR_SYSTEM, errno, "cannot take signals");
}

static int timeout_ms(struct server *server)
{
	MHD_UNSIGNED_LONG_LONG wanted;

	if (MHD_get_timeout(server->daemon, &wanted) == MHD_YES && wanted < SWEEP_MS)
		return (int)wanted;
	return SWEEP_MS;
}

static int serve(struct server *server, struct error *err)
{
	const int events = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	int64_t swept_ns = monotonic_ns();

	for (;;) {
		struct pollfd polled[POLLED] = { { .fd = server->signals, .events = POLLIN },
			{ .fd = events, .events = POLLIN } };
		const size_t count = 2 + jobs_poll(&server->jobs, polled + 2, POLLED - 2);

		if (poll(polled, count, timeout_ms(server)) > 0 && polled[0].revents)
			return 0;
		jobs_run(&server->jobs);
		MHD_run(server->daemon);
		jobs_run(&server->jobs); /* what has just come */
		if (server->failure.kind) {
			*err = server->failure;
			return -1;
		}
		if (monotonic_ns() - swept_ns > SWEEP_MS * INT64_C(1000000)) {
			sweep(server);
			swept_ns = monotonic_ns();
		}
	}
}

static void say_address(const char *address, const char *folder)
{
	printf("pyrope serves '%s' on http://%s/\n", folder, address);
	fflush(stdout);
}

static int run(struct server *server, struct error *err)
{
	char address[80] = "";

	if (open_listener(server, err) != 0 ||
		make_token(server, find_port(server, address, sizeof(address)), err) != 0 ||
		store_open(&server->store, server->options->folder, err) != 0 ||
		open_signals(server, err) != 0)
		return -1;
	find_hosts(server);
	if (catalogue_open(server, err) != 0 || start_daemon(server, err) != 0)
		return -1;
	say_address(address, server->options->folder);
	return serve(server, err);
}

/* The next piece of work that a request waits for. */
static struct job *next_waited_for(const struct server *server)
{
	struct job *job = server->jobs.first;

	return job && job == server->unknown.job ? job->next : job;
}

/* What waits for a child is resumed, for libmicrohttpd does not end with a request that is suspended. */
static void stop(struct server *server)
{
	struct job *job;

	while ((job = next_waited_for(server))) {
		struct request *request = job->context;

		jobs_cancel(&server->jobs, job);
		request->job = NULL;
		MHD_resume_connection(request->connection);
	}
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	if (server->listener >= 0)
		close(server->listener);
	if (server->signals >= 0)
		close(server->signals);
	catalogue_close(server);
	jobs_release(&server->jobs);
	store_close(&server->store);
	buffer_release(&server->token.digest);
	buffer_release(&server->token.cookie);
	free(server->hosts);
}

int web_serve(const struct web_options *options, struct error *err)
{
	struct server server = {
		.options = options, .store = { .folder = -1, .lock = -1 }, .listener = -1, .signals = -1
	};
	int result;

	umask(077); /* nothing of it is for others */
	jobs_init(&server.jobs, options->work, 4 * options->upload_bytes + WRITTEN_BYTES);
	result = run(&server, err);
	stop(&server);
	return result;
}
