// SPDX-License-Identifier: MIT
//
// What is looked at: a window of time, in it a selected range, the states and the thread that count, one sample. Whoever shows something
// registers with it and is called when that has changed: what shows time at once, all else when there is time.
'use strict';

const by_id = (id) => document.getElementById(id);

let profile; // see data.js
const view = {
	from: 0, to: 0, // the window of the timeline, in us since the first sample
	selection: null, // [from, to) within it
	kept: null, // another range, to be compared with
	states: 255, // a bit for each that counts
	thread: -1, // that alone counts
	sample: null, // { thread, run }
};
const range = () => view.selection ?? [view.from, view.to];
const counts_state = (state) => (view.states >> state & 1) === 1;

const SLICE_MS = 12;
const at_once = [], afterwards = []; // afterwards are generators: they yield wherever they may be interrupted
let is_drawing = false, waits = 0, runs_later = 0, steps_left = null;

// All that follows is done in slices, so that the page answers meanwhile. A change begins it anew.
function do_slice() {
	const end = performance.now() + SLICE_MS;
	while (performance.now() < end) {
		if (!steps_left.next().done)
			continue;
		steps_left = null;
		runs_later = 0;
		document.body.setAttribute('aria-busy', 'false');
		return;
	}
	waits = setTimeout(do_slice, 0);
}

// Without a pause.
function all_steps(steps) {
	while (!steps.next().done)
		continue;
}

function* all_afterwards(what) {
	for (const show of afterwards)
		yield* show(what);
}

function draw_at_once() {
	is_drawing = false;
	for (const draw of at_once)
		draw();
	if (!runs_later)
		return;
	clearTimeout(waits);
	steps_left = all_afterwards(runs_later);
	waits = setTimeout(do_slice, 0);
}

// What else has to be shown anew: nothing, what depends on the sample, or what depends on the range.
const NOTHING = 0, SAMPLE = 1, RANGE = 2;
function changed(what) {
	runs_later = Math.max(runs_later, what);
	if (runs_later)
		document.body.setAttribute('aria-busy', 'true');
	if (!is_drawing)
		requestAnimationFrame(draw_at_once);
	is_drawing = true;
}

function set_window(from, to) {
	const least = Math.max(profile.interval / 50, 1), span = Math.min(Math.max(to - from, least), profile.length);
	view.from = Math.min(Math.max(from, 0), profile.length - span);
	view.to = view.from + span;
	changed(view.selection ? NOTHING : RANGE);
}

function select_range(from, to) {
	view.selection = from === null ? null : [Math.max(from, 0), Math.min(to, profile.length)];
	changed(RANGE);
}

// ---- for people ----

const with_commas = (number) => Math.round(number).toString().replace(/\B(?=(\d{3})+$)/g, ',');
const percent = (part, whole) => whole ? `${(100 * part / whole).toFixed(2)}%` : '0.00%';
const plural = (count, word) => `${with_commas(count)} ${word}${count === 1 ? '' : 's'}`;

function span_text(us) {
	if (us >= 3600e6)
		return `${Math.floor(us / 3600e6)} h ${(us % 3600e6 / 60e6).toFixed(0)} min`;
	if (us >= 60e6)
		return `${Math.floor(us / 60e6)} min ${(us % 60e6 / 1e6).toFixed(0)} s`;
	if (us >= 1e6)
		return `${Number((us / 1e6).toPrecision(4))} s`;
	return us >= 1000 ? `${Number((us / 1000).toPrecision(3))} ms` : `${Number(us.toPrecision(3))} µs`;
}

// Seconds with as many digits as tell two neighbours apart that are `step` us from each other.
const moment_text = (us, step) => `${(us / 1e6).toFixed(Math.min(Math.max(Math.ceil(6 - Math.log10(Math.max(step, 1))), 0), 6))} s`;

const process_name = (process) => profile.processes[process].name || 'Python';
const process_text = (process) => {
	const { pid } = profile.processes[process];
	return pid ? `${process_name(process)} (${pid})` : 'samples';
};
const thread_text = (thread) => {
	const { name, tid } = profile.threads[thread];
	return tid ? `${name} (${tid})` : name;
};

const function_name = (number) => profile.functions[number][0];
const function_path = (number) => profile.functions[number][2] || profile.functions[number][1];
const function_place = (number, line) => {
	const file = profile.functions[number][1], at = line ?? profile.functions[number][3];
	return file && at && !profile.no_lines ? `${file}:${at}` : file;
};
const function_label = (number) => {
	const file = profile.functions[number][1];
	return file ? `${function_name(number)} (${file})` : function_name(number);
};

// An element with attributes, and texts or elements in it. `on` are listeners.
function make(name, attributes = {}, ...children) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (key === 'on')
			Object.entries(value).forEach(([event, listener]) => element.addEventListener(event, listener));
		else if (value !== null && value !== undefined)
			element.setAttribute(key, value);
	}
	element.append(...children.map((child) => child instanceof Node ? child : document.createTextNode(String(child))));
	return element;
}

const is_dark = matchMedia('(prefers-color-scheme: dark)');
const state_colour = (state) => STATES[state][is_dark.matches ? 'dark' : 'light'];
const theme = () => is_dark.matches ?
	{ paper: '#1b1d21', ink: '#f0f0f0', faint: '#a4a9b0', rule: '#3a3e45', veil: 'rgba(20,22,26,.62)', accent: '#f0e442' } :
	{ paper: '#ffffff', ink: '#1a1a1a', faint: '#5a5f66', rule: '#dfe2e6', veil: 'rgba(255,255,255,.66)', accent: '#111111' };

// ---- a canvas in a box that scrolls ----

// Only what can be seen is drawn, however high the whole is. `draw(context, width, height, top)` draws it.
class Stage {
	constructor(id, draw) {
		this.box = by_id(id);
		this.canvas = this.box.querySelector('canvas');
		this.spacer = this.box.querySelector('.spacer');
		this.context = this.canvas.getContext('2d');
		this.draw = draw;
		this.box.addEventListener('scroll', () => this.paint());
	}

	// The height of all there is; then what can be seen is painted.
	show(height, most) {
		this.height = height;
		const shown = Math.min(height, most);
		this.box.style.height = `${shown}px`;
		this.spacer.style.height = `${Math.max(height - shown, 0)}px`;
		this.canvas.style.height = `${shown}px`;
		this.paint();
	}

	paint() {
		const scale = window.devicePixelRatio || 1, width = this.box.clientWidth, height = this.canvas.clientHeight;
		if (!width || !height)
			return;
		const wide = Math.round(width * scale), high = Math.round(height * scale);
		if (this.canvas.width !== wide || this.canvas.height !== high) {
			this.canvas.width = wide;
			this.canvas.height = high;
		}
		this.context.setTransform(scale, 0, 0, scale, 0, 0);
		this.context.font = '12px system-ui, sans-serif';
		this.context.textBaseline = 'middle';
		this.draw(this.context, width, height, this.box.scrollTop, scale);
	}

	// Where the event is, in the whole.
	place(event) {
		const box = this.canvas.getBoundingClientRect();
		return [event.clientX - box.left, event.clientY - box.top, event.clientY - box.top + this.box.scrollTop];
	}
}

// As much of the text as fits, with two dots where something is left out.
function fit_text(context, text, width, keeps_end) {
	if (context.measureText(text.slice(0, 400)).width <= width)
		return text.slice(0, 400);
	let low = 0, high = Math.min(text.length, 400);
	while (low < high) {
		const middle = low + high + 1 >> 1;
		if (context.measureText(`${keeps_end ? text.slice(-middle) : text.slice(0, middle)}..`).width <= width)
			low = middle;
		else
			high = middle - 1;
	}
	if (low < 2)
		return '';
	return keeps_end ? `..${text.slice(-low)}` : `${text.slice(0, low)}..`;
}

// ---- the text beside the pointer ----

function show_tip(event, lines) {
	const tip = by_id('tip');
	tip.hidden = !lines;
	if (!lines)
		return;
	tip.replaceChildren(...lines.map((line) => make('div', {}, line)));
	const box = tip.getBoundingClientRect();
	tip.style.left = `${Math.max(Math.min(event.clientX + 14, innerWidth - box.width - 6), 4)}px`;
	tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? Math.max(event.clientY - box.height - 8, 4) : event.clientY + 18}px`;
}

const say = (text) => {
	by_id('status').textContent = text;
};
