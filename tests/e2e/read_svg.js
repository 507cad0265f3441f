// SPDX-License-Identifier: MIT
//
// Opens SVG flame graphs in a headless Chromium, does with them what people do, and compares what is shown with what must be. Prints
// "ok WHAT" or "not ok WHAT" for each; with "functions", how many samples a search for each of the names finds.
//
// Usage: node read_svg.js FOLDER (with the files that svg.test writes; PYROPE_SVG_FILES: only this one)
//        node read_svg.js functions FILE < NAMES
'use strict';

const assert = require('assert/strict');
const fs = require('fs');
const path = require('path');
const { with_browser, run_checks } = require('./browser.js');

const url_of = (file) => `file://${path.resolve(file)}`;

// ---- what a page shows ----

// Each frame that is drawn: its label as far as it is shown, and its place.
const shown_frames = (page) => page.evaluate(() => Array.from(document.querySelectorAll('#frames g'), (group) => {
	const rect = group.querySelector('rect'), box = rect.getBoundingClientRect();
	return {
		label: group.querySelector('text')?.textContent ?? '', class: group.getAttribute('class').trim(), colour: rect.getAttribute('class'),
		x: box.x, y: box.y, width: box.width, number: Number(group.dataset.frame),
	};
}));

async function find(page, label) {
	const frame = (await shown_frames(page)).find((one) => one.label === label);
	assert.ok(frame, `no frame '${label}'`);
	return frame;
}

async function click(page, label) {
	const frame = await find(page, label);
	await page.click(frame.x + 4, frame.y + 4);
}

const press = async (page, id) => {
	const box = await page.evaluate((name) => document.getElementById(name).getBoundingClientRect().toJSON(), id);
	await page.click(box.x + box.width / 2, box.y + box.height / 2);
};
const text_of = (page, id) => page.evaluate((name) => document.getElementById(name).textContent, id);
const fragment = (page) => page.evaluate(() => location.hash);
const tip = (page) => page.evaluate(() => document.getElementById('tip').getAttribute('visibility') === 'visible' ?
	Array.from(document.querySelectorAll('#tip text'), (text) => text.textContent) : null);

async function search(page, text) {
	await page.evaluate(() => document.getElementById('search').focus());
	await page.evaluate(() => document.getElementById('search').select());
	await page.type(text);
	return text_of(page, 'result');
}

// ---- known numbers ----

async function opens(page) {
	assert.deepEqual((await shown_frames(page)).map((frame) => frame.label).sort(), ['(gc)', '(idle)', '<module> (app.py:81)', 'all',
		'dumps (json/__init__.py:231)', 'fib (app.py:10)', 'fib (app.py:11)', 'fib (app.py:11)', 'handle', 'handle (app.py:52)',
		'main (app.py:74)', 'read'].sort());
	assert.equal(await text_of(page, 'title'), 'Flame graph');
	assert.equal(await text_of(page, 'subtitle'), '67 samples');
	const all = await find(page, 'all'), module = await find(page, '<module> (app.py:81)'), idle = await find(page, '(idle)');
	assert.ok(Math.abs(all.x - 10) < 1 && Math.abs(all.width - 1180) < 1);
	assert.ok(Math.abs(module.width - 1180 * 37 / 67) < 1 && Math.abs(idle.width - 1180 * 30 / 67) < 1);
	assert.ok(module.y < all.y, 'flames grow upwards');
	assert.equal((await find(page, 'read')).colour[0], 'n');
	assert.equal((await find(page, '(gc)')).colour[0], 'g');
}

async function has_tooltips(page) {
	const frame = await find(page, 'handle (app.py:52)');
	await page.move(frame.x + 40, frame.y + 4);
	assert.deepEqual(await tip(page), ['handle (app.py:52)', '17 samples, 25.37% of all', '54.84% of its caller', 'self: 0 samples, 0.00%', 'own code']);
	const short = await find(page, 'handle'); // app.py:53
	await page.move(short.x + 4, short.y + 4);
	assert.deepEqual(await tip(page), ['handle (app.py:53)', '5 samples, 7.46% of all', '16.13% of its caller', 'self: 5 samples, 7.46%', 'own code']);
	await page.move(600, 790);
	assert.equal(await tip(page), null);
}

async function zooms(page) {
	await click(page, 'main (app.py:74)');
	const main = await find(page, 'main (app.py:74)'), fib = await find(page, 'fib (app.py:10)');
	assert.ok(Math.abs(main.width - 1180) < 1 && Math.abs(fib.width - 1180 * 9 / 31) < 1);
	const labels = (await shown_frames(page)).map((frame) => frame.label);
	assert.ok(!labels.includes('(idle)') && labels.includes('all') && labels.includes('handle (app.py:53)'));
	assert.equal((await find(page, 'all')).class, 'above');
	assert.match(await fragment(page), /^#frame=\d+$/);
	await click(page, 'dumps (json/__init__.py:231)');
	assert.ok(Math.abs((await find(page, 'dumps (json/__init__.py:231)')).width - 1180) < 1);
	await press(page, 'back');
	await page.until(() => document.querySelectorAll('#frames g').length > 6);
	assert.ok(Math.abs((await find(page, 'main (app.py:74)')).width - 1180) < 1, 'back is at main');
	await press(page, 'reset');
	await find(page, '(idle)');
	assert.equal(await fragment(page), '');
	await click(page, '<module> (app.py:81)');
	await click(page, 'all'); // a caller, to see more again
	await find(page, '(idle)');
}

async function searches(page) {
	await page.key('f', 'ctrl');
	assert.equal(await page.evaluate(() => document.activeElement.id), 'search');
	assert.equal(await search(page, 'FIB'), 'matched: 13.43% (9 samples)');
	const hits = (await shown_frames(page)).filter((frame) => frame.class.includes('hit'));
	assert.deepEqual(hits.map((frame) => frame.label.slice(0, 3)), ['fib', 'fib', 'fib']);
	await press(page, 'case');
	assert.equal(await text_of(page, 'result'), 'matched: 0.00% (0 samples)');
	assert.equal(await fragment(page), '#search=FIB&case=1');
	assert.equal(await search(page, 'fib'), 'matched: 13.43% (9 samples)');
	await press(page, 'case');
	assert.equal(await search(page, '^(fib|dumps) '), 'matched: 0.00% (0 samples)');
	await press(page, 'regex');
	assert.equal(await text_of(page, 'result'), 'matched: 38.81% (26 samples)');
	assert.equal(await search(page, '('), 'not a regular expression');
	await press(page, 'regex');
	assert.equal(await search(page, 'app.py'), 'matched: 55.22% (37 samples)'); // each sample once
	await click(page, 'main (app.py:74)');
	assert.equal(await search(page, 'dumps'), 'matched: 54.84% of this (17 samples)');
}

// Goes on where searches() has left it.
async function keeps_state(page, browser) {
	const url = await page.evaluate(() => location.href);
	const other = await browser.open(url);
	assert.match(url, /#frame=\d+&search=dumps$/);
	assert.equal(await text_of(other, 'result'), 'matched: 54.84% of this (17 samples)');
	assert.ok(Math.abs((await find(other, 'main (app.py:74)')).width - 1180) < 1);
	await other.goto(`${url.split('#')[0]}#search=%5Egc%24%7Cidle&regex=1`);
	await other.until(() => document.getElementById('result').textContent === 'matched: 44.78% (30 samples)');
	await other.goto(`${url.split('#')[0]}#frame=99999999&search=%28&regex=1`);
	await other.until(() => document.getElementById('result').textContent === 'not a regular expression');
	await find(other, '(idle)');
	assert.deepEqual(other.errors, []);
	await other.close();
	await page.send('Page.bringToFront');
}

async function has_keys(page) {
	await page.key('Escape');
	await page.key('Home');
	assert.equal(await text_of(page, 'result'), '');
	assert.equal(await fragment(page), '');
	await page.key('ArrowUp'); // all
	await page.key('ArrowUp'); // what is widest above it
	assert.equal((await tip(page))[0], '<module> (app.py:81)');
	await page.key('ArrowLeft');
	assert.equal((await tip(page))[0], '(idle)');
	await page.key('ArrowRight');
	await page.key('Enter');
	assert.ok(Math.abs((await find(page, '<module> (app.py:81)')).width - 1180) < 1);
	await page.key('Backspace');
	await page.until(() => location.hash === '');
	await page.key('/');
	assert.equal(await page.evaluate(() => document.activeElement.id), 'search');
	await page.type('IDLE');
	await page.key('c', 'alt');
	assert.equal(await text_of(page, 'result'), 'matched: 0.00% (0 samples)');
	await page.key('c', 'alt');
	await page.key('Escape');
	assert.equal(await page.evaluate(() => document.getElementById('search').value), '');
}

async function is_fluid(page) {
	await page.resize(600, 500);
	await page.until(() => document.documentElement.getAttribute('width') === '600');
	assert.ok(Math.abs((await find(page, 'all')).width - 580) < 1);
	await page.resize(200, 500);
	await page.until(() => document.documentElement.getAttribute('width') === '320');
	await page.resize(1200, 800);
	await page.until(() => document.documentElement.getAttribute('width') === '1200');
}

async function is_dark(page) {
	const paper = () => page.evaluate(() => getComputedStyle(document.querySelector('.paper')).fill);
	assert.equal(await paper(), 'rgb(255, 255, 255)');
	await page.dark(true);
	assert.equal(await paper(), 'rgb(27, 29, 33)');
	await page.dark(false);
}

// A picture in another page, drawn at its own size: how much of it has the colour of idle, of 30 samples of 67.
async function is_picture(page, folder) {
	const bytes = fs.readFileSync(path.join(folder, 'known.svg')).toString('base64');
	const [width, idle] = await page.evaluate(async (data) => {
		const image = new Image();
		image.src = `data:image/svg+xml;base64,${data}`;
		await image.decode();
		const canvas = document.createElement('canvas');
		canvas.width = image.naturalWidth;
		canvas.height = image.naturalHeight;
		const context = canvas.getContext('2d');
		context.drawImage(image, 0, 0);
		const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
		const rows = new Map();
		for (let at = 0; at < pixels.length; at += 4) {
			if (Math.abs(pixels[at] - 0xde) < 8 && Math.abs(pixels[at + 1] - 0xe1) < 8 && Math.abs(pixels[at + 2] - 0xe4) < 8) {
				const row = Math.floor(at / 4 / canvas.width);
				rows.set(row, (rows.get(row) || 0) + 1);
			}
		}
		return [image.naturalWidth, Math.max(...rows.values())];
	}, bytes);
	assert.equal(width, 1200);
	assert.ok(Math.abs(idle - 1180 * 30 / 67) < 4, `${idle} pixels`);
}

// ---- other files ----

async function is_icicle(page) {
	const all = await find(page, 'all'), module = await find(page, '<module> (app.py:81)');
	assert.ok(module.y > all.y);
	await page.key('ArrowDown');
	await page.key('ArrowDown');
	assert.equal((await tip(page))[0], '<module> (app.py:81)');
}

async function leaves_out(page) {
	const labels = (await shown_frames(page)).map((frame) => frame.label);
	assert.ok(labels.includes('(left out)') && !labels.includes('(gc)'), labels.join());
	assert.equal(await search(page, 'left out'), 'matched: 29.85% (20 samples)'); // fib 9, handle 5, read 4, gc 2
	assert.equal(await search(page, 'app.py'), 'matched: 55.22% (37 samples)');
	assert.equal(await text_of(page, 'title'), 'A title');
}

async function is_empty(page) {
	assert.equal(await text_of(page, 'subtitle'), '0 samples');
	assert.equal(await search(page, 'x'), 'matched: 0.00% (0 samples)');
}

async function is_one(page) {
	assert.equal(await text_of(page, 'subtitle'), '1 sample');
	await find(page, 'f (a.py:1)');
	assert.equal(await search(page, 'f'), 'matched: 100.00% (1 sample)');
}

async function is_deep(page) {
	assert.ok((await shown_frames(page)).length < 500, 'only what can be seen is drawn');
	const all = await find(page, 'all');
	assert.ok(all.y > 0 && all.y < 800, 'the root is what is shown first');
	assert.equal(await search(page, 'bottom'), 'matched: 100.00% (3 samples)');
	await page.evaluate(() => scrollTo(0, 0));
	await page.until(() => Array.from(document.querySelectorAll('#frames text')).some((text) => text.textContent === 'bottom (a.py:9)'));
	await click(page, 'bottom (a.py:9)');
	await page.until(() => location.hash.includes('frame=50002'));
}

// Letters stay within their frames, and neighbours do not lie upon each other.
async function is_legible(page) {
	const boxes = await page.evaluate(() => Array.from(document.querySelectorAll('#frames g'), (group) => {
		const rect = group.querySelector('rect').getBoundingClientRect(), text = group.querySelector('text')?.getBoundingClientRect();
		return { x: rect.x, y: rect.y, width: rect.width, has_text: Boolean(text), text: text ? text.right - rect.right : 0 };
	}));
	assert.ok(boxes.length > 10000, `${boxes.length} frames`);
	assert.ok(boxes.filter((box) => box.has_text).length > 40);
	for (const box of boxes)
		assert.ok(box.text <= 0.5, `a label is ${box.text} pixels too long`);
	boxes.sort((a, b) => a.y - b.y || a.x - b.x);
	for (let i = 1; i < boxes.length; i++)
		assert.ok(boxes[i].y !== boxes[i - 1].y || boxes[i].x >= boxes[i - 1].x + boxes[i - 1].width - 0.05);
}

// Names that are markup, script, the end of a section, directions: letters, and nothing else.
async function is_harmless(page) {
	const found = await page.evaluate(() => ({
		names: Array.from(new Set(Array.from(document.querySelectorAll('*'), (element) => element.localName))).sort(),
		scripts: document.querySelectorAll('script').length, run: typeof window.hostile,
		handlers: Array.from(document.querySelectorAll('*')).flatMap((element) => Array.from(element.attributes, (attribute) => attribute.name))
			.filter((name) => name.startsWith('on') || name.endsWith('href')),
	}));
	assert.deepEqual(found, { names: ['button', 'div', 'foreignObject', 'g', 'input', 'metadata', 'rect', 'script', 'span', 'style', 'svg',
		'text', 'title'], scripts: 1, run: 'undefined', handlers: [] });
	for (const name of ['</script><script>window.hostile=1</script>', ']]>', '</metadata>', '&lt&#x41', '<img src=x onerror=window.hostile=1>'])
		assert.equal(await search(page, name), 'matched: 12.50% (1 sample)', name);
	assert.equal(await search(page, 'long_x'), 'matched: 12.50% (1 sample)');
	const long = (await shown_frames(page)).find((frame) => frame.class.includes('hit'));
	await page.move(long.x + 4, long.y + 4);
	assert.ok((await tip(page)).join('').length < 700, 'a name of 100 KB is cut');
	assert.ok(!(await page.evaluate(() => /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(document.documentElement.textContent))));
}

const CHECKS = [
	['known.svg', 'frames, as wide as their samples', opens],
	['known.svg', 'tooltips with samples, percent of all and of the caller, self', has_tooltips],
	['known.svg', 'click to zoom, back, reset', zooms],
	['known.svg', 'search with Ctrl-F, case, regular expressions, the part that matches', searches],
	[null, 'what is looked at is in the URL', keeps_state],
	[null, 'keys', has_keys],
	[null, 'fluid, down to a least width', is_fluid],
	[null, 'dark mode', is_dark],
	['known.svg', 'a picture in another page', (page, browser, folder) => with_page(browser, (html) => is_picture(html, folder))],
	['inverted.svg', 'an icicle', is_icicle],
	['narrow.svg', '--min-width keeps the totals', leaves_out],
	['empty.svg', 'no samples', is_empty],
	['one.svg', 'one sample', is_one],
	['deep.svg', '50,000 frames deep', is_deep],
	['many.svg', '10,000 frames', is_legible],
	['hostile.svg', 'names that are markup', is_harmless],
];

async function with_page(browser, use) {
	const page = await browser.open('data:text/html,<title>page</title>');
	await use(page);
	await page.close();
}

async function check_all(browser, folder) {
	const only = process.env.PYROPE_SVG_FILES, wanted = process.env.PYROPE_SVG_CHECKS;
	await run_checks(browser, folder, CHECKS, (file, what) => (only && file !== only) || (wanted && !new RegExp(wanted).test(what)), (file) => browser.open(url_of(file)));
}

// "NAME SAMPLES" for each name: what a search for the function finds.
async function count_functions(browser, file) {
	const names = fs.readFileSync(0, 'utf8').split('\n').filter(Boolean);
	const page = await browser.open(url_of(file));
	await page.key('r', 'alt');
	for (const name of names) {
		const result = await search(page, `^${name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}( \\(|$)`);
		const found = result.match(/\(([\d,]+) samples?\)$/);
		console.log(`${name} ${found ? found[1].replace(/,/g, '') : result}`);
	}
	assert.deepEqual(page.errors, []);
}

module.exports = { url_of, shown_frames, find, click, press, text_of, fragment, tip, search };
if (require.main === module)
	with_browser((browser) => process.argv[2] === 'functions' ? count_functions(browser, process.argv[3]) : check_all(browser, process.argv[2]));
