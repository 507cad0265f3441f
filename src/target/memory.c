/* SPDX-License-Identifier: MIT */
/*
 * Reading the target's memory. process_vm_readv(2) serves its iovecs one after the other, in order; the
 * proofs in src/sampling rest on that (process_vm_rw_core in mm/process_vm_access.c: a loop over the remote
 * iovecs, each pinned and copied before the next).
 */
#include "config.h"

#include "target/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define IOVECS_PER_CALL 512 /* the kernel's limit is 1,024 (UIO_MAXIOV) */
#define SMALL_PAGE 4096u

static bool wraps(const struct read_request *request)
{
	return request->length > UINT64_MAX - request->address;
}

/* One pread a request. A short read is tried to its end, since a page may lie at the border. */
static size_t read_proc_mem(struct target *target, const struct read_request *requests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t done = 0;
		int interruptions = 0;

		if (wraps(&requests[i]) || requests[i].address > INT64_MAX)
			return i;
		while (done < requests[i].length) {
			ssize_t got = pread(target->mem_fd, (char *)requests[i].data + done,
				requests[i].length - done, (off_t)(requests[i].address + done));

			target->read_calls++;
			if (got < 0 && errno == EINTR && interruptions++ < INTERRUPTIONS_LIMIT)
				continue;
			/* what is said of an address where nothing is */
			if (got < 0 && errno != EIO && errno != EFAULT)
				target->unanswered[ASKED_MEMORY] = errno;
			if (got <= 0)
				return i;
			target->unanswered[ASKED_MEMORY] = 0;
			done += (size_t)got;
		}
	}
	return count;
}

/*
 * At most IOVECS_PER_CALL requests in one call: *whole is how many were read whole. False: the call is not to
 * be had, for now or at all. Only EFAULT (nothing is mapped there) and ESRCH are answers.
 */
static bool read_vm(struct target *target, const struct read_request *requests, size_t count, size_t *whole)
{
	struct iovec local[IOVECS_PER_CALL], remote[IOVECS_PER_CALL];
	ssize_t bytes;

	*whole = 0;
	for (size_t i = 0; i < count; i++) {
		if (wraps(&requests[i])) {
			count = i;
			break;
		}
		local[i] = (struct iovec){ .iov_base = requests[i].data, .iov_len = requests[i].length };
		remote[i] = (struct iovec){ .iov_base = (void *)(uintptr_t)requests[i].address,
			.iov_len = requests[i].length };
	}
	if (!count)
		return true;
	target->read_calls++;
	bytes = process_vm_readv(target->living_tid, local, count, remote, count, 0);
	/* the thread has exited; the others, if there are any, have the memory still */
	if (bytes < 0 && errno == ESRCH && target_use_living_thread(target)) {
		target->read_calls++;
		bytes = process_vm_readv(target->living_tid, local, count, remote, count, 0);
	}
	if (bytes < 0) {
		if (errno == ENOSYS || errno == EPERM || errno == EACCES) /* an old kernel, or a sandbox */
			target->proc_mem = true;
		return errno == EFAULT || errno == ESRCH;
	}
	target->unanswered[ASKED_MEMORY] = 0;
	while (*whole < count && (size_t)bytes >= requests[*whole].length)
		bytes -= (ssize_t)requests[(*whole)++].length;
	return true;
}

size_t target_read_batch(struct target *target, const struct read_request *requests, size_t count)
{
	size_t done = 0;

	if (target->script)
		return target->script->read_batch(target->script->context, requests, count);
	while (done < count && !target->proc_mem) {
		size_t part = count - done < IOVECS_PER_CALL ? count - done : IOVECS_PER_CALL;
		size_t whole;

		if (!read_vm(target, requests + done, part, &whole))
			break;
		done += whole;
		if (whole < part)
			return done;
	}
	if (done < count)
		done += read_proc_mem(target, requests + done, count - done);
	return done;
}

bool target_read(struct target *target, raddr_t address, void *data, size_t length)
{
	struct read_request request = { .address = address, .data = data, .length = length };

	return target_read_batch(target, &request, 1) == 1;
}

size_t target_read_upto(struct target *target, raddr_t address, void *data, size_t length)
{
	size_t done = 0;

	if (target_read(target, address, data, length))
		return length;
	while (done < length) {
		size_t part = SMALL_PAGE - (address + done) % SMALL_PAGE;

		if (part > length - done)
			part = length - done;
		if (!target_read(target, address + done, (char *)data + done, part))
			break;
		done += part;
	}
	return done;
}

uint64_t target_read_calls(const struct target *target)
{
	return target->read_calls;
}

bool target_reads_by_file(const struct target *target)
{
	return target->proc_mem;
}
