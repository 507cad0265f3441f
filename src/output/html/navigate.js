// SPDX-License-Identifier: MIT
//
// How one moves in the timeline: keys, a pointer that drags a range and clicks a sample, the wheel, and two fingers, which hold the two
// moments that they have touched: apart they zoom, side by side they move.
'use strict';

const DRAG = 4, LEAST_APART = 12;

let drag = null; // a range that is being selected
let fingers = new Map(); // of each finger: where it is, and the moment that it has touched

function zoom(by, around = (view.from + view.to) / 2) {
	set_window(around - (around - view.from) * by, around + (view.to - around) * by);
}

function pan(part) {
	const span = view.to - view.from;
	set_window(view.from + part * span, view.to + part * span);
}

function zoom_to_selection() {
	if (!view.selection || view.selection[1] <= view.selection[0])
		return;
	const [from, to] = view.selection;
	view.selection = null;
	set_window(from, to);
}

function show_all() {
	view.selection = null;
	set_window(0, profile.length);
	changed(RANGE);
}

const timeline_keys = {
	'+': () => zoom(0.5), '=': () => zoom(0.5), '-': () => zoom(2), Home: show_all, Enter: zoom_to_selection,
	ArrowLeft: (event) => view.sample && !event.shiftKey ? step_sample(-1) : pan(-0.2),
	ArrowRight: (event) => view.sample && !event.shiftKey ? step_sample(1) : pan(0.2),
	ArrowUp: () => view.sample && step_thread(-1),
	ArrowDown: () => view.sample && step_thread(1),
	Escape: () => view.sample ? select_sample(-1, 0) : select_range(null),
};

// The first sample of the first thread, for whoever has no pointer.
function select_first() {
	const thread = profile.threads.findIndex((_, i) => is_counted(i) && find_run(i, view.from) < profile.first[i + 1]);
	if (thread >= 0)
		select_sample(thread, find_run(thread, view.from));
}

function on_timeline_key(event) {
	const act = event.key === ' ' ? select_first : timeline_keys[event.key];
	if (!act || event.ctrlKey || event.metaKey || event.altKey)
		return;
	event.preventDefault();
	act(event);
}

// ---- one pointer ----

function begin_drag(event, x) {
	drag = { x, time: time_at(x), moved: false, before: view.selection };
	stage.canvas.setPointerCapture(event.pointerId);
}

function undo_drag() {
	if (drag?.moved)
		select_range(...drag.before ?? [null]);
	drag = null;
}

function on_timeline_down(event) {
	const [x] = stage.place(event);
	if (event.pointerType !== 'touch') {
		if (event.button === 0)
			begin_drag(event, x);
		return;
	}
	fingers.set(event.pointerId, { x, time: time_at(x) });
	if (fingers.size === 1) {
		begin_drag(event, x);
		return;
	}
	undo_drag(); // a second finger: it was no selection
}

function on_timeline_move(event) {
	const [x, , y] = stage.place(event), finger = fingers.get(event.pointerId);
	if (finger) {
		finger.x = x;
		if (fingers.size > 1) {
			pinch();
			return;
		}
	}
	if (!drag) {
		if (!finger)
			show_tip(event, tip_of(x, y));
		return;
	}
	drag.moved ||= Math.abs(x - drag.x) > DRAG;
	if (drag.moved)
		select_range(Math.min(drag.time, time_at(x)), Math.max(drag.time, time_at(x)));
}

function on_timeline_up(event) {
	const [x, , y] = stage.place(event);
	if (drag && !drag.moved)
		click_timeline(x, y);
	drag = null;
	fingers.delete(event.pointerId);
}

// What is more than a touch (the page scrolls, another window comes) selects nothing.
function on_timeline_cancel(event) {
	undo_drag();
	fingers.delete(event.pointerId);
}

// ---- two fingers ----

// The window in which the first two fingers are where the moments are that they hold.
function pinch() {
	const [a, b] = [...fingers.values()].sort((one, other) => one.time - other.time), width = stage.box.clientWidth, left = gutter(width);
	const apart = Math.max(b.x - a.x, LEAST_APART), us = Math.max(b.time - a.time, 1) / apart, from = a.time - (a.x - left) * us;
	set_window(from, from + (width - left) * us);
}

function on_timeline_wheel(event) {
	if (!event.ctrlKey && !event.metaKey && !event.shiftKey)
		return;
	event.preventDefault();
	zoom(1.25 ** Math.sign(event.deltaY || event.deltaX), time_at(stage.place(event)[0]));
}

function start_navigation() {
	const { canvas } = stage;
	canvas.addEventListener('pointerdown', on_timeline_down);
	canvas.addEventListener('pointermove', on_timeline_move);
	canvas.addEventListener('pointerup', on_timeline_up);
	canvas.addEventListener('pointercancel', on_timeline_cancel);
	canvas.addEventListener('pointerleave', (event) => show_tip(event, null));
	canvas.addEventListener('dblclick', zoom_to_selection);
	canvas.addEventListener('keydown', on_timeline_key);
	canvas.addEventListener('wheel', on_timeline_wheel, { passive: false });
}
