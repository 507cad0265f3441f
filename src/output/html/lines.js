// SPDX-License-Identifier: MIT
//
// Heat by line: files by their samples, and of the one that is chosen each line with what ends in it (self) and what goes through it (total);
// with the source where the report has it, else the lines that have samples alone.
'use strict';

const FILES_SHOWN = 100, LINES_SHOWN = 4000;
const lines = { file: null, shown: null, outermost: null, sources: null };

function source_of(path) {
	lines.sources ??= new Map(profile.sources);
	return lines.sources.get(path);
}

// Of a frame, by the range: self and total, each sample once.
function count_frames() {
	const count = profile.frame_line.length, counts = { self: new Float64Array(count), total: new Float64Array(count) };
	lines.outermost ??= mark_outermost(profile.node_frame, count);
	for (let i = 1; i < counted.total.length; i++) {
		if (!counted.total[i])
			continue;
		counts.self[profile.node_frame[i]] += counted.self[i];
		if (lines.outermost[i])
			counts.total[profile.node_frame[i]] += counted.total[i];
	}
	return counts;
}

// A file's samples: those that end in it. Files in order of that.
function count_files() {
	const counts = count_frames(), files = new Map();
	for (let frame = 0; frame < counts.total.length; frame++) {
		const number = profile.frame_function[frame], path = function_path(number), line = profile.frame_line[frame];
		if (!counts.total[frame] || !path || !line)
			continue;
		let file = files.get(path);
		if (!file)
			files.set(path, file = { path, shown: profile.functions[number][1], self: 0, most: 0, lines: new Map() });
		const row = file.lines.get(line) ?? { self: 0, total: 0, name: function_name(number) };
		row.self += counts.self[frame];
		row.total += counts.total[frame];
		file.self += counts.self[frame];
		file.most = Math.max(file.most, row.total);
		file.lines.set(line, row);
	}
	return [...files.values()].sort((a, b) => b.self - a.self || b.most - a.most || (a.path < b.path ? -1 : 1));
}

const heat_of = (part) => `heat${part > 0 ? Math.min(Math.ceil(Math.sqrt(part) * 8), 8) : 0}`;

function line_row(number, row, text, whole) {
	return make('tr', { class: row ? heat_of(row.total / whole) : null },
		make('td', { class: 'number' }, row?.self ? percent(row.self, whole) : ''),
		make('td', { class: 'number' }, row ? percent(row.total, whole) : ''),
		make('td', { class: 'number' }, number), make('td', { class: 'code' }, text));
}

function show_file(file) {
	const source = source_of(file.path)?.split('\n'), numbers = [...file.lines.keys()].sort((a, b) => a - b);
	const last = numbers.at(-1), list = source && source.length >= last ? source.map((_, i) => i + 1) : numbers;
	const rows = list.slice(0, LINES_SHOWN).map((number) => {
		const row = file.lines.get(number), has_text = source && source.length >= last;
		return line_row(number, row, has_text ? source[number - 1] : row.name, counted.all);
	});
	by_id('lines-source').replaceChildren(make('h3', {}, file.path), make('table', { 'aria-label': `Lines of ${file.path}` },
		make('thead', {}, make('tr', {}, ...['self', 'total', 'line', source ? 'source' : 'function'].map((name) => make('th', { scope: 'col' }, name)))),
		make('tbody', {}, ...rows)));
	if (lines.shown !== file.path)
		show_hottest(list, file);
	lines.shown = file.path;
}

// A file is opened where most of its samples are, in the middle of the box.
function show_hottest(list, file) {
	const box = by_id('lines-source'), weight = (number) => (file.lines.get(number)?.self ?? 0) * 1e9 + (file.lines.get(number)?.total ?? 0);
	const best = list.slice(0, LINES_SHOWN).reduce((one, number, i, all) => weight(number) > weight(all[one]) ? i : one, 0);
	const row = box.querySelectorAll('tbody tr')[best];
	box.scrollTop = row ? row.offsetTop - box.clientHeight / 2 : 0;
}

function choose_file(path) {
	lines.file = path;
	show_lines();
}

function show_lines() {
	const files = count_files();
	const chosen = files.find((file) => file.path === lines.file) ?? files[0];
	by_id('lines-files').replaceChildren(...files.slice(0, FILES_SHOWN).map((file) => make('li', { class: file === chosen ? 'chosen' : null },
		make('span', { class: 'number' }, `${percent(file.self, counted.all)} `),
		make('button', { type: 'button', class: 'link', title: file.path, 'aria-current': file === chosen ? 'true' : null,
			on: { click: () => choose_file(file.path) } }, file.shown))));
	by_id('lines-note').hidden = Boolean(chosen && source_of(chosen.path) !== undefined);
	if (chosen)
		show_file(chosen);
	else
		by_id('lines-source').replaceChildren('There is no line with samples in this range.');
}
