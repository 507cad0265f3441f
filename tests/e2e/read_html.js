// SPDX-License-Identifier: MIT
//
// Opens reports in a headless Chromium, does with them what people do, and compares what is shown with what must be. Prints "ok WHAT" or
// "not ok WHAT" for each; with "functions", what the table of all threads and states has.
//
// Usage: node read_html.js FOLDER (with the files that html.test writes; PYROPE_HTML_FILES: only this one)
//        node read_html.js functions FILE
//        node read_html.js source FILE NAME (the lines of the file whose name ends so)
//        node read_html.js embedded FILE (name and text of each source in it, a line each)
'use strict';

const assert = require('assert/strict');
const path = require('path');
const { with_browser, run_checks } = require('./browser.js');

const url_of = (file) => `file://${path.resolve(file)}`;
const GUTTER = 168, AXIS = 22, FLAME_ROW = 18; // as timeline.js and flame.js have them
// The middle of the bottom of each thread's row, of known.html.
const ROWS = { main: 42, worker: 90, serve: 210 };
const ROW = 48;

// ---- what a page shows ----

// Time is drawn with the next frame, all else after that.
async function settle(page) {
	await page.frame();
	await page.until(() => document.body.getAttribute('aria-busy') === 'false');
	await page.frame();
}
const text_of = (page, id) => page.evaluate((name) => document.getElementById(name).textContent, id);
const box_of = (page, selector) => page.evaluate((name) => {
	const element = document.querySelector(name);
	element.scrollIntoView({ block: 'center' });
	return element.getBoundingClientRect().toJSON();
}, selector);

async function press(page, selector) {
	const box = await box_of(page, selector);
	await page.click(box.x + box.width / 2, box.y + box.height / 2);
	await settle(page);
}

const press_button = async (page, text) => {
	await page.evaluate((name) => {
		document.querySelectorAll('#pressed').forEach((one) => one.removeAttribute('id'));
		Array.from(document.querySelectorAll('button')).find((button) => button.textContent.trim() === name && button.offsetParent).dataset.pressed = '1';
	}, text);
	await press(page, '[data-pressed]');
	await page.evaluate(() => document.querySelectorAll('[data-pressed]').forEach((one) => delete one.dataset.pressed));
};

async function fill(page, id, text) {
	await page.evaluate((name) => {
		document.getElementById(name).focus();
		document.getElementById(name).select();
	}, id);
	if (text)
		await page.type(text);
	else
		await page.key('Backspace');
}

async function choose_range(page, from, to) {
	await fill(page, 'to', String(to));
	await page.key('Enter');
	await fill(page, 'from', String(from));
	await page.key('Enter');
	await fill(page, 'to', String(to));
	await page.key('Enter');
	await settle(page);
}

// What the page says in its summary: name -> text.
const facts = (page) => page.evaluate(() => Object.fromEntries(Array.from(document.querySelectorAll('.fact'),
	(fact) => [fact.querySelector('dt').textContent, fact.querySelector('dd').textContent])));

// Rows of the table: function -> [self, total].
const table = (page) => page.evaluate(() => Object.fromEntries(Array.from(document.querySelectorAll('#table-rows tbody tr'), (row) =>
	[row.cells[6].textContent, [Number(row.cells[0].textContent.replaceAll(',', '')), Number(row.cells[3].textContent.replaceAll(',', ''))]])));

const tip = (page) => page.evaluate(() => document.getElementById('tip').hidden ? null :
	Array.from(document.querySelectorAll('#tip div'), (line) => line.textContent));

// Where a time is in a row of the timeline, of the window from..to in seconds.
async function place(page, row, seconds, from = 0, to = 10) {
	const box = await box_of(page, '#timeline canvas');
	return [box.x + GUTTER + (seconds - from) / (to - from) * (box.width - GUTTER), box.y + ROWS[row] + ROW - 4];
}

// The colour of the timeline `up` pixels above the bottom of a row.
async function colour_at(page, row, seconds, up, from = 0, to = 10) {
	const box = await box_of(page, '#timeline canvas'), [x] = await place(page, row, seconds, from, to);
	return page.evaluate((left, top) => {
		const [r, g, b] = document.querySelector('#timeline canvas').getContext('2d').getImageData(left, top, 1, 1).data;
		return `#${[r, g, b].map((value) => value.toString(16).padStart(2, '0')).join('')}`;
	}, Math.round(x - box.x), ROWS[row] + ROW - up);
}

const open_tab = (page, name) => press(page, `#tab-${name}`);

// ---- the summary ----

async function has_summary(page) {
	assert.deepEqual(await facts(page), {
		range: '10 s of 10 s',
		samples: '3,000 of 3 threads, 2 processes',
		lost: '10 ticks 0.99%',
		verified: '100.00% 0 partial, 0 not sure',
		'GIL held': '90.00% of the time in python3 app.py (100); of that: MainThread (100) 77.78%, worker (101) 22.22%',
		'waited for the GIL': '8 s added up; of that: worker (101) 75.00%, MainThread (100) 25.00%',
	});
	assert.deepEqual(await page.evaluate(() => Array.from(document.querySelectorAll('#top li'), (line) => line.textContent)),
		['30.00% poll (serve.py)', '26.67% parse (app.py)', '16.67% render (app.py)', '13.33% dumps (json/__init__.py)', '6.67% zip (app.py)']);
	const hints = await page.evaluate(() => Array.from(document.querySelectorAll('#hints li'), (line) => line.textContent));
	assert.match(hints[0], /^poll \(serve\.py\) itself takes 30\.00%/);
	assert.match(hints[1], /waited for the GIL 40\.00% of that time/);
	assert.equal(await text_of(page, 'title'), 'python3 app.py');
	assert.equal(await page.evaluate(() => document.title), 'python3 app.py: pyrope');
	assert.match(await text_of(page, 'subtitle'), /^2023-11-14 22:13:20 UTC · Python 3\.11\.7 · Linux test · one sample every 10 ms/);
}

// ---- the timeline ----

async function has_timeline(page) {
	const full = ROW - 8, half = 10;
	assert.equal(await colour_at(page, 'main', 1, half), '#0072b2');
	assert.equal(await colour_at(page, 'main', 1, full), '#0072b2', 'four frames are as high as the row');
	assert.equal(await colour_at(page, 'main', 4.5, half), '#b4bcc8');
	assert.equal(await colour_at(page, 'worker', 1, half), '#d55e00');
	assert.equal(await colour_at(page, 'worker', 1, full), '#ffffff', 'two are half as high');
	assert.equal(await colour_at(page, 'worker', 7, half), '#009e73');
	assert.equal(await colour_at(page, 'worker', 9, half), '#b3478c');
	assert.equal(await colour_at(page, 'serve', 3.55, half), '#0072b2');
	assert.equal(await colour_at(page, 'serve', 3.2, half), '#b4bcc8');
	await page.move(...await place(page, 'worker', 7));
	assert.deepEqual((await tip(page)).slice(1), ['CPU without the GIL', 'zip app.py:30']);
	const [x] = await place(page, 'main', 5.5), box = await box_of(page, '#timeline canvas');
	await page.move(x, box.y + 150);
	assert.deepEqual((await tip(page)).slice(1), ['CPU: 90.00%']);
	await page.move(x, box.y + 176);
	assert.deepEqual((await tip(page)).slice(1), ['memory: 15.6 MB']);
}

async function selects_range(page) {
	const from = await place(page, 'main', 4), to = await place(page, 'main', 5);
	await page.drag(from[0] + 0.5, from[1], to[0] - 0.5, to[1]);
	await settle(page);
	assert.match(await text_of(page, 'range'), /^(4\.0|3\.99)\d+ s to (5\.0|4\.99)\d+ s$/);
	await open_tab(page, 'table');
	const [self] = (await table(page)).query;
	assert.ok(self >= 98 && self <= 100, `${self} samples of query`);
	await choose_range(page, 4, 5);
	assert.equal(await text_of(page, 'range'), '4.000 s to 5.000 s');
	assert.deepEqual(await table(page), { '<module>': [0, 100], main: [0, 100], slow: [0, 100], query: [100, 100],
		worker: [0, 100], parse: [100, 100], serve: [0, 100], poll: [90, 90], stall: [10, 10] });
	assert.equal((await facts(page)).samples, '300 of 3 threads, 2 processes');
	await choose_range(page, 3.945, 4.015); // samples at 3.95 to 3.99, 4.00 and 4.01
	assert.equal((await facts(page)).samples, '21 of 3 threads, 2 processes');
	assert.deepEqual((await table(page)).dumps, [5, 5]);
	assert.deepEqual((await table(page)).query, [2, 2]);
	await press(page, '#zoom-selection');
	assert.equal(await text_of(page, 'range'), '3.94500 s to 4.01500 s');
	assert.equal(await colour_at(page, 'main', 3.97, 10, 3.945, 4.015), '#0072b2', 'single samples');
	assert.equal(await colour_at(page, 'main', 4.005, 10, 3.945, 4.015), '#b4bcc8');
	await press(page, '#zoom-all');
	assert.equal(await text_of(page, 'range'), '0.00 s to 10.00 s');
	await page.evaluate(() => document.querySelector('#timeline canvas').focus());
	await page.key('+');
	await settle(page);
	assert.equal(await text_of(page, 'range'), '2.500 s to 7.500 s');
	await page.key('ArrowRight');
	await settle(page);
	assert.equal(await text_of(page, 'range'), '3.500 s to 8.500 s');
	await page.key('-');
	await page.key('Home');
	await settle(page);
	const [x, y] = await place(page, 'main', 2);
	await page.send('Input.dispatchMouseEvent', { type: 'mouseWheel', x, y, deltaX: 0, deltaY: -100, modifiers: 2 });
	await page.until(() => document.getElementById('range').textContent.match(/^0\.(39|40)/));
	await settle(page);
	assert.match(await text_of(page, 'range'), /^0\.(39|40)\d s to 8\.(39|40)\d s$/, 'the wheel zooms to where the pointer is');
	await press(page, '#zoom-all');
}

async function chooses_states(page) {
	await open_tab(page, 'table');
	await press(page, '#state-4'); // system calls
	assert.equal((await facts(page)).samples.split(' ')[0], '2,000');
	assert.equal((await table(page)).poll, undefined);
	assert.notEqual(await colour_at(page, 'main', 4.5, 10), '#b4bcc8', 'what does not count is pale');
	await press(page, '#state-4');
	await page.evaluate(() => {
		const select = document.getElementById('thread');
		select.value = '1';
		select.dispatchEvent(new Event('change'));
	});
	await settle(page);
	assert.deepEqual(await table(page), { worker: [0, 1000], parse: [800, 800], zip: [200, 200] });
	await page.evaluate(() => {
		const select = document.getElementById('thread');
		select.value = '-1';
		select.dispatchEvent(new Event('change'));
	});
	await settle(page);
	assert.equal(Object.keys(await table(page)).length, 13);
}

// ---- a sample ----

const stack = (page) => page.evaluate(() => Array.from(document.querySelectorAll('#sample-stack li'),
	(line) => Array.from(line.children, (part) => part.textContent.trim())));

async function selects_sample(page) {
	await page.click(...await place(page, 'main', 1.503));
	await settle(page);
	assert.match(await text_of(page, 'sample-head'), /^MainThread \(100\) at [01]\.00\d* s: holds the GIL, (400|100) samples alike$/);
	assert.deepEqual(await stack(page), [['33.33%', '<module>', 'app.py:90'], ['33.33%', 'main', 'app.py:80'],
		['13.33%', 'handle', 'app.py:52'], ['13.33%', 'dumps', 'json/__init__.py:231']]);
	// The row is 46 pixels for four frames: what is common is in full colour, and what is not is pale.
	assert.equal(await colour_at(page, 'main', 2.5, ROW - 8), '#0072b2', 'all four are common');
	assert.equal(await colour_at(page, 'main', 6.5, 10), '#0072b2', 'two are');
	assert.notEqual(await colour_at(page, 'main', 6.5, ROW - 8), '#0072b2', 'and the upper two are not');
	assert.notEqual(await colour_at(page, 'main', 6.5, ROW - 8), '#ffffff');
	assert.notEqual(await colour_at(page, 'worker', 1, 10), '#d55e00', 'another thread has nothing in common');
	assert.notEqual(await colour_at(page, 'worker', 1, 10), '#ffffff');
}

// Goes on where selects_sample() has left it.
async function steps(page) {
	await page.evaluate(() => document.querySelector('#timeline canvas').focus());
	for (let i = 0; i < 9 && (await text_of(page, 'sample-head')).includes('holds the GIL'); i++) {
		await page.key('ArrowRight');
		await settle(page);
	}
	assert.equal(await text_of(page, 'sample-head'), 'MainThread (100) at 4.000 s: system call, 100 samples alike');
	assert.deepEqual((await stack(page)).at(-1), ['3.33%', 'query', 'app.py:40']);
	assert.equal(await text_of(page, 'status'), 'MainThread (100) at 4.000 s: system call, 100 samples alike: query', 'a screen reader hears it');
	await page.key('ArrowDown');
	await settle(page);
	assert.match(await text_of(page, 'sample-head'), /^worker \(101\) at \d\.00\d* s: waits for the GIL/);
	await page.key('ArrowUp');
	await settle(page);
	await press(page, '#sample-before');
	assert.match(await text_of(page, 'sample-head'), /^MainThread \(100\) at [03]\.00\d* s: holds the GIL/);
	await press(page, '#sample-stack li:last-child button'); // its function in the table
	assert.equal(await page.evaluate(() => document.querySelector('#neighbours h3').textContent), 'dumps (json/__init__.py)');
	await press(page, '#sample-close');
	assert.ok(await page.evaluate(() => document.getElementById('sample').hidden));
	assert.equal(await colour_at(page, 'worker', 1, 10), '#d55e00');
}

// ---- the flame graph ----

// In a row, at this part of the width.
async function flame_place(page, row, part) {
	const box = await box_of(page, '#flame canvas');
	return [box.x + part * box.width, box.y + row * FLAME_ROW + 8];
}

async function flame_tip(page, row, part) {
	await page.move(...await flame_place(page, row, part));
	return tip(page);
}

// Callees stand by their names: <module> 1000, serve 1000, worker 1000.
async function has_flame_graph(page) {
	await open_tab(page, 'flame');
	assert.deepEqual(await flame_tip(page, 0, 0.5), ['all', '3,000 samples, 100.00% of the range']);
	assert.deepEqual(await flame_tip(page, 2, 0.1), ['main (app.py)', '1,000 samples, 33.33% of the range', 'self: 0 samples, 0.00%', 'own code', '/srv/app/app.py']);
	assert.deepEqual((await flame_tip(page, 3, 0.299)).slice(0, 2), ['handle (app.py)', '900 samples, 30.00% of the range']);
	assert.deepEqual((await flame_tip(page, 3, 0.301)).slice(0, 2), ['slow (app.py)', '100 samples, 3.33% of the range']);
	assert.deepEqual((await flame_tip(page, 4, 0.132)).slice(0, 4),
		['dumps (json/__init__.py)', '400 samples, 13.33% of the range', 'self: 400 samples, 13.33%', 'standard library']);
	assert.equal((await flame_tip(page, 4, 0.134))[0], 'render (app.py)');
	await page.click(...await flame_place(page, 3, 0.1)); // handle
	await settle(page);
	assert.equal((await flame_tip(page, 4, 0.44))[0], 'dumps (json/__init__.py)');
	assert.equal((await flame_tip(page, 4, 0.45))[0], 'render (app.py)', '400 of 900');
	assert.equal((await flame_tip(page, 0, 0.9))[0], 'all', 'its callers are as wide as it is');
	await page.click(...await flame_place(page, 1, 0.9)); // <module>
	assert.equal((await flame_tip(page, 3, 0.91))[0], 'slow (app.py)');
	await press(page, '#flame-reset');
	assert.equal((await flame_tip(page, 1, 0.5))[0], 'serve (serve.py)');
}

async function searches(page) {
	await fill(page, 'flame-search', 'HANDLE');
	assert.equal(await text_of(page, 'flame-result'), 'matched: 30.00% (900 samples)');
	await fill(page, 'flame-search', 'app.py');
	assert.equal(await text_of(page, 'flame-result'), 'matched: 66.67% (2,000 samples)', 'each sample once');
	await fill(page, 'flame-search', '/^(poll|zip) /');
	assert.equal(await text_of(page, 'flame-result'), 'matched: 36.67% (1,100 samples)');
	await fill(page, 'flame-search', '/(/');
	assert.equal(await text_of(page, 'flame-result'), 'not a regular expression');
	await fill(page, 'flame-search', 'stall');
	const box = await box_of(page, '#flame canvas');
	const pixel = await page.evaluate((x) => Array.from(document.querySelector('#flame canvas').getContext('2d').getImageData(x, 2 * 18 + 3, 1, 1).data), Math.round(box.width * 0.65));
	assert.deepEqual(pixel.slice(0, 3), [0xe8, 0x6b, 0xf0], 'what is found has another colour');
	await choose_range(page, 0, 0.5);
	assert.equal(await text_of(page, 'flame-result'), 'matched: 0.00% (0 samples)', 'of the range');
	await fill(page, 'flame-search', '');
	await press(page, '#clear');
}

async function inverts(page) {
	await press(page, '#flame-invert');
	// dumps 400, parse 800, poll 900, query 100, render 500, stall 100, zip 200
	assert.deepEqual((await flame_tip(page, 1, 0.13)).slice(0, 2), ['dumps (json/__init__.py)', '400 samples, 13.33% of the range']);
	assert.equal((await flame_tip(page, 2, 0.13))[0], 'handle (app.py)', 'callers are below');
	assert.equal((await flame_tip(page, 4, 0.13))[0], '<module> (app.py)');
	assert.deepEqual((await flame_tip(page, 1, 0.5)).slice(0, 2), ['poll (serve.py)', '900 samples, 30.00% of the range']);
	await press(page, '#flame-invert');
}

async function shows_threads(page) {
	await press(page, '#flame-threads');
	assert.deepEqual(await flame_tip(page, 1, 0.1), ['MainThread (100)', '1,000 samples, 33.33% of the range']);
	assert.deepEqual(await flame_tip(page, 1, 0.5), ['worker (101)', '1,000 samples, 33.33% of the range']);
	assert.equal((await flame_tip(page, 3, 0.5))[0], 'parse (app.py)');
	await page.click(...await flame_place(page, 3, 0.5));
	await settle(page);
	assert.deepEqual((await flame_tip(page, 3, 0.9)).slice(0, 2), ['parse (app.py)', '800 samples, 26.67% of the range']);
	assert.equal((await flame_tip(page, 1, 0.9))[0], 'worker (101)');
	await press(page, '#flame-threads');
}

async function compares(page) {
	await choose_range(page, 0, 4);
	await press(page, '#keep');
	await choose_range(page, 4, 5);
	assert.equal(await text_of(page, 'kept-range'), 'compared with 0.000 s to 4.000 s');
	// main: handle (gone) before, slow now
	assert.deepEqual((await flame_tip(page, 4, 0.1)).slice(0, 4),
		['query (app.py)', '100 samples, 33.33% of the range', 'self: 100 samples, 33.33%', 'in the kept range: 0.00% (+33.33)']);
	assert.equal((await flame_tip(page, 2, 0.5))[3], 'in the kept range: 30.00% (+0.00)', 'poll is the same');
	const colour = (x, row) => page.evaluate((part, y) => {
		const canvas = document.querySelector('#flame canvas');
		return Array.from(canvas.getContext('2d').getImageData(Math.round(canvas.width * part) + 1, y * 18 + 2, 1, 1).data).slice(0, 3);
	}, x, row);
	const more = await colour(0.2, 4), same = await colour(0.5, 2);
	assert.ok(more[0] > more[2] + 60, `more is red: ${more}`);
	assert.deepEqual(same, [220, 223, 227]);
	await press(page, '#kept-swap');
	assert.equal(await text_of(page, 'range'), '0.000 s to 4.000 s');
	assert.equal((await flame_tip(page, 4, 0.1))[0], 'dumps (json/__init__.py)');
	assert.equal((await flame_tip(page, 4, 0.1))[3], 'in the kept range: 0.00% (+33.33)');
	await press(page, '#kept-drop');
	await press(page, '#clear');
	assert.equal((await flame_tip(page, 4, 0.1)).length, 5);
}

async function has_flame_keys(page) {
	await page.evaluate(() => document.querySelector('#flame canvas').focus());
	for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown'])
		await page.key(key);
	assert.match(await text_of(page, 'status'), /^handle \(app\.py\), 900 samples/, 'the widest below');
	await page.key('ArrowRight');
	assert.match(await text_of(page, 'status'), /^slow \(app\.py\), 100 samples/);
	await page.key('Enter');
	assert.equal((await flame_tip(page, 4, 0.9))[0], 'query (app.py)');
	await page.key('Escape');
	assert.equal((await flame_tip(page, 1, 0.9))[0], 'worker (app.py)');
}

// ---- the table ----

async function has_table(page) {
	await open_tab(page, 'table');
	assert.deepEqual(await table(page), { '<module>': [0, 1000], main: [0, 1000], handle: [0, 900], slow: [0, 100], query: [100, 100],
		dumps: [400, 400], render: [500, 500], worker: [0, 1000], parse: [800, 800], zip: [200, 200], serve: [0, 1000], poll: [900, 900], stall: [100, 100] });
	const names = () => page.evaluate(() => Array.from(document.querySelectorAll('#table-rows tbody tr'), (row) => row.cells[6].textContent));
	assert.deepEqual((await names()).slice(0, 4), ['poll', 'parse', 'render', 'dumps']);
	await press(page, '#sort-name');
	assert.deepEqual((await names()).slice(0, 4), ['<module>', 'dumps', 'handle', 'main']);
	await press(page, '#sort-name');
	assert.equal((await names())[0], 'zip');
	await press(page, '#sort-total');
	assert.deepEqual((await names()).slice(-3).sort(), ['query', 'slow', 'stall']);
	assert.equal(await page.evaluate(() => document.querySelector('th[aria-sort=descending]').textContent), 'total ▾');
	assert.deepEqual(await page.evaluate(() => Array.from(document.querySelectorAll('#table-rows tbody tr')).find((row) => row.cells[6].textContent === 'handle').innerText.split('\t')),
		['0', '0.00%', '0 µs', '900', '30.00%', '9 s', 'handle', 'app.py:1']);
	await fill(page, 'table-filter', 'SERVE.py');
	assert.deepEqual(await names(), ['serve', 'poll', 'stall']);
	assert.equal(await text_of(page, 'table-count'), '3 functions');
	await fill(page, 'table-filter', '');
}

async function has_neighbours(page) {
	await open_tab(page, 'table');
	await press_button(page, 'handle');
	const lists = () => page.evaluate(() => Array.from(document.querySelectorAll('#neighbours section'), (list) =>
		[list.querySelector('h4').textContent, ...Array.from(list.querySelectorAll('li'), (line) => line.textContent)]));
	assert.deepEqual(await lists(), [['Callers', '100.00% main (app.py) 900 samples'],
		['Callees', '55.56% render (app.py) 500 samples', '44.44% dumps (json/__init__.py) 400 samples']]);
	await press_button(page, 'main (app.py)');
	assert.deepEqual((await lists())[0], ['Callers', '100.00% <module> (app.py) 1,000 samples']);
}

async function exports_csv(page) {
	await page.evaluate(() => {
		const create = URL.createObjectURL.bind(URL);
		URL.createObjectURL = (blob) => {
			window.saved = blob.text();
			return create(blob);
		};
	});
	await press(page, '#table-csv');
	return (await page.evaluate(() => window.saved)).split('\r\n');
}

async function has_csv(page) {
	await press(page, '#sort-self');
	const lines = await exports_csv(page);
	assert.deepEqual(lines.slice(0, 3), ['self,total,self_us,total_us,function,file,line', '900,900,9000000,9000000,"poll","/srv/app/serve.py",1',
		'800,800,8000000,8000000,"parse","/srv/app/app.py",1']);
	assert.equal(lines.length, 15);
}

// ---- lines ----

const files = (page) => page.evaluate(() => Array.from(document.querySelectorAll('#lines-files li'), (line) => line.textContent));
const source = (page) => page.evaluate(() => Array.from(document.querySelectorAll('#lines-source tbody tr'),
	(row) => Array.from(row.cells, (cell) => cell.textContent)));

async function has_lines(page) {
	await open_tab(page, 'lines');
	assert.deepEqual(await files(page), ['53.33% app.py', '33.33% serve.py', '13.33% json/__init__.py']);
	assert.deepEqual(await source(page), [['16.67%', '16.67%', '20', 'render'], ['6.67%', '6.67%', '30', 'zip'], ['26.67%', '26.67%', '33', 'parse'],
		['3.33%', '3.33%', '40', 'query'], ['', '13.33%', '52', 'handle'], ['', '16.67%', '55', 'handle'], ['', '3.33%', '60', 'slow'],
		['', '33.33%', '70', 'worker'], ['', '33.33%', '80', 'main'], ['', '33.33%', '90', '<module>']]);
	await press_button(page, 'serve.py');
	assert.deepEqual(await source(page), [['', '33.33%', '5', 'serve'], ['30.00%', '30.00%', '11', 'poll'], ['3.33%', '3.33%', '12', 'stall']]);
	assert.ok(await page.evaluate(() => !document.getElementById('lines-note').hidden));
	await choose_range(page, 4, 5);
	assert.deepEqual(await files(page), ['66.67% app.py', '33.33% serve.py'], 'of the range');
	await press(page, '#clear');
}

// ---- the heat map ----

// Of the second, the part of it in 50ths.
async function heat_place(page, second, part) {
	const box = await box_of(page, '#heat canvas');
	return [box.x + 60 + 24 * second + 8, box.y + 20 + (49 - part) * 6 + 2];
}

async function has_heat_map(page) {
	await open_tab(page, 'heat');
	await page.move(...await heat_place(page, 3, 0));
	assert.deepEqual(await tip(page), ['second 3, 0 to 20 ms', '6 samples']);
	await press(page, '#state-4'); // without what sleeps a stall of 100 ms in each second is a stripe
	const shade = async (second, part) => {
		const box = await box_of(page, '#heat canvas'), [x, y] = await heat_place(page, second, part);
		return page.evaluate((left, top) => document.querySelector('#heat canvas').getContext('2d').getImageData(left, top, 1, 1).data[0],
			Math.round(x - box.x), Math.round(y - box.y));
	};
	for (const second of [0, 3, 6, 9]) {
		assert.equal(await shade(second, 25), 9, 'a stripe');
		assert.equal(await shade(second, 29), 9, 'up to its end');
		assert.ok(await shade(second, 24) > 20 && await shade(second, 30) > 20, 'and nowhere else');
	}
	await page.click(...await heat_place(page, 7, 27));
	await settle(page);
	assert.equal(await text_of(page, 'range'), '7.54000 s to 7.56000 s');
	assert.deepEqual(await page.evaluate(() => Array.from(document.querySelectorAll('#heat-stacks li'), (line) => line.textContent).sort()),
		['33.33% <module> › main › handle › render', '33.33% serve › stall', '33.33% worker › zip']);
	await page.evaluate(() => document.querySelector('#heat canvas').focus());
	await page.key('ArrowRight');
	await page.key('ArrowUp');
	await settle(page);
	assert.equal(await text_of(page, 'range'), '8.56000 s to 8.58000 s');
	assert.equal(await text_of(page, 'status'), 'second 8, 560 to 580 ms, 6 samples');
	await press(page, '#state-4');
	await press(page, '#clear');
}

// ---- other profiles ----

async function counts_recursion_once(page) {
	await settle(page);
	await open_tab(page, 'table');
	assert.deepEqual(await table(page), { main: [0, 11], f: [3, 9], g: [6, 6], h: [0, 2], '=1+1': [2, 2], '(idle)': [4, 4] });
	await press_button(page, 'f');
	const lists = await page.evaluate(() => Array.from(document.querySelectorAll('#neighbours li'), (line) => line.textContent));
	assert.deepEqual(lists, ['100.00% main (a.py) 9 samples', '66.67% g (a.py) 6 samples', '33.33% (itself) 3 samples']);
	assert.ok((await exports_csv(page)).some((line) => line.includes('"\'=1+1"')), 'a name is no formula');
}

async function shows_awake(page) {
	await settle(page);
	assert.equal((await facts(page)).samples.split(' ')[0], '2,000', 'who sleeps does not count at first');
	await press(page, '#state-4');
	assert.equal((await facts(page)).samples.split(' ')[0], '3,000');
}

async function is_empty(page) {
	await settle(page);
	assert.equal((await facts(page)).samples.split(' ')[0], '0');
	await open_tab(page, 'table');
	assert.deepEqual(await table(page), {});
}

async function is_deep(page) {
	await settle(page);
	await open_tab(page, 'table');
	assert.deepEqual((await table(page)).recurse, [0, 3]);
	await open_tab(page, 'flame');
	await page.evaluate(() => {
		document.getElementById('flame').scrollTop = 1e9;
	});
	const box = await box_of(page, '#flame canvas');
	await page.move(box.x + 50, box.y + box.height - 8);
	assert.equal((await tip(page))[0], 'bottom (a.py)');
}

async function is_harmless(page) {
	await settle(page);
	for (const name of ['table', 'lines', 'heat', 'flame'])
		await open_tab(page, name);
	await page.click(...await place(page, 'main', 0.01, 0, 0.2));
	await settle(page);
	await fill(page, 'flame-search', '<script>');
	await open_tab(page, 'table');
	const names = await page.evaluate(() => Array.from(document.querySelectorAll('#table-rows tbody tr'), (row) => row.cells[6].textContent));
	for (const name of ['<img src=x onerror=alert(1)>', '__proto__', 'constructor', '</script><script>alert(1)</script>'])
		assert.ok(names.includes(name), name);
	assert.ok(!(await page.evaluate(() => /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(document.documentElement.textContent))));
	assert.equal(await page.evaluate(() => document.querySelectorAll('#page img, #page svg, #page script, iframe').length), 0);
	assert.equal(await page.evaluate(() => window.alerts), 0);
	assert.ok(await page.evaluate(() => document.title.includes('</title><script>alert(1)</script>')));
}

// What may run is the one script: another that came into the page would not.
async function has_policy(page) {
	await page.evaluate(() => {
		const script = document.createElement('script');
		script.textContent = 'window.alerts = 99';
		document.body.append(script);
		const image = document.createElement('div');
		image.setAttribute('onclick', 'window.alerts = 98');
		document.body.append(image);
		image.click();
	});
	assert.equal(await page.evaluate(() => window.alerts), 0);
	assert.ok(page.errors.length >= 2 && page.errors.every((error) => error.includes('Content Security Policy')), page.errors.join());
	page.errors = [];
}

// ---- for everybody ----

async function is_named(page) {
	await settle(page);
	const { nodes } = await page.send('Accessibility.getFullAXTree');
	const bare = nodes.filter((node) => !node.ignored && ['button', 'textbox', 'searchbox', 'checkbox', 'combobox', 'tab', 'application'].includes(node.role?.value) &&
		!node.name?.value);
	assert.deepEqual(bare.map((node) => node.role.value), []);
	assert.ok(nodes.filter((node) => node.role?.value === 'application').length >= 2);
	// Everything can be reached with Tab.
	const reached = new Set();
	await page.evaluate(() => document.activeElement.blur());
	for (let i = 0; i < 120; i++) {
		await page.key('Tab');
		reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.parentElement?.id));
	}
	for (const id of ['timeline', 'zoom-in', 'from', 'keep', 'thread', 'state-1', 'tab-flame', 'flame', 'flame-search'])
		assert.ok(reached.has(id), `Tab reaches ${id}`);
}

async function fits(page) {
	for (const width of [1280, 400]) {
		await page.resize(width, 800);
		await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
		await settle(page);
		for (const name of ['flame', 'table', 'lines', 'heat']) {
			await open_tab(page, name);
			const wide = await page.evaluate(() => document.documentElement.scrollWidth);
			assert.ok(wide <= width, `${name} is ${wide} wide, of ${width}`);
		}
	}
	await page.resize(1200, 800);
}

// How people without one kind of cones see a colour (Vienot, Brettel and Mollon 1999), and how far apart two are (CIE 76).
const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
const SIGHTS = {
	all: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
	'no red': [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
	'no green': [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
};

function lab(hex, sight) {
	const rgb = [1, 3, 5].map((at) => linear(parseInt(hex.slice(at, at + 2), 16)));
	const seen = sight.map((row) => Math.max(row.reduce((sum, part, i) => sum + part * rgb[i], 0), 0));
	const xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]].map((row) => row.reduce((sum, part, i) => sum + part * seen[i], 0));
	const [x, y, z] = [xyz[0] / 0.9505, xyz[1], xyz[2] / 1.089].map((value) => value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116);
	return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

async function has_safe_colours(page) {
	for (const kind of ['light', 'dark']) {
		const colours = await page.evaluate((name) => STATES.slice(1).map((state) => state[name]), kind);
		for (const [name, sight] of Object.entries(SIGHTS)) {
			colours.forEach((one, i) => colours.slice(i + 1).forEach((other) => {
				const a = lab(one, sight), b = lab(other, sight), distance = Math.hypot(...a.map((value, k) => value - b[k]));
				assert.ok(distance > 12, `${kind}, ${name}: ${one} and ${other} are ${distance.toFixed(1)} apart`);
			}));
		}
	}
}

async function is_dark(page) {
	await page.dark(true);
	await page.until(() => getComputedStyle(document.body).backgroundColor === 'rgb(27, 29, 33)');
	await settle(page);
	await page.until(() => document.querySelector('#timeline canvas').getContext('2d').getImageData(2, 10, 1, 1).data[0] === 27);
	await page.dark(false);
	await page.until(() => document.querySelector('#timeline canvas').getContext('2d').getImageData(2, 10, 1, 1).data[0] === 255);
}

async function prints(page) {
	await page.evaluate(() => {
		window.printed = [];
		addEventListener('beforeprint', () => window.printed.push(...Array.from(document.querySelectorAll('[role=tabpanel]'), (panel) => [panel.id, panel.hidden])));
	});
	const { data } = await page.send('Page.printToPDF', { printBackground: true });
	assert.ok(Buffer.from(data, 'base64').toString('latin1').startsWith('%PDF-'));
	const printed = await page.evaluate(() => window.printed);
	assert.ok(printed.length >= 4 && printed.every(([, hidden]) => !hidden), 'paper has all tabs');
	assert.equal(await page.evaluate(() => document.querySelectorAll('[role=tabpanel]:not([hidden])').length), 1);
}

const CHECKS = [
	['known.html', 'the summary', has_summary],
	[null, 'the timeline: depth, states, CPU and memory', has_timeline],
	['known.html', 'a range is selected, zoomed to, moved; everything shows it alone', selects_range],
	[null, 'states and threads that count', chooses_states],
	[null, 'a click on a sample: its stack, and what others have in common with it', selects_sample],
	[null, 'arrow keys go from sample to sample', steps],
	['known.html', 'the flame graph', has_flame_graph],
	[null, 'search in it', searches],
	[null, 'inverted', inverts],
	[null, 'by thread', shows_threads],
	[null, 'a range compared with another one', compares],
	[null, 'keys of the flame graph', has_flame_keys],
	['known.html', 'the table: sort, filter', has_table],
	[null, 'callers and callees', has_neighbours],
	[null, 'CSV', has_csv],
	['known.html', 'heat by line', has_lines],
	[null, 'the heat map of each second: stripes, a cell that is chosen', has_heat_map],
	['known.html', 'names for screen readers, and all by keyboard', is_named],
	[null, 'wide and narrow windows', fits],
	[null, 'colours that everybody tells apart', has_safe_colours],
	[null, 'dark mode', is_dark],
	[null, 'on paper', prints],
	['stacks.html', 'recursion counts once, a name is no formula', counts_recursion_once],
	['gil.html', 'a run in the default mode', shows_awake],
	['empty.html', 'no samples', is_empty],
	['deep.html', '50,000 frames deep', is_deep],
	['hostile.html', 'names that are markup', is_harmless],
	[null, 'the policy', has_policy],
	...require('./html_more.js')({ settle, text_of, open_tab, press, place }),
];

async function open(browser, file) {
	const page = await browser.open('about:blank', 1280, 1000);
	await page.send('Page.addScriptToEvaluateOnNewDocument', { source: 'window.alerts = 0; window.alert = () => { window.alerts++; };' });
	await page.goto(url_of(file));
	await settle(page);
	return page;
}

async function check_all(browser, folder) {
	const only = process.env.PYROPE_HTML_FILES, wanted = process.env.PYROPE_HTML_CHECKS;
	await run_checks(browser, folder, CHECKS, (file, what) => (only && file !== only) || (wanted && !new RegExp(wanted).test(what)), (file) => open(browser, file));
	console.log('ok all of it was done');
}

async function print_functions(browser, file) {
	const page = await open(browser, file);
	for (const id of await page.evaluate(() => Array.from(document.querySelectorAll('#states input:not(:checked)'), (box) => box.id)))
		if (await page.evaluate((name) => document.getElementById(name).offsetParent !== null, id))
			await press(page, `#${id}`);
	await open_tab(page, 'table');
	const totals = {};
	for (const [name, self, total] of await page.evaluate(() => Array.from(document.querySelectorAll('#table-rows tbody tr'), (row) =>
		[row.cells[6].textContent, Number(row.cells[0].textContent.replaceAll(',', '')), Number(row.cells[3].textContent.replaceAll(',', ''))])))
		totals[name] = total;
	for (const name of Object.keys(totals).sort((a, b) => a < b ? -1 : 1))
		console.log(`${name} ${totals[name]}`);
}

// The lines of a file, as the page shows them.
async function print_source(browser, file, name) {
	const page = await open(browser, file);
	await open_tab(page, 'lines');
	await page.evaluate((text) => Array.from(document.querySelectorAll('#lines-files button')).find((button) => button.textContent.endsWith(text)).click(), name);
	for (const [self, total, line, text] of await source(page))
		console.log(`${self} ${total} ${line} ${text}`);
}

// And nothing of it has run.
async function print_embedded(browser, file) {
	const page = await open(browser, file);
	await open_tab(page, 'lines');
	for (const [name, text] of await page.evaluate('profile.sources'))
		console.log(`${path.basename(name)}\t${text.replaceAll('\n', '|')}`);
	console.log(`alerts\t${await page.evaluate(() => window.alerts)}`);
}

with_browser(async (browser) => {
	if (process.argv[2] === 'embedded')
		await print_embedded(browser, process.argv[3]);
	else if (process.argv[2] === 'source')
		await print_source(browser, process.argv[3], process.argv[4]);
	else if (process.argv[2] === 'functions')
		await print_functions(browser, process.argv[3]);
	else
		await check_all(browser, process.argv[2]);
});
