// SPDX-License-Identifier: MIT
//
// The timeline: a row for each thread, grouped by process, with CPU and memory of the process below them. The height of a column is the
// depth of the stack, its colours are the states of the time that it stands for, each as high as its part of that. So it shows the same
// from all of a run down to single samples. Where a sample is selected, what other samples have in common with it is in full colour.
'use strict';

const AXIS = 22, PROCESS_ROW = 20, COUNTER_ROW = 26, LEAST_ROW = 14, HIGHEST_ROW = 48;

let stage, rows = [], rows_height = 0, deepest = 1, common = null, image = null;

const is_narrow = (width) => width < 600;
const gutter = (width) => is_narrow(width) ? 96 : 168;

function layout_rows() {
	const threads = profile.threads.map((_, thread) => thread).filter(is_counted);
	const height = Math.max(LEAST_ROW, Math.min(HIGHEST_ROW, Math.floor(300 / Math.max(threads.length, 1))));
	rows = [];
	rows_height = AXIS;
	const add = (kind, index, high) => {
		rows.push({ kind, index, top: rows_height, height: high });
		rows_height += high;
	};
	profile.processes.forEach((process, i) => {
		const mine = threads.filter((thread) => profile.threads[thread].process === i);
		mine.sort((a, b) => profile.threads[a].tid - profile.threads[b].tid); // the main thread is the first
		if (!mine.length)
			return;
		add('process', i, PROCESS_ROW);
		mine.forEach((thread) => add('thread', thread, height));
		if (process.time.length < 2)
			return;
		add('cpu', i, COUNTER_ROW);
		add('memory', i, COUNTER_ROW);
	});
	rows_height += 4;
}

// ---- a row of a thread ----

let column_states, column_depth, column_common, column_time;

function clear_columns(width) {
	if (!column_states || column_depth.length < width) {
		column_states = new Float64Array(width * STATES.length);
		column_depth = new Float64Array(width);
		column_common = new Float64Array(width);
		column_time = new Float64Array(width);
	}
	column_states.fill(0);
	column_depth.fill(0);
	column_common.fill(0);
	column_time.fill(0);
}

function add_to_column(x, time, state, depth, shared) {
	column_states[x * STATES.length + state] += time;
	column_time[x] += time;
	column_common[x] += shared * time;
	if (depth > column_depth[x])
		column_depth[x] = depth;
}

function add_run(run, left, right, width) {
	const { runs } = profile, state = runs.state[run], depth = runs.depth[run], shared = common ? common[runs.stack[run]] : 0;
	let x = Math.floor(left);
	const last = Math.min(Math.floor(right), width - 1);
	if (x >= last) {
		if (x < width)
			add_to_column(x, right - left, state, depth, shared);
		return;
	}
	add_to_column(x, x + 1 - left, state, depth, shared);
	for (x++; x < last; x++)
		add_to_column(x, 1, state, depth, shared);
	if (right > last)
		add_to_column(last, right - last, state, depth, shared);
}

// A part of a group's time into one column; `scale` are pixels a microsecond.
function add_part(x, levels, group, scale) {
	const from = group * STATES.length, to = x * STATES.length;
	let sum = 0;
	for (let state = 0; state < STATES.length; state++) {
		const time = levels.times[from + state] * scale;
		column_states[to + state] += time;
		sum += time;
	}
	column_time[x] += sum;
	if (common)
		column_common[x] += levels.shared[group] * scale;
	if (levels.depth[group] > column_depth[x])
		column_depth[x] = levels.depth[group];
}

// A group that is narrower than a column: into the one or the two in which it lies.
function add_group(levels, group, left, right, width, scale) {
	const x = Math.floor(left), part = right >= x + 1 ? (x + 1 - left) / (right - left) : 1;
	if (x >= 0 && x < width)
		add_part(x, levels, group, scale * part);
	if (part < 1 && x + 1 < width)
		add_part(x + 1, levels, group, scale * (1 - part));
}

// As many runs at once as are narrower than half a column.
function fill_columns(thread, width) {
	const { runs } = profile, end = profile.first[thread + 1], levels = levels_of(thread);
	const scale = width / (view.to - view.from), shift = view.from, most = 0.5 / scale;
	clear_columns(width);
	levels.share(common);
	let level = 0;
	for (let run = find_run(thread, view.from); run < end && runs.start[run] < view.to; run += level_size(level)) {
		while (level && !levels.has(level, run, most))
			level--;
		while (level < levels.top && levels.has(level + 1, run, most))
			level++;
		const left = (runs.start[run] - shift) * scale;
		if (level)
			add_group(levels, levels.group(level, run), left, (runs.end[Math.min(run + level_size(level), end) - 1] - shift) * scale, width, scale);
		else
			add_run(run, Math.max(left, 0), Math.min((runs.end[run] - shift) * scale, width), width);
	}
}

// Colours as the bytes of a canvas: of what is common, and what is above that; paler is what does not count.
function palette() {
	const paper = is_dark.matches ? [27, 29, 33] : [255, 255, 255];
	const mix = (hex, part) => {
		const colour = [1, 3, 5].map((at, i) => Math.round(parseInt(hex.slice(at, at + 2), 16) * part + paper[i] * (1 - part)));
		return (255 << 24 | colour[2] << 16 | colour[1] << 8 | colour[0]) >>> 0;
	};
	const row = (part) => Uint32Array.from(STATES, (_, state) => mix(state_colour(state), counts_state(state) ? part : 0.18));
	return { low: row(1), above: row(0.35) };
}

// Pixels of one row, bottom up, into an image of the same width.
function paint_columns(pixels, width, height, from, to, high, colours) {
	const top = Math.max(from, 0), scale = (high - 2) / deepest;
	for (let x = 0; x < width; x++) {
		const time = column_time[x];
		if (!time)
			continue;
		const tall = Math.max(Math.round(Math.min(column_depth[x] * scale, high - 2)), 2);
		const shared = common ? Math.round(Math.min(column_common[x] / time * scale, high - 2)) : tall;
		let y = 0, sum = 0;
		for (let i = 0; i < STATE_ORDER.length; i++) {
			const state = STATE_ORDER[i], part = column_states[x * STATES.length + state];
			if (!part)
				continue;
			sum += part;
			const end = Math.round(sum / time * tall), low = colours.low[state], above = colours.above[state];
			for (; y < end; y++) {
				const line = to - 1 - y;
				if (line >= top && line < height)
					pixels[line * width + x] = y < shared ? low : above;
			}
		}
	}
}

// ---- all of it ----

function tick_step(span, width) {
	const least = span / Math.max(width / 90, 1), power = 10 ** Math.floor(Math.log10(least));
	return [1, 2, 5, 10].map((by) => by * power).find((step) => step >= least);
}

function draw_axis(context, width, left, colours) {
	const step = tick_step(view.to - view.from, width - left), scale = (width - left) / (view.to - view.from);
	context.fillStyle = colours.paper;
	context.fillRect(0, 0, width, AXIS);
	context.fillStyle = colours.faint;
	for (let at = Math.ceil(view.from / step) * step; at < view.to; at += step) {
		const x = left + (at - view.from) * scale;
		context.fillRect(x, AXIS - 5, 1, 5);
		if (x < width - 40)
			context.fillText(moment_text(at, step), x + 3, AXIS / 2);
	}
	context.fillRect(0, AXIS - 1, width, 1);
}

// The first of a sorted list that is after this one.
function find_after(list, value) {
	let low = 0, high = list.length;
	while (low < high) {
		const middle = low + high >>> 1;
		if (list[middle] <= value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const cpu_between = (process, from, to) => (process.cpu[to] - process.cpu[from]) / Math.max(process.time[to] - process.time[from], 1);

function most_of(process) {
	let cpu = 0.01;
	for (let i = 1; i < process.time.length; i++)
		cpu = Math.max(cpu, cpu_between(process, i - 1, i));
	const memory = highest_levels(process.memory);
	return { cpu, levels: memory, memory: Math.max(1, ...memory.at(-1)) };
}

// Of CPU time the mean of some neighbours, of memory the most, so that there are not many more than pixels.
function draw_counter_values(context, process, is_memory, most, top, height, width, left) {
	const { time } = process, scale = (width - left) / (view.to - view.from);
	const from = Math.max(find_after(time, view.from) - 1, 0), to = Math.min(find_after(time, view.to), time.length - 1);
	const level = Math.min(Math.max(Math.floor(Math.log2((to - from) / width)), 0), process.most.levels.length - 1), by = 1 << level;
	for (let i = Math.floor(from / by) * by; i < to; i += by) {
		const next = Math.min(i + by, time.length - 1), x = left + (time[i] - view.from) * scale, end = left + (time[next] - view.from) * scale;
		const value = is_memory ? process.most.levels[level][level ? i / by : next] : cpu_between(process, i, next);
		const high = value / most * (height - 4);
		context.fillRect(x, top + height - 1 - high, Math.max(end - x, 1), high);
	}
}

function draw_counter(context, row, top, width, left, colours) {
	const process = profile.processes[row.index], is_memory = row.kind === 'memory';
	process.most ??= most_of(process);
	const most = process.most[row.kind];
	context.save();
	context.beginPath();
	context.rect(left, top, width - left, row.height);
	context.clip();
	context.fillStyle = is_memory ? (is_dark.matches ? '#8a6fb0' : '#9f86c0') : (is_dark.matches ? '#3f8f8a' : '#63a8a3');
	draw_counter_values(context, process, is_memory, most, top, row.height, width, left);
	context.restore();
	context.fillStyle = colours.faint;
	const text = is_memory ? memory_text(most) : `${Math.round(most * 100)}%`;
	context.fillText(fit_text(context, `${is_memory ? 'memory' : 'CPU'}${is_narrow(width) ? '' : ', up to'} ${text}`, left - 14), 12, top + row.height / 2);
}

const memory_text = (kilobytes) => kilobytes >= 1e6 ? `${(kilobytes / 1048576).toFixed(2)} GB` : `${(kilobytes / 1024).toFixed(1)} MB`;

function draw_threads(context, shown, width, height, left, top, scale) {
	const wide = Math.round((width - left) * scale), high = Math.round(height * scale);
	if (wide < 1)
		return;
	if (image?.width !== wide || image.height !== high)
		image = context.createImageData(wide, high);
	const pixels = new Uint32Array(image.data.buffer), colours = palette();
	pixels.fill(is_dark.matches ? 0xff211d1b : 0xffffffff);
	for (const row of shown) {
		if (row.kind !== 'thread')
			continue;
		fill_columns(row.index, wide);
		paint_columns(pixels, wide, high, Math.round(AXIS * scale), Math.round((row.top - top + row.height) * scale),
			Math.round(row.height * scale), colours);
	}
	context.putImageData(image, Math.round(left * scale), 0);
}

function draw_range(context, width, height, left, colours) {
	const scale = (width - left) / (view.to - view.from), x_of = (at) => Math.min(Math.max(left + (at - view.from) * scale, left), width);
	if (view.selection) {
		const [from, to] = view.selection.map(x_of);
		context.fillStyle = colours.veil;
		context.fillRect(left, AXIS, from - left, height);
		context.fillRect(to, AXIS, width - to, height);
		context.fillStyle = colours.accent;
		context.fillRect(from, 0, 1, height);
		context.fillRect(to - 1, 0, 1, height);
	}
	if (view.kept) {
		const [from, to] = view.kept.map(x_of);
		context.fillStyle = '#cc79a7';
		context.fillRect(from, AXIS - 5, Math.max(to - from, 1), 4);
	}
}

function draw_sample(context, shown, width, left, top, colours) {
	const row = view.sample && shown.find((one) => one.kind === 'thread' && one.index === view.sample.thread);
	if (!row)
		return;
	const { runs } = profile, scale = (width - left) / (view.to - view.from);
	const x = left + (runs.start[view.sample.run] - view.from) * scale, end = left + (runs.end[view.sample.run] - view.from) * scale;
	if (end < left || x > width)
		return;
	context.strokeStyle = colours.ink;
	context.lineWidth = 2;
	context.strokeRect(Math.max(x, left) - 1, row.top - top, Math.max(Math.min(end, width) - Math.max(x, left), 1) + 2, row.height);
}

function draw_timeline(context, width, height, top, scale) {
	const left = gutter(width), colours = theme();
	const shown = rows.filter((row) => row.top + row.height > top + AXIS && row.top < top + height);
	context.fillStyle = colours.paper;
	context.fillRect(0, 0, width, height);
	draw_threads(context, shown, width, height, left, top, scale);
	for (const row of shown) {
		const y = row.top - top;
		if (row.kind === 'process') {
			context.fillStyle = colours.rule;
			context.fillRect(0, y, width, 1);
			context.fillStyle = colours.ink;
			context.font = 'bold 12px system-ui, sans-serif';
			context.fillText(fit_text(context, process_text(row.index), width - 8), 4, y + row.height / 2);
			context.font = '12px system-ui, sans-serif';
		} else if (row.kind === 'thread') {
			context.fillStyle = colours.ink;
			context.fillText(fit_text(context, is_narrow(width) ? profile.threads[row.index].name : thread_text(row.index), left - 18), 12, y + row.height / 2);
		} else {
			draw_counter(context, row, y, width, left, colours);
		}
	}
	draw_range(context, width, height, left, colours);
	draw_sample(context, shown, width, left, top, colours);
	draw_axis(context, width, left, colours);
}

const time_at = (x) => {
	const width = stage.box.clientWidth, left = gutter(width);
	return view.from + (Math.min(Math.max(x, left), width) - left) / (width - left) * (view.to - view.from);
};
const row_at = (y) => rows.find((row) => y >= row.top && y < row.top + row.height);

// ---- samples ----

// How much of each stack is the same as of this one, from the outermost frame on.
function find_common(stack) {
	const is_on_path = new Uint8Array(profile.node_count);
	for (let node = stack; node; node = profile.node_parent[node])
		is_on_path[node] = 1;
	common = new Uint32Array(profile.node_count);
	for (let i = 1; i < common.length; i++)
		common[i] = is_on_path[i] ? profile.node_depth[i] : common[profile.node_parent[i]];
}

function select_sample(thread, run) {
	const is_one = thread >= 0 && run >= profile.first[thread] && run < profile.first[thread + 1];
	view.sample = is_one ? { thread, run } : null;
	common = null;
	if (!is_one) {
		changed(SAMPLE);
		return;
	}
	find_common(profile.runs.stack[run]);
	const { start, end } = profile.runs;
	if (end[run] <= view.from || start[run] >= view.to) {
		const half = (view.to - view.from) / 2;
		set_window(start[run] - half, start[run] + half);
	}
	changed(SAMPLE);
}

function step_sample(by) {
	if (view.sample && view.sample.run + by >= profile.first[view.sample.thread] && view.sample.run + by < profile.first[view.sample.thread + 1])
		select_sample(view.sample.thread, view.sample.run + by);
}

// The thread above or below, at the same time.
function step_thread(by) {
	const threads = rows.filter((row) => row.kind === 'thread').map((row) => row.index);
	const next = threads[threads.indexOf(view.sample.thread) + by];
	if (next === undefined)
		return;
	const run = find_run(next, profile.runs.start[view.sample.run]);
	if (profile.first[next + 1] > profile.first[next])
		select_sample(next, Math.min(run, profile.first[next + 1] - 1));
}

function click_timeline(x, y) {
	const row = row_at(y), time = time_at(x);
	if (row?.kind !== 'thread' || x < gutter(stage.box.clientWidth)) {
		select_sample(-1, 0);
		return;
	}
	const run = find_run(row.index, time), reach = 3 * (view.to - view.from) / stage.box.clientWidth;
	if (run < profile.first[row.index + 1] && profile.runs.start[run] <= time + reach)
		select_sample(row.index, run);
	else
		select_sample(-1, 0);
}

function tip_of(x, y) {
	const row = row_at(y), time = time_at(x), { runs } = profile;
	if (!row || x < gutter(stage.box.clientWidth))
		return null;
	const when = moment_text(time, (view.to - view.from) / 1000);
	if (row.kind === 'process')
		return [process_text(row.index)];
	if (row.kind !== 'thread') {
		const process = profile.processes[row.index], i = find_after(process.time, time - 0.001);
		if (i < 1 || i === process.time.length)
			return null;
		const cpu = (process.cpu[i] - process.cpu[i - 1]) / Math.max(process.time[i] - process.time[i - 1], 1);
		return [`${when}: ${process_text(row.index)}`, row.kind === 'memory' ? `memory: ${memory_text(process.memory[i])}` : `CPU: ${percent(cpu, 1)}`];
	}
	const run = find_run(row.index, time);
	if (run >= profile.first[row.index + 1] || runs.start[run] > time)
		return [`${when}: ${thread_text(row.index)}`, 'no sample'];
	const stack = runs.stack[run];
	return [`${when}: ${thread_text(row.index)}`, STATES[runs.state[run]].name,
		stack ? `${function_name(profile.node_function[stack])} ${function_place(profile.node_function[stack], profile.frame_line[profile.node_frame[stack]])}` : ''];
}

// As deep as all but one in 100 samples: the few that are deeper are as high as a row is.
function usual_depth() {
	const { runs, node_depth } = profile, samples = [];
	let all = 0, sum = 0;
	for (let i = 0; i < runs.stack.length; i++) {
		const depth = node_depth[runs.stack[i]];
		samples[depth] = (samples[depth] ?? 0) + runs.weight[i];
		all += runs.weight[i];
	}
	const depth = samples.findIndex((count) => (sum += count ?? 0) >= 0.99 * all);
	return Math.max(depth, 1);
}

function start_timeline() {
	stage = new Stage('timeline', draw_timeline);
	deepest = usual_depth();
	layout_rows();
	start_navigation();
	at_once.push(() => stage.show(rows_height, Math.max(innerHeight * 0.5, 160)));
}
