// SPDX-License-Identifier: MIT
//
// Counting: how many samples of a range end at each node of the tree of stacks, and what that makes for nodes, functions and states.
'use strict';

const RUNS_A_STEP = 1 << 15;

// How many samples of a run are before this time. Only the first and the last have times of their own: the others lie evenly between them.
function ticks_before(runs, run, time) {
	const start = runs.start[run], last = runs.last[run], weight = runs.weight[run];
	if (time <= start)
		return 0;
	if (time > last)
		return weight;
	return Math.ceil((time - start) * (weight - 1) / (last - start));
}

const ticks_between = (runs, run, from, to) =>
	runs.start[run] >= from && runs.last[run] < to ? runs.weight[run] : ticks_before(runs, run, to) - ticks_before(runs, run, from);

// The first run of the thread that ends after this time.
function find_run(thread, time) {
	const { end } = profile.runs;
	let low = profile.first[thread], high = profile.first[thread + 1];
	while (low < high) {
		const middle = low + high >>> 1;
		if (end[middle] <= time)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

// Calls use(run, samples) for each run of the thread with samples in [from, to), of the states that count.
function each_run(thread, [from, to], states, use) {
	const { runs } = profile, end = profile.first[thread + 1];
	for (let run = find_run(thread, from); run < end && runs.start[run] < to; run++) {
		if (!(states >> runs.state[run] & 1))
			continue;
		const ticks = ticks_between(runs, run, from, to);
		if (ticks)
			use(run, ticks);
	}
}

const is_counted = (thread) => view.thread < 0 || view.thread === thread;

// All samples of a range: by node, by state and thread. In steps: it yields now and then.
function* count_range([from, to]) {
	const self = new Float64Array(profile.node_count), { runs } = profile;
	const states = Array.from(profile.threads, () => new Float64Array(STATES.length));
	let all = 0, left = RUNS_A_STEP;
	for (let thread = 0; thread < states.length; thread++) {
		const mine = states[thread], end = is_counted(thread) ? profile.first[thread + 1] : 0;
		for (let run = find_run(thread, from); run < end && runs.start[run] < to; run++) {
			const state = runs.state[run], ticks = ticks_between(runs, run, from, to);
			mine[state] += ticks;
			if (counts_state(state)) {
				self[runs.stack[run]] += ticks;
				all += ticks;
			}
			if (--left)
				continue;
			left = RUNS_A_STEP;
			yield;
		}
	}
	return { self, states, all };
}

// Of each node, the samples in it: those that end there and those that go on.
function add_up(self, parent) {
	const total = self.slice();
	for (let i = total.length; --i > 0;)
		if (total[i])
			total[parent[i]] += total[i];
	return total;
}

// Is a node the outermost one of its key (its function, its frame) in its stack? So recursion counts once.
function mark_outermost(key, key_count) {
	const count = profile.node_count, first = new Uint32Array(count), next = new Uint32Array(count);
	for (let i = count; --i > 0;) {
		next[i] = first[profile.node_parent[i]];
		first[profile.node_parent[i]] = i;
	}
	const open = new Uint32Array(key_count), is_outermost = new Uint8Array(count);
	for (let node = first[0]; node;) {
		if (open[key[node]]++ === 0)
			is_outermost[node] = 1;
		if (first[node]) {
			node = first[node];
			continue;
		}
		while (node && !next[node]) {
			open[key[node]]--;
			node = profile.node_parent[node];
		}
		if (node) {
			open[key[node]]--;
			node = next[node];
		}
	}
	return is_outermost;
}

let outermost_function;

// Of each function the samples that end in it, and those that it is in.
function count_functions(self, total) {
	const count = profile.functions.length, counts = { self: new Float64Array(count), total: new Float64Array(count) };
	outermost_function ??= mark_outermost(profile.node_function, count);
	for (let i = 1; i < self.length; i++) {
		if (!total[i])
			continue;
		const number = profile.node_function[i];
		counts.self[number] += self[i];
		if (outermost_function[i])
			counts.total[number] += total[i];
	}
	return counts;
}

// What the range has, counted once for all that show it.
let counted = null;

function* count_again() {
	const counts = yield* count_range(range());
	counts.total = add_up(counts.self, profile.node_parent);
	yield;
	counts.functions = count_functions(counts.self, counts.total);
	counts.kept = null;
	if (view.kept) {
		yield;
		counts.kept = yield* count_range(view.kept);
		counts.kept.total = add_up(counts.kept.self, profile.node_parent);
	}
	counted = counts;
}
