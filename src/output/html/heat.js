// SPDX-License-Identifier: MIT
//
// The sub-second heat map: a column for each second, in it the time of the second upwards, each cell as dark as it has samples. What happens
// at the same time of each second is a stripe. A cell that is chosen is the range. Of a long run a column is several seconds.
'use strict';

const CELLS = 50, CELL_HEIGHT = 6, HEAT_LEFT = 60, HEAT_AXIS = 20, LEAST_CELL = 3;
const heat = { stage: null, cells: null, columns: 0, step: 1, most: 0, cursor: [0, 0], of: null };

// The whole run is shown, so that a cell can be found again: a range is framed in it.
function count_cells(width) {
	const of = [width, view.states, view.thread].join();
	if (heat.of === of)
		return;
	heat.of = of;
	const seconds = Math.max(Math.ceil(profile.length / 1e6), 1), room = Math.max(Math.floor((width - HEAT_LEFT) / LEAST_CELL), 1);
	heat.step = Math.ceil(seconds / room);
	heat.columns = Math.ceil(seconds / heat.step);
	heat.cells = new Float64Array(heat.columns * CELLS);
	const { runs } = profile;
	profile.threads.forEach((_, thread) => {
		if (!is_counted(thread))
			return;
		each_run(thread, [0, Infinity], view.states, (run, ticks) => {
			const start = runs.start[run], gap = ticks > 1 ? (runs.last[run] - start) / (ticks - 1) : 0;
			for (let i = 0; i < ticks; i++)
				heat.cells[cell_of(start + i * gap)]++;
		});
	});
	heat.most = heat.cells.reduce((most, count) => Math.max(most, count), 0);
}

function cell_of(time) {
	const column = Math.min(Math.floor(time / 1e6 / heat.step), heat.columns - 1);
	return column * CELLS + Math.min(Math.floor(time % 1e6 * CELLS / 1e6 + 1e-6), CELLS - 1);
}

const cell_width = (width) => Math.min(Math.max((width - HEAT_LEFT) / heat.columns, LEAST_CELL), 24);
const cell_place = (cell, width) => [HEAT_LEFT + Math.floor(cell / CELLS) * cell_width(width), HEAT_AXIS + (CELLS - 1 - cell % CELLS) * CELL_HEIGHT];

// From paper to dark blue, or on dark paper to light: by brightness, so that everybody sees it.
function heat_colour(part) {
	const [from, to] = is_dark.matches ? [[36, 42, 52], [255, 221, 120]] : [[240, 243, 248], [9, 48, 107]];
	return mix_colours(from, to, Math.sqrt(part));
}

function draw_heat(context, width) {
	const colours = theme(), wide = cell_width(width);
	context.fillStyle = colours.paper;
	context.fillRect(0, 0, width, heat.stage.height);
	for (let cell = 0; cell < heat.cells.length; cell++) {
		const [x, y] = cell_place(cell, width);
		context.fillStyle = heat_colour(heat.cells[cell] / Math.max(heat.most, 1));
		context.fillRect(x, y, wide - (wide > 6 ? 1 : 0), CELL_HEIGHT - 1);
	}
	context.fillStyle = colours.faint;
	for (const [text, at] of [['1 s', 0], ['0.5 s', 0.5], ['0 s', 1]])
		context.fillText(text, 8, HEAT_AXIS + at * CELLS * CELL_HEIGHT);
	const every = Math.ceil(60 / wide);
	for (let column = 0; column < heat.columns; column += every)
		context.fillText(`${column * heat.step} s`, HEAT_LEFT + column * wide, HEAT_AXIS / 2);
	const [x, y] = cell_place(heat.cursor[0] * CELLS + heat.cursor[1], width);
	context.strokeStyle = colours.ink;
	context.lineWidth = 2;
	context.strokeRect(x - 1, y - 1, wide + 1, CELL_HEIGHT + 1);
}

function place_in_second([column, part]) {
	const from = column * heat.step, count = heat.cells[column * CELLS + part];
	const second = heat.step > 1 ? `seconds ${from} to ${from + heat.step}` : `second ${from}`;
	return [`${second}, ${1000 / CELLS * part} to ${1000 / CELLS * (part + 1)} ms`, plural(count, 'sample')];
}

// Of several seconds in a column, the first one.
function choose_cell([column, part]) {
	const from = column * heat.step * 1e6 + part * 1e6 / CELLS;
	heat.cursor = [column, part];
	if (from >= profile.length)
		return;
	if (from < view.from || from + 1e6 / CELLS > view.to)
		set_window(0, profile.length);
	select_range(from, from + 1e6 / CELLS);
	heat.stage.paint();
	say(place_in_second(heat.cursor).join(', '));
}

function cell_at(x, y) {
	const column = Math.floor((x - HEAT_LEFT) / cell_width(heat.stage.box.clientWidth)), part = CELLS - 1 - Math.floor((y - HEAT_AXIS) / CELL_HEIGHT);
	return column >= 0 && column < heat.columns && part >= 0 && part < CELLS ? [column, part] : null;
}

function on_heat_key(event) {
	const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], Enter: [0, 0] }[event.key];
	if (!by)
		return;
	event.preventDefault();
	choose_cell([Math.min(Math.max(heat.cursor[0] + by[0], 0), heat.columns - 1), Math.min(Math.max(heat.cursor[1] + by[1], 0), CELLS - 1)]);
}

// The functions of the range below it: what the cell's stacks are.
function show_heat_stacks() {
	const { self } = counted, best = [];
	for (let node = 1; node < self.length; node++)
		if (self[node])
			best.push(node);
	best.sort((a, b) => self[b] - self[a]);
	by_id('heat-stacks').replaceChildren(...best.slice(0, 10).map((node) => {
		const names = [];
		for (let up = node; up; up = profile.node_parent[up])
			names.push(function_name(profile.node_function[up]));
		return make('li', {}, make('span', { class: 'number' }, `${percent(self[node], counted.all)} `), names.slice(0, 40).reverse().join(' › '));
	}));
}

function show_heat() {
	const width = heat.stage.box.clientWidth;
	count_cells(width);
	heat.stage.show(HEAT_AXIS + CELLS * CELL_HEIGHT + 8, 400);
	describe('heat', heat_words());
	show_heat_stacks();
}

function start_heat() {
	heat.stage = new Stage('heat', draw_heat);
	const { canvas } = heat.stage;
	canvas.addEventListener('click', (event) => {
		const [x, , y] = heat.stage.place(event), cell = cell_at(x, y);
		if (cell)
			choose_cell(cell);
	});
	canvas.addEventListener('pointermove', (event) => {
		const [x, , y] = heat.stage.place(event), cell = cell_at(x, y);
		show_tip(event, cell ? place_in_second(cell) : null);
	});
	canvas.addEventListener('pointerleave', (event) => show_tip(event, null));
	canvas.addEventListener('keydown', on_heat_key);
}
