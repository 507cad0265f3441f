// SPDX-License-Identifier: MIT
//
// Opens the pictures and pages of pyrope diff in a headless Chromium and compares what is shown with what must be. Prints "ok WHAT" or
// "not ok WHAT" for each.
//
// Usage: node read_difference.js FOLDER (with the files that diff_picture.test writes)
'use strict';

const assert = require('assert/strict');
const fs = require('fs');
const path = require('path');
const { with_browser, run_checks } = require('./browser.js');
const { url_of, shown_frames, find, click, press, text_of, fragment, tip, search } = require('./read_svg.js');

const is_near = (found, wanted) => assert.ok(Math.abs(found - wanted) < 1, `${found} is not ${wanted}`);
const labels = async (page) => (await shown_frames(page)).map((frame) => frame.label);
const shade = async (page, label) => (await find(page, label)).colour;

// ---- a picture ----

async function opens(page, wide) {
	assert.match(await text_of(page, 'subtitle'), /^3,000 samples before, 3,430 after; \d+ frames changed by more than chance/);
	is_near((await find(page, 'render (app.py)')).width, wide * 1200 / 3430);
	is_near((await find(page, 'parse (app.py)')).width, wide * 900 / 3430);
	assert.ok(!(await labels(page)).includes('old (app.py)'), 'what is gone has no width');
	assert.match(await shade(page, 'escape (app.py)'), /^d [jk]$/);
	assert.equal(await shade(page, 'new'), 'd k');
	assert.match(await shade(page, 'parse (app.py)'), /^d [de]$/);
	assert.equal(await shade(page, 'steady (app.py)'), 'd f', 'what chance explains is grey');
	assert.equal(await shade(page, 'all'), 'd f');
}

async function has_tooltips(page) {
	const frame = await find(page, 'escape (app.py)');
	await page.move(frame.x + 4, frame.y + 4);
	const lines = await tip(page);
	assert.deepEqual(lines.slice(0, 4), ['escape (app.py)', '/usr/lib/python3/dist-packages/app.py', 'before: 13.33% (400 samples)', 'after: 26.24% (900 samples)']);
	assert.match(lines[4], /^change: \+12\.91, 95 %: \+1[0-9.]+ to \+1[0-9.]+$/);
	assert.equal(lines[5], 'slower');
}

// The script says of a frame what the plain picture says of it, to the last digit.
async function says_the_same(page, plain, label) {
	const frame = await find(page, label);
	await page.move(frame.x + 4, frame.y + 4);
	const lines = (await tip(page)).slice(-4);
	assert.match(lines[2], /^change: [-+][\d.]+, 95 %: [-+][\d.]+ to [-+][\d.]+$/);
	assert.ok(plain.includes(`\n${lines.join('\n')}</title>`), lines.join('\n'));
	return lines;
}

async function has_times(page, folder) {
	const plain = fs.readFileSync(path.join(folder, 'times.svg'), 'utf8');
	const label = (await labels(page)).find((name) => name.startsWith('render ('));
	const lines = await says_the_same(page, plain, label);
	assert.match(lines[0], /^before: \d+\.\d\d m?s \([\d,]+ samples\)$/);
}

// 107 of 4,000 are 2.675 %: a number that no double holds.
async function rounds_alike(page, folder) {
	const plain = fs.readFileSync(path.join(folder, 'halves.svg'), 'utf8');
	assert.equal((await says_the_same(page, plain, 'rare'))[0], 'before: 2.68% (107 samples)');
	assert.equal((await says_the_same(page, plain, 'other'))[1], 'after: 94.65% (3,786 samples)');
}

async function changes_side(page, wide) {
	await press(page, 'side');
	assert.equal(await text_of(page, 'side'), 'widths: before');
	assert.equal(await fragment(page), '#widths=before');
	is_near((await find(page, 'render (app.py)')).width, wide * 700 / 3000);
	is_near((await find(page, 'old (app.py)')).width, wide * 300 / 3000);
	assert.equal(await shade(page, 'old (app.py)'), 'd a');
	assert.ok(!(await labels(page)).includes('new'));
	await click(page, 'old (app.py)');
	is_near((await find(page, 'old (app.py)')).width, wide);
	assert.equal(await search(page, 'old'), 'matched: 100.00% of this (300 samples)');
	await page.key('w', 'alt'); // it was not there after: what calls it is shown
	assert.equal(await text_of(page, 'side'), 'widths: after');
	is_near((await find(page, 'render (app.py)')).width, wide * 1200 / 2930);
}

async function keeps_side(page, browser) {
	const other = await browser.open(`${(await page.evaluate(() => location.href)).split('#')[0]}#widths=before`);
	await find(other, 'old (app.py)');
	assert.equal(await text_of(other, 'side'), 'widths: before');
	await other.close();
	await page.send('Page.bringToFront');
}

// ---- a page with a table ----

async function has_table(page) {
	const rows = await page.evaluate(() => Array.from(document.querySelectorAll('tbody tr'), (row) =>
		Array.from(row.cells, (cell) => cell.textContent)));
	assert.equal(rows.length, 7);
	const escape = rows.find((row) => row[5] === 'app:escape');
	assert.deepEqual([escape[0], escape[1], escape[2], escape[4]], ['13.33%', '26.24%', '+12.91', 'slower']);
	assert.equal(rows.find((row) => row[5] === 'app:steady')[4], 'no evidence');
	const [picture, table] = await page.evaluate(() => ['svg', 'table'].map((name) => {
		const box = document.querySelector(name).getBoundingClientRect();
		return { top: box.top, bottom: box.bottom };
	}));
	assert.ok(picture.top === 0 && table.top >= picture.bottom && table.top < 800, 'the table is below the picture');
}

// Its policy lets nothing run but what it came with, and nothing be loaded.
async function is_closed(page, browser) {
	const other = await browser.open(await page.evaluate(() => location.href));
	await other.evaluate(() => {
		const script = document.createElement('script');
		script.textContent = 'window.hostile = 1';
		document.body.append(script);
		const image = new Image();
		image.src = 'http://127.0.0.1:9/x.png';
		document.body.append(image);
	});
	await other.until(() => performance.now() > 0);
	assert.equal(await other.evaluate(() => typeof window.hostile), 'undefined');
	assert.ok(other.errors.some((error) => /Content Security Policy/.test(error)), other.errors.join('\n'));
	await other.close();
	await page.send('Page.bringToFront');
}

async function is_harmless(page) {
	const found = await page.evaluate(() => ({
		bad: Array.from(document.querySelectorAll('img, iframe, a, object, embed, link'), (element) => element.outerHTML),
		scripts: document.querySelectorAll('script').length, run: typeof window.hostile,
		handlers: Array.from(document.querySelectorAll('*')).flatMap((element) => Array.from(element.attributes, (attribute) => attribute.name))
			.filter((name) => name.startsWith('on') || name.endsWith('href')),
	}));
	assert.deepEqual(found, { bad: [], scripts: 1, run: 'undefined', handlers: [] });
	for (const name of ['</script><script>window.hostile=1</script>', ']]>', '</metadata>', '</table></body>', '&lt&#x41',
		'<img src=x onerror=window.hostile=1>'])
		assert.match(await search(page, name), /^matched: 14\.\d+% \(20 samples\)$/, name);
}

const CHECKS = [
	['known.svg', 'picture: widths of after, red, blue, and grey', (page) => opens(page, 1180)],
	[null, 'picture: tooltips with both shares, the change, its interval, the verdict', has_tooltips],
	[null, 'picture: a click changes the widths to those of before', (page) => changes_side(page, 1180)],
	[null, 'picture: which side it was is in the URL', keeps_side],
	['known.html', 'page: the picture', async (page) => opens(page, (await find(page, 'all')).width)],
	[null, 'page: tooltips', has_tooltips],
	[null, 'page: the table', has_table],
	[null, 'page: a click changes the widths', async (page) => changes_side(page, (await find(page, 'all')).width)],
	[null, 'page: nothing else runs or is loaded', is_closed],
	['times.svg', 'picture: times', (page, browser, folder) => has_times(page, folder)],
	['halves.svg', 'picture: halves of a hundredth', (page, browser, folder) => rounds_alike(page, folder)],
	['hostile.svg', 'picture: names that are markup', is_harmless],
	['hostile.html', 'page: names that are markup', is_harmless],
];

async function check_all(browser, folder) {
	const is_missing = (file) => file && !fs.existsSync(path.join(folder, file));
	await run_checks(browser, folder, CHECKS, is_missing, (file) => browser.open(url_of(file)));
}

with_browser((browser) => check_all(browser, process.argv[2]));
