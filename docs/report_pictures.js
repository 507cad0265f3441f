// SPDX-License-Identifier: MIT
//
// The pictures of a report that docs/report.md shows: node report_pictures.js FOLDER REPORT.html
// and that of one with a stall in each second:       node report_pictures.js FOLDER --stall REPORT.html
// Each is a PNG of at most 256 colours, so that it is small.
'use strict';

const fs = require('fs');
const path = require('path');
const zlib = require('zlib');
const { with_browser } = require('../tests/e2e/browser.js');

// ---- a PNG with fewer colours (https://www.w3.org/TR/png-3/) ----

function chunks_of(png) {
	const chunks = [];
	for (let at = 8; at < png.length;) {
		const length = png.readUInt32BE(at);
		chunks.push([png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, at + 8 + length)]);
		at += length + 12;
	}
	return chunks;
}

const paeth = (a, b, c) => {
	const p = a + b - c, to_a = Math.abs(p - a), to_b = Math.abs(p - b), to_c = Math.abs(p - c);
	return to_a <= to_b && to_a <= to_c ? a : to_b <= to_c ? b : c;
};
const FILTERS = [() => 0, (a) => a, (a, b) => b, (a, b) => a + b >> 1, paeth];

// Of 8 bits a channel, as Chromium writes it.
function pixels_of(png) {
	const chunks = chunks_of(png), head = chunks[0][1], width = head.readUInt32BE(0), height = head.readUInt32BE(4);
	const bytes = head[9] === 6 ? 4 : 3, row = width * bytes;
	const raw = zlib.inflateSync(Buffer.concat(chunks.filter(([name]) => name === 'IDAT').map(([, data]) => data)));
	const out = Buffer.alloc(row * height), pixels = new Uint32Array(width * height);
	for (let y = 0; y < height; y++) {
		const filter = FILTERS[raw[y * (row + 1)]];
		for (let x = 0; x < row; x++) {
			const at = y * row + x, left = x >= bytes ? out[at - bytes] : 0, up = y ? out[at - row] : 0, corner = x >= bytes && y ? out[at - row - bytes] : 0;
			out[at] = raw[y * (row + 1) + 1 + x] + filter(left, up, corner);
		}
	}
	for (let i = 0; i < pixels.length; i++)
		pixels[i] = out[i * bytes] << 16 | out[i * bytes + 1] << 8 | out[i * bytes + 2];
	return { width, height, pixels };
}

// The 256 that there are most of; each other one becomes the nearest of them.
function fewer_colours(pixels) {
	const counts = new Map();
	for (const colour of pixels)
		counts.set(colour, (counts.get(colour) ?? 0) + 1);
	const palette = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 256).map(([colour]) => colour), index = new Map();
	const part = (colour, i) => colour >> 16 - 8 * i & 255;
	const distance = (a, b) => [0, 1, 2].reduce((sum, i) => sum + (part(a, i) - part(b, i)) ** 2, 0);
	for (const colour of counts.keys())
		index.set(colour, palette.reduce((best, one, i) => distance(one, colour) < distance(palette[best], colour) ? i : best, 0));
	return { palette, indexes: Buffer.from(pixels, 0).map((_, i) => index.get(pixels[i])) };
}

function chunk(name, data) {
	const body = Buffer.concat([Buffer.from(name, 'latin1'), data]), whole = Buffer.alloc(body.length + 8);
	let crc = ~0;
	for (const byte of body) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++)
			crc = crc >>> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	whole.writeUInt32BE(data.length, 0);
	body.copy(whole, 4);
	whole.writeUInt32BE(~crc >>> 0, body.length + 4);
	return whole;
}

function small_png(png) {
	const { width, height, pixels } = pixels_of(png), { palette, indexes } = fewer_colours(pixels);
	const head = Buffer.alloc(13), rows = Buffer.alloc((width + 1) * height);
	head.writeUInt32BE(width, 0);
	head.writeUInt32BE(height, 4);
	head.set([8, 3, 0, 0, 0], 8);
	for (let y = 0; y < height; y++)
		indexes.copy(rows, y * (width + 1) + 1, y * width, (y + 1) * width);
	return Buffer.concat([png.subarray(0, 8), chunk('IHDR', head), chunk('PLTE', Buffer.from(palette.flatMap((colour) => [colour >> 16, colour >> 8 & 255, colour & 255]))),
		chunk('IDAT', zlib.deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0))]);
}

// ---- what is done in the page ----

const settle = (page) => page.until(() => document.body.getAttribute('aria-busy') === 'false');

async function act(page, what, ...args) {
	await page.evaluate(what, ...args);
	await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
	await settle(page);
}

// From the top of one element to the bottom of another, at most so high.
async function picture(page, file, first, last, most = 1000) {
	const clip = await page.evaluate((top, bottom, height) => {
		scrollTo(0, 0);
		const from = document.querySelector(top).getBoundingClientRect().top, to = document.querySelector(bottom).getBoundingClientRect().bottom;
		return { x: 0, y: Math.max(from - 4, 0), width: document.documentElement.clientWidth, height: Math.min(to - from + 8, height), scale: 1 };
	}, first, last, most);
	const { data } = await page.send('Page.captureScreenshot', { format: 'png', clip, captureBeyondViewport: true });
	fs.writeFileSync(file, small_png(Buffer.from(data, 'base64')));
}

const click = (page, id) => act(page, (name) => document.getElementById(name).click(), id);

/* global profile, select_sample, select_range, set_window, choose_function */

// A sample of a worker that is deep and holds the GIL, in a window in which single samples can be seen.
const select_deep = () => {
	const thread = profile.threads.findIndex(({ name }) => name === 'worker-2');
	let best = profile.first[thread];
	for (let run = best; run < profile.first[thread + 1] && profile.runs.start[run] < 0.7 * profile.length; run++)
		if (profile.runs.state[run] === 1 && profile.runs.start[run] > 0.3 * profile.length && profile.runs.depth[run] > profile.runs.depth[best])
			best = run;
	set_window(profile.runs.start[best] - 3e5, profile.runs.start[best] + 3e5);
	select_sample(thread, best);
};

// The part of a second in which most of the time a search was run.
const select_searching = () => {
	const { runs } = profile, parts = new Float64Array(Math.ceil(profile.length / 3e5));
	const search = profile.functions.findIndex(([name]) => name === 'Store.search');
	for (let run = 0; run < runs.start.length; run++)
		for (let node = runs.stack[run]; node; node = profile.node_parent[node])
			if (profile.node_function[node] === search)
				parts[Math.floor(runs.start[run] / 3e5)] += runs.weight[run];
	const best = parts.indexOf(Math.max(...parts));
	select_range(best * 3e5, (best + 1) * 3e5);
};

// In the second in the middle, the part in which most of the time the cache was saved.
const select_stall = () => {
	const { runs } = profile, cell = 1e6 / 50, from = Math.floor(profile.length / 2e6) * 1e6, cells = new Float64Array(50);
	const save = profile.functions.findIndex(([name]) => name === 'Cache.save');
	for (let run = 0; run < runs.start.length; run++)
		if (profile.node_function[runs.stack[run]] === save && runs.start[run] >= from && runs.start[run] < from + 1e6)
			cells[Math.floor((runs.start[run] - from) / cell)] += runs.weight[run];
	const most = cells.indexOf(Math.max(...cells));
	select_range(from + most * cell, from + (most + 1) * cell);
};

// Of one thread, and only where it holds the GIL.
const choose_saver = () => {
	for (const box of document.querySelectorAll('#states input'))
		if (box.checked !== (box.id === 'state-1'))
			box.click();
	const select = document.getElementById('thread');
	select.value = profile.threads.findIndex(({ name }) => name === 'saver');
	select.dispatchEvent(new Event('change'));
};

async function heat_picture(browser, folder, report) {
	const page = await browser.open(`file://${path.resolve(report)}`, 1100, 900);
	await settle(page);
	await click(page, 'tab-heat');
	await act(page, choose_saver);
	await act(page, select_stall);
	await picture(page, path.join(folder, 'heat.png'), '.tabs', '#panel-heat', 640);
}

with_browser(async (browser) => {
	const [folder, ...reports] = process.argv.slice(2), report = reports[0];
	if (report === '--stall')
		return heat_picture(browser, folder, reports[1]);
	const page = await browser.open(`file://${path.resolve(report)}`, 1100, 900);
	const to = (name) => path.join(folder, `${name}.png`);
	await settle(page);
	await picture(page, to('summary'), '#facts', '#timeline');
	await act(page, select_deep);
	await picture(page, to('sample'), '#states', '#sample');
	await act(page, () => {
		select_sample(-1, 0);
		set_window(0, profile.length);
	});
	await picture(page, to('flame'), '.tabs', '#panel-flame', 520);
	await click(page, 'keep');
	await act(page, select_searching);
	await picture(page, to('diff'), '.tabs', '#panel-flame', 520);
	await click(page, 'kept-drop');
	await click(page, 'clear');
	await click(page, 'tab-table');
	await act(page, () => choose_function(profile.functions.findIndex(([name]) => name === 'Cache.get')));
	await picture(page, to('table'), '.tabs', '#panel-table', 640);
	await click(page, 'tab-lines');
	await act(page, () => Array.from(document.querySelectorAll('#lines-files button')).find((button) => button.textContent.includes('store.py'))?.click());
	await picture(page, to('lines'), '.tabs', '#panel-lines', 640);
	await page.dark(true);
	await click(page, 'tab-flame');
	await act(page, select_deep);
	await picture(page, to('dark'), '#states', '#sample', 700);
	await page.dark(false);
	await act(page, () => select_sample(-1, 0));
	await page.resize(400, 900);
	await act(page, () => set_window(0, profile.length));
	await picture(page, to('narrow'), '#facts', '#panel-flame', 1250);
});
