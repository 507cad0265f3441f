// SPDX-License-Identifier: MIT
//
// The flame graph of the range: all samples at the top, what they call below. Inverted, what runs is at the top and its callers are below. Of
// each function there is one frame below each caller, whatever its lines. Only frames that can be seen are laid out.
'use strict';

const FLAME_ROW = 18, LEAST_PIXELS = 0.4, INVERTED_DEEPEST = 200;
// By kind of frame (see kind.h), as STATES has them: told apart by everybody, and black or white can be read on them.
const KINDS = [
	['#f2965f', '#9c4a1a'], ['#f7dc7a', '#75600c'], ['#8fd0b5', '#1d6b50'], ['#8fb9ea', '#285a94'], ['#c3b1e4', '#5c468c'],
	['#e79ac4', '#8f3a6b'], ['#dfe2e6', '#41454b'], ['#c4baab', '#5a5348'], ['#c6cdd5', '#4a525c'],
];
// Of a comparison: less, the same, more.
const LESS = [[63, 127, 224], [47, 99, 184]], SAME = [[220, 223, 227], [65, 69, 75]], MORE = [[238, 95, 67], [192, 65, 43]];

const flame = {
	stage: null, trees: {}, inverted: false, by_thread: false,
	root: 0, thread: -1, // what was clicked
	frames: [], height: 0, cursor: -1, all: 0, kept: 0, turn: 0,
	search: null, hits: null,
};

// ---- trees ----

class Tree {
	constructor(capacity) {
		this.parent = new Uint32Array(capacity);
		this.function = new Uint32Array(capacity);
		this.depth = new Uint32Array(capacity);
		this.of = new Uint32Array(profile.node_count); // node of the profile -> node of this tree
		this.count = 1;
		this.known = new Map();
		this.children = new Map();
	}

	child(parent, number) {
		const key = parent * profile.functions.length + number;
		let node = this.known.get(key);
		if (node)
			return node;
		node = this.count++;
		if (node >= this.parent.length)
			this.grow();
		this.known.set(key, node);
		this.parent[node] = parent;
		this.function[node] = number;
		this.depth[node] = this.depth[parent] + 1;
		return node;
	}

	grow() {
		for (const name of ['parent', 'function', 'depth']) {
			const longer = new Uint32Array(this.parent.length * 2);
			longer.set(this[name]);
			this[name] = longer;
		}
	}

	finish() {
		this.known = null;
		this.first = new Uint32Array(this.count);
		this.next = new Uint32Array(this.count);
		for (let i = this.count; --i > 0;) {
			this.next[i] = this.first[this.parent[i]];
			this.first[this.parent[i]] = i;
		}
		return this;
	}

	// By name, so that a frame stays where it is when the range changes.
	children_of(node) {
		let list = this.children.get(node);
		if (list)
			return list;
		list = [];
		for (let child = this.first[node]; child; child = this.next[child])
			list.push(child);
		list.sort((a, b) => {
			const left = function_label(this.function[a]), right = function_label(this.function[b]);
			return left < right ? -1 : left > right ? 1 : 0;
		});
		this.children.set(node, list);
		return list;
	}

	totals(self) {
		const total = new Float64Array(this.count);
		for (let i = 1; i < self.length; i++)
			if (self[i])
				total[this.of[i]] += self[i];
		const own = total.slice();
		for (let i = this.count; --i > 0;)
			if (total[i])
				total[this.parent[i]] += total[i];
		return { total, own };
	}
}

function make_tree() {
	const tree = new Tree(Math.min(profile.node_count, 1 << 20) + 1);
	for (let i = 1; i < profile.node_count; i++)
		tree.of[i] = tree.child(tree.of[profile.node_parent[i]], profile.node_function[i]);
	return tree.finish();
}

function make_inverted_tree() {
	const tree = new Tree(1024), { stack } = profile.runs;
	for (const node of new Set(stack)) {
		let at = 0, depth = 0;
		for (let up = node; up && depth < INVERTED_DEEPEST; up = profile.node_parent[up], depth++)
			at = tree.child(at, profile.node_function[up]);
		tree.of[node] = at;
	}
	return tree.finish();
}

function tree_now() {
	const name = flame.inverted ? 'inverted' : 'plain';
	flame.trees[name] ??= flame.inverted ? make_inverted_tree() : make_tree();
	return flame.trees[name];
}

// ---- frames ----

// Frames below `node`, which begins at x and is `scale` pixels a sample; a stack of its own, for there may be very deep ones.
function lay_out(plan, tree, counts, kept, node, x, scale, row, thread) {
	const work = [[node, x, row]];
	while (work.length) {
		const [at, left, line] = work.pop(), total = counts.total[at];
		plan.frames.push({
			node: at, thread, x: left, width: total * scale, row: line, total,
			self: flame.inverted ? 0 : counts.own[at], before: kept ? kept.total[at] : 0,
		});
		plan.height = Math.max(plan.height, line + 1);
		let next = left;
		for (const child of tree.children_of(at)) {
			const width = counts.total[child] * scale;
			if (width >= LEAST_PIXELS)
				work.push([child, next, line + 1]);
			next += width;
		}
	}
}

// The callers of what was clicked, as wide as everything.
function lay_out_above(plan, tree, counts, kept, width) {
	const path = [];
	for (let node = flame.root; node; node = tree.parent[node])
		path.push(tree.parent[node]);
	path.reverse();
	if (flame.by_thread && flame.thread >= 0)
		plan.frames.push({ node: 0, thread: -1, x: 0, width, row: 0, total: flame.all, self: 0, before: flame.kept, above: true });
	const row = flame.by_thread && flame.thread >= 0 ? 1 : 0;
	path.forEach((node, i) => plan.frames.push({
		node, thread: flame.thread, x: 0, width, row: i + row, total: counts.total[node],
		self: counts.own[node], before: kept ? kept.total[node] : 0, above: true,
	}));
	return path.length + row;
}

function thread_counts(tree, thread, which) {
	const self = new Float64Array(profile.node_count);
	each_run(thread, which, view.states, (run, ticks) => {
		self[profile.runs.stack[run]] += ticks;
	});
	return tree.totals(self);
}

function* lay_out_threads(plan, tree, width) {
	const threads = profile.threads.map((_, thread) => thread).filter((thread) => is_counted(thread) && (flame.thread < 0 || thread === flame.thread));
	let x = 0;
	if (flame.thread < 0) {
		plan.frames.push({ node: 0, thread: -1, x: 0, width, row: 0, total: flame.all, self: 0, before: flame.kept });
	}
	for (const thread of threads) {
		yield;
		const counts = thread_counts(tree, thread, range()), kept = view.kept ? thread_counts(tree, thread, view.kept) : null;
		if (!counts.total[0])
			continue;
		if (flame.thread >= 0) {
			const row = lay_out_above(plan, tree, counts, kept, width);
			lay_out(plan, tree, counts, kept, flame.root, 0, width / Math.max(counts.total[flame.root], 1), row, thread);
			return;
		}
		lay_out(plan, tree, counts, kept, 0, x, width / flame.all, 1, thread);
		x += counts.total[0] * width / flame.all;
	}
}

function* lay_out_flame(plan) {
	const width = flame.stage.box.clientWidth, tree = tree_now();
	flame.all = counted.all;
	flame.kept = counted.kept?.all ?? 0;
	if (!flame.all || !width)
		return;
	if (flame.by_thread) {
		yield* lay_out_threads(plan, tree, width);
		return;
	}
	const counts = tree.totals(counted.self);
	plan.total = counts.total;
	yield;
	const kept = counted.kept ? tree.totals(counted.kept.self) : null;
	if (!counts.total[flame.root])
		flame.root = 0;
	lay_out(plan, tree, counts, kept, flame.root, 0, width / counts.total[flame.root], lay_out_above(plan, tree, counts, kept, width), -1);
}

// ---- drawing ----

const mix_colours = (a, b, part) => `rgb(${a.map((value, i) => Math.round(value + (b[i] - value) * part)).join(',')})`;
const change_of = (frame) => frame.total / flame.all - (flame.kept ? frame.before / flame.kept : 0);

function frame_colour(frame) {
	const dark = is_dark.matches ? 1 : 0;
	if (view.kept && flame.kept) {
		const change = change_of(frame), part = Math.min(Math.sqrt(Math.abs(change)) * 1.6, 1);
		return Math.abs(change) < 0.0005 ? mix_colours(SAME[dark], SAME[dark], 0) : mix_colours(SAME[dark], (change > 0 ? MORE : LESS)[dark], part);
	}
	const kind = frame.node ? profile.functions[tree_now().function[frame.node]][4] : KIND_OTHER;
	return KINDS[kind][dark];
}

const frame_name = (frame) => frame.node ? function_label(tree_now().function[frame.node]) : frame.thread < 0 ? 'all' : thread_text(frame.thread);
const is_hit = (frame) => flame.hits && frame.node && flame.hits[tree_now().function[frame.node]];

function draw_flame(context, width, height, top) {
	const colours = theme();
	context.fillStyle = colours.paper;
	context.fillRect(0, 0, width, height);
	flame.frames.forEach((frame, i) => {
		const y = frame.row * FLAME_ROW - top;
		if (y + FLAME_ROW <= 0 || y >= height)
			return;
		const wide = Math.max(frame.width - (frame.width > 3 ? 1 : 0), 0.5);
		context.globalAlpha = frame.above ? 0.55 : 1;
		context.fillStyle = is_hit(frame) ? (is_dark.matches ? '#b01fc0' : '#e86bf0') : frame_colour(frame);
		context.fillRect(frame.x, y, wide, FLAME_ROW - 1);
		context.globalAlpha = 1;
		if (i === flame.cursor) {
			context.strokeStyle = colours.ink;
			context.lineWidth = 2;
			context.strokeRect(frame.x + 1, y + 1, Math.max(wide - 2, 1), FLAME_ROW - 3);
		}
		if (wide < 20)
			return;
		context.fillStyle = colours.ink;
		context.fillText(fit_text(context, frame_name(frame), wide - 6), frame.x + 3, y + FLAME_ROW / 2);
	});
	if (!flame.all) {
		context.fillStyle = colours.faint;
		context.fillText('There is no sample in this range.', 6, FLAME_ROW / 2);
	}
}

function frame_text(frame) {
	const number = frame.node ? tree_now().function[frame.node] : -1;
	const lines = [frame_name(frame), `${plural(frame.total, 'sample')}, ${percent(frame.total, flame.all)} of the range`];
	if (frame.node && !flame.inverted)
		lines.push(`self: ${plural(frame.self, 'sample')}, ${percent(frame.self, flame.all)}`);
	if (flame.kept)
		lines.push(`in the kept range: ${percent(frame.before, flame.kept)} (${change_of(frame) < 0 ? '' : '+'}${(100 * change_of(frame)).toFixed(2)})`);
	if (number >= 0) {
		lines.push(profile.kinds[profile.functions[number][4]]);
		if (function_path(number))
			lines.push(function_path(number).slice(-300));
	}
	return lines;
}

// ---- pointer, keys, search ----

const frame_at = (x, y) => flame.frames.findIndex((frame) => Math.floor(y / FLAME_ROW) === frame.row && x >= frame.x && x < frame.x + Math.max(frame.width, 1));

// In steps. What is half laid out is not drawn; who begins later has the last word.
function* flame_steps() {
	const turn = ++flame.turn;
	tree_now();
	yield;
	const plan = { frames: [], height: 1 };
	yield* lay_out_flame(plan);
	if (turn !== flame.turn)
		return;
	flame.frames = plan.frames;
	flame.height = plan.height;
	flame.cursor = -1;
	flame.stage.show(Math.max(flame.height, 3) * FLAME_ROW, Math.max(innerHeight * 0.7, 200));
	show_search();
	yield;
	describe('flame', flame_words(plan.total ?? tree_now().totals(counted.self).total));
}

const show_flame = () => all_steps(flame_steps());

function zoom_flame(frame) {
	flame.root = frame ? frame.node : 0;
	flame.thread = frame && flame.by_thread ? frame.thread : -1;
	show_flame();
	say(frame ? frame_text(frame).join(', ') : 'all');
}

// The samples that a search finds, each once.
function show_search() {
	const result = by_id('flame-result');
	if (!flame.hits) {
		result.textContent = '';
		return;
	}
	const is_found = new Uint8Array(profile.node_count);
	let sum = 0;
	for (let i = 1; i < is_found.length; i++) {
		if (is_found[profile.node_parent[i]] || flame.hits[profile.node_function[i]])
			is_found[i] = 1;
		if (is_found[i])
			sum += counted.self[i];
	}
	result.textContent = `matched: ${percent(sum, counted.all)} (${plural(sum, 'sample')})`;
}

function search_flame() {
	const input = by_id('flame-search'), text = input.value;
	const expression = text.match(/^\/(.+)\/(i?)$/);
	let matches = (name) => name.toLowerCase().includes(text.toLowerCase());
	input.removeAttribute('aria-invalid');
	if (expression) {
		try {
			const pattern = new RegExp(expression[1], expression[2]);
			matches = (name) => pattern.test(name);
		} catch {
			input.setAttribute('aria-invalid', 'true');
			by_id('flame-result').textContent = 'not a regular expression';
			return;
		}
	}
	flame.hits = text ? Uint8Array.from(profile.functions, (_, number) => matches(function_label(number)) ? 1 : 0) : null;
	show_search();
	flame.stage.paint();
}

function move_cursor(by_row, by_x) {
	const now = flame.frames[flame.cursor];
	if (!now) {
		flame.cursor = 0;
	} else {
		const center = now.x + now.width / 2;
		const better = flame.frames.map((frame, i) => ({ frame, i })).filter(({ frame }) => by_row ?
			frame.row === now.row + by_row && (by_row < 0 ? frame.x <= center && frame.x + frame.width >= center : frame.x >= now.x - 0.01 && frame.x < now.x + now.width) :
			frame.row === now.row && (frame.x - now.x) * by_x > 0);
		better.sort((a, b) => by_row ? b.frame.width - a.frame.width || a.frame.x - b.frame.x : Math.abs(a.frame.x - now.x) - Math.abs(b.frame.x - now.x));
		if (!better.length)
			return;
		flame.cursor = better[0].i;
	}
	flame.stage.box.scrollTop = Math.max(flame.frames[flame.cursor].row * FLAME_ROW - 100, 0);
	flame.stage.paint();
	say(frame_text(flame.frames[flame.cursor]).join(', '));
}

const flame_keys = {
	ArrowUp: () => move_cursor(-1, 0), ArrowDown: () => move_cursor(1, 0),
	ArrowLeft: () => move_cursor(0, -1), ArrowRight: () => move_cursor(0, 1),
	Enter: () => flame.frames[flame.cursor] && zoom_flame(flame.frames[flame.cursor]),
	Escape: () => zoom_flame(null), Home: () => zoom_flame(null),
};

function press_flame(button, name) {
	by_id(button).addEventListener('click', () => {
		flame[name] = !flame[name];
		by_id(button).setAttribute('aria-pressed', String(flame[name]));
		zoom_flame(null);
	});
}

function start_flame() {
	flame.stage = new Stage('flame', draw_flame);
	const { canvas } = flame.stage;
	canvas.addEventListener('click', (event) => {
		const [x, , y] = flame.stage.place(event), at = frame_at(x, y);
		if (at >= 0)
			zoom_flame(flame.frames[at]);
	});
	canvas.addEventListener('pointermove', (event) => {
		const [x, , y] = flame.stage.place(event), at = frame_at(x, y);
		show_tip(event, at >= 0 ? frame_text(flame.frames[at]) : null);
	});
	canvas.addEventListener('pointerleave', (event) => show_tip(event, null));
	canvas.addEventListener('keydown', (event) => {
		const act = flame_keys[event.key];
		if (!act || event.ctrlKey || event.metaKey || event.altKey)
			return;
		event.preventDefault();
		act();
	});
	press_flame('flame-invert', 'inverted');
	press_flame('flame-threads', 'by_thread');
	by_id('flame-reset').addEventListener('click', () => zoom_flame(null));
	by_id('flame-search').addEventListener('input', search_flame);
}
