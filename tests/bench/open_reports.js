// SPDX-License-Identifier: MIT
//
// How long Chromium takes to open a report, until all of it is shown, and to zoom: until the timeline is drawn, and until all else shows the
// new range, too. Of several zooms the median and the longest.
//
// Usage: node open_reports.js FILE...
'use strict';

const path = require('path');
const { with_browser } = require('../e2e/browser.js');

// Of each zoom: milliseconds of the timeline, and of all else.
const zooms = () => (async () => {
	const times = [], canvas = document.querySelector('#timeline canvas');
	for (const key of ['+', '+', '+', '+', '+', '+', 'ArrowRight', '-', '-', '-', '-', '-', '-', '+', 'ArrowLeft']) {
		const began = performance.now();
		canvas.dispatchEvent(new KeyboardEvent('keydown', { key }));
		draw_at_once(); // eslint-disable-line no-undef
		const drawn = performance.now();
		await new Promise((resolve) => {
			const look = () => document.body.getAttribute('aria-busy') === 'false' ? resolve() : setTimeout(look, 0);
			look();
		});
		times.push([drawn - began, performance.now() - drawn]);
	}
	return times;
})();

const middle = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

with_browser(async (browser) => {
	for (const file of process.argv.slice(2)) {
		const page = await browser.open('about:blank', 1280, 1000), began = Date.now();
		await page.goto(`file://${path.resolve(file)}`);
		await page.until(() => document.body.getAttribute('aria-busy') === 'false');
		const opened = Date.now() - began, times = await page.evaluate(`(${zooms})()`);
		const [first, later] = [0, 1].map((i) => times.map((pair) => pair[i]));
		console.log(`opened in ${opened} ms; a zoom takes ${middle(first).toFixed(1)} ms (at most ${Math.max(...first).toFixed(1)}), ` +
			`and ${middle(later).toFixed(1)} ms (at most ${Math.max(...later).toFixed(1)}) until all else shows the range`);
	}
});
