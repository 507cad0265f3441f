// SPDX-License-Identifier: MIT
//
// The table: functions with their samples, sorted and filtered; of the one that is chosen its callers and callees; all of it as CSV.
'use strict';

const ROWS_SHOWN = 200, NEIGHBOURS_SHOWN = 30;
const COLUMNS = [
	{ key: 'self', name: 'self', number: true },
	{ key: 'self_part', name: 'self %', number: true },
	{ key: 'self_time', name: 'self time', number: true },
	{ key: 'total', name: 'total', number: true },
	{ key: 'total_part', name: 'total %', number: true },
	{ key: 'total_time', name: 'total time', number: true },
	{ key: 'name', name: 'function' },
	{ key: 'place', name: 'file' },
];
const table = { sort: 'self', down: true, filter: '', chosen: -1, all: false };

function table_rows() {
	const { self, total } = counted.functions, text = table.filter.toLowerCase(), rows_found = [];
	for (let number = 0; number < total.length; number++) {
		if (!total[number])
			continue;
		const row = { number, self: self[number], total: total[number], name: function_name(number), place: function_place(number) };
		if (!text || `${row.name} ${row.place} ${function_path(number)}`.toLowerCase().includes(text))
			rows_found.push(row);
	}
	const key = table.sort.replace(/_(part|time)$/, ''), sign = table.down ? -1 : 1;
	rows_found.sort((a, b) => (a[key] < b[key] ? -sign : a[key] > b[key] ? sign : 0) || b.total - a.total || a.number - b.number);
	return rows_found;
}

const cell_text = (row, key) => ({
	self: () => with_commas(row.self), self_part: () => percent(row.self, counted.all), self_time: () => span_text(row.self * profile.interval),
	total: () => with_commas(row.total), total_part: () => percent(row.total, counted.all), total_time: () => span_text(row.total * profile.interval),
	name: () => row.name, place: () => row.place,
})[key]();

function sort_by(key) {
	table.down = table.sort === key ? !table.down : key !== 'name' && key !== 'place';
	table.sort = key;
	show_table();
	by_id(`sort-${key}`).focus();
}

function choose_function(number) {
	table.chosen = number;
	show_table();
	by_id('neighbours').scrollIntoView({ block: 'nearest' });
}

function head_cell({ key, name, number }) {
	const order = table.sort !== key ? 'none' : table.down ? 'descending' : 'ascending';
	return make('th', { scope: 'col', 'aria-sort': order, class: number ? 'number' : 'text' },
		make('button', { type: 'button', id: `sort-${key}`, on: { click: () => sort_by(key) } }, name + (order === 'none' ? '' : table.down ? ' ▾' : ' ▴')));
}

function function_row(row) {
	return make('tr', { class: row.number === table.chosen ? 'chosen' : null }, ...COLUMNS.map(({ key, number }) => key === 'name' ?
		make('td', { class: 'text' }, make('button', { type: 'button', class: 'link', on: { click: () => choose_function(row.number) } }, row.name)) :
		make('td', { class: number ? 'number' : 'text path', title: key === 'place' ? function_path(row.number) : null }, cell_text(row, key))));
}

function show_table() {
	const found = table_rows(), shown = table.all ? found : found.slice(0, ROWS_SHOWN);
	by_id('table-rows').replaceChildren(make('table', { 'aria-label': 'Functions' },
		make('thead', {}, make('tr', {}, ...COLUMNS.map(head_cell))), make('tbody', {}, ...shown.map(function_row))));
	by_id('table-more').hidden = shown.length === found.length;
	by_id('table-more').textContent = `show all ${with_commas(found.length)} functions`;
	by_id('table-count').textContent = plural(found.length, 'function');
	show_neighbours();
}

// ---- callers and callees ----

// Of the outermost calls of the function: who calls it, and what it calls itself. So each sample counts once.
function neighbours_of(number) {
	const callers = new Map(), callees = new Map(), { self, total } = counted;
	const add = (map, key, count) => count && map.set(key, (map.get(key) ?? 0) + count);
	for (let i = 1; i < total.length; i++) {
		if (!total[i])
			continue;
		const parent = profile.node_parent[i];
		if (profile.node_function[i] === number && outermost_function[i]) {
			add(callers, parent ? profile.node_function[parent] : -1, total[i]);
			add(callees, -1, self[i]);
		}
		if (parent && profile.node_function[parent] === number && outermost_function[parent])
			add(callees, profile.node_function[i], total[i]);
	}
	const sorted = (map) => [...map].sort((a, b) => b[1] - a[1]);
	return { callers: sorted(callers), callees: sorted(callees) };
}

function neighbour_list(title, list, whole, no_one) {
	const items = list.slice(0, NEIGHBOURS_SHOWN).map(([number, count]) => make('li', {},
		make('span', { class: 'number' }, `${percent(count, whole)} `),
		number < 0 ? make('span', {}, no_one) : make('button', { type: 'button', class: 'link', on: { click: () => choose_function(number) } }, function_label(number)),
		` ${plural(count, 'sample')}`));
	return make('section', { 'aria-label': title }, make('h4', {}, title), make('ul', {}, ...items));
}

function show_neighbours() {
	const box = by_id('neighbours'), number = table.chosen;
	box.hidden = number < 0 || !counted.functions.total[number];
	if (box.hidden)
		return;
	const { callers, callees } = neighbours_of(number), whole = counted.functions.total[number];
	box.replaceChildren(make('h3', {}, function_label(number)), neighbour_list('Callers', callers, whole, '(nobody: the outermost frame)'),
		neighbour_list('Callees', callees, whole, '(itself)'));
}

// ---- CSV ----

// A spreadsheet takes what begins with one of these for a formula.
const csv_text = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replace(/"/g, '""')}"`;

function table_csv() {
	const lines = ['self,total,self_us,total_us,function,file,line'];
	for (const row of table_rows())
		lines.push([row.self, row.total, row.self * profile.interval, row.total * profile.interval, csv_text(row.name),
			csv_text(function_path(row.number)), profile.functions[row.number][3]].join(','));
	return `${lines.join('\r\n')}\r\n`;
}

function save_csv() {
	const url = URL.createObjectURL(new Blob([table_csv()], { type: 'text/csv' }));
	make('a', { href: url, download: 'functions.csv' }).click();
	setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function start_table() {
	by_id('table-filter').addEventListener('input', () => {
		table.filter = by_id('table-filter').value;
		show_table();
	});
	by_id('table-more').addEventListener('click', () => {
		table.all = true;
		show_table();
	});
	by_id('table-csv').addEventListener('click', save_csv);
}
