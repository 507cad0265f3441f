// SPDX-License-Identifier: MIT
//
// What was sampled, as html_data.c has written it into the page: base64 of gzip of a line of JSON and numbers. It is unpacked piece by
// piece and becomes columns of typed arrays. Texts come from the profiled program: they become text, and nothing else.
'use strict';

const PIECE = 1 << 20; // letters of base64 that are unpacked at once; a multiple of 4
const RUN_COLLECTS = 8, RUN_IS_GAP = 16, RUN_END = 32; // as in html_data.c
const KIND_IDLE = 6, KIND_OTHER = 8; // as enum frame_kind

// What a thread does, by the number that the profiler has for it; the last two are found out here. The colours are told apart by people
// who do not see red or green as others do (Okabe and Ito, "Color Universal Design"), and they differ in brightness.
const GC = 6, IDLE = 7;
const STATES = [
	{ name: 'state not known', light: '#c9b458', dark: '#c9b458' },
	{ name: 'holds the GIL', light: '#0072b2', dark: '#3b9ad9' },
	{ name: 'waits for the GIL', light: '#d55e00', dark: '#f07b1a' },
	{ name: 'CPU without the GIL', light: '#009e73', dark: '#1fc296' },
	{ name: 'system call', light: '#b4bcc8', dark: '#5d6673' },
	{ name: 'waits for a CPU', light: '#e8b000', dark: '#f2cc4c' },
	{ name: 'garbage collection', light: '#b3478c', dark: '#d68cbc' },
	{ name: 'idle', light: '#e2e5e9', dark: '#3a3f46' },
];
// From the bottom of a row upwards.
const STATE_ORDER = [1, 3, 6, 2, 5, 0, 4, 7];

// A reader of numbers of 7 bits a byte, the lowest first.
class Numbers {
	constructor(bytes, at) {
		this.bytes = bytes;
		this.at = at;
	}

	next() {
		const { bytes } = this;
		let byte = bytes[this.at++];
		if (byte < 128)
			return byte;
		let value = byte & 127, scale = 128;
		do {
			byte = bytes[this.at++];
			value += (byte & 127) * scale;
			scale *= 128;
		} while (byte >= 128);
		return value;
	}
}

async function unpack(text) {
	const stream = new DecompressionStream('gzip'), writer = stream.writable.getWriter();
	const whole = new Response(stream.readable).arrayBuffer();
	for (let at = 0; at < text.length; at += PIECE) {
		const letters = atob(text.slice(at, at + PIECE)), bytes = new Uint8Array(letters.length);
		for (let i = 0; i < letters.length; i++)
			bytes[i] = letters.charCodeAt(i);
		await writer.write(bytes);
	}
	await writer.close();
	return new Uint8Array(await whole);
}

// Frames (a function and a line) and the tree of stacks; node 0 is the empty stack, and callers come before callees.
function read_stacks(profile, numbers) {
	const frame_count = numbers.next();
	profile.frame_function = new Uint32Array(frame_count);
	profile.frame_line = new Uint32Array(frame_count);
	for (let i = 0; i < frame_count; i++) {
		profile.frame_function[i] = numbers.next();
		profile.frame_line[i] = numbers.next();
	}
	const node_count = numbers.next();
	profile.node_parent = new Uint32Array(node_count);
	profile.node_frame = new Uint32Array(node_count);
	profile.node_function = new Uint32Array(node_count);
	profile.node_depth = new Uint32Array(node_count);
	for (let i = 1; i < node_count; i++) {
		const parent = i - numbers.next(), frame = numbers.next();
		profile.node_parent[i] = parent;
		profile.node_frame[i] = frame;
		profile.node_function[i] = profile.frame_function[frame];
		profile.node_depth[i] = profile.node_depth[parent] + 1;
	}
	profile.node_count = node_count;
}

// Runs of equal samples, thread by thread: thread i has those from first[i] to first[i + 1]. Each stands for `weight` samples, evenly from
// `start` to `last`, and what was seen lasts until `end`.
function read_runs(profile, numbers) {
	const { threads } = profile, count = threads.reduce((sum, thread) => sum + thread.runs, 0);
	const runs = {
		start: new Float64Array(count), last: new Float64Array(count), end: new Float64Array(count),
		weight: new Uint32Array(count), stack: new Uint32Array(count), depth: new Uint32Array(count), state: new Uint8Array(count),
	};
	let at = 0;
	profile.first = new Uint32Array(threads.length + 1);
	threads.forEach((thread, i) => {
		let now = 0, is_open = false;
		profile.first[i] = at;
		for (let head; (head = numbers.next()) < RUN_END;) {
			now += numbers.next();
			if (is_open)
				runs.end[at - 1] = now;
			is_open = head < RUN_IS_GAP;
			if (!is_open)
				continue;
			runs.start[at] = now;
			now += numbers.next();
			runs.last[at] = now;
			runs.end[at] = now + profile.interval;
			runs.weight[at] = numbers.next();
			const stack = runs.stack[at] = numbers.next();
			runs.depth[at] = profile.node_depth[stack];
			const is_idle = runs.depth[at] <= 1 &&
				(!stack || profile.functions[profile.node_function[stack]][4] === KIND_IDLE);
			runs.state[at] = is_idle ? IDLE : head & RUN_COLLECTS ? GC : head & 7;
			at++;
		}
	});
	profile.first[threads.length] = at;
	profile.runs = runs;
}

// What each process has used up by when: CPU time in us, memory in KB.
function read_counters(profile, numbers) {
	for (const process of profile.processes) {
		const count = numbers.next();
		process.time = new Float64Array(count);
		process.cpu = new Float64Array(count);
		process.memory = new Float64Array(count);
		for (let i = 0, time = 0, cpu = 0; i < count; i++) {
			process.time[i] = time += numbers.next();
			process.cpu[i] = cpu += numbers.next();
			process.memory[i] = numbers.next();
		}
	}
}

async function read_profile(text) {
	const bytes = await unpack(text), end = bytes.indexOf(10);
	const profile = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
	const numbers = new Numbers(bytes, end + 1);
	read_stacks(profile, numbers);
	read_runs(profile, numbers);
	read_counters(profile, numbers);
	return profile;
}
