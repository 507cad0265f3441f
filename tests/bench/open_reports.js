// SPDX-License-Identifier: MIT
//
// How long Chromium takes to open a report, until all of it is shown, and to zoom: until the timeline is drawn, until all else shows the
// new range, too, and how long the page does not answer meanwhile. Of several zooms the median and the longest. Several files, say of two
// versions, are looked at in turn.
//
// Usage: [REPEAT=N] node open_reports.js FILE...
'use strict';

const path = require('path');
const { with_browser } = require('../e2e/browser.js');

// Of each zoom: milliseconds of the timeline, of all else, and the longest time without an answer in that.
const zooms = () => (async () => {
	const times = [], canvas = document.querySelector('#timeline canvas');
	for (const key of ['+', '+', '+', '+', '+', '+', 'ArrowRight', '-', '-', '-', '-', '-', '-', '+', 'ArrowLeft']) {
		const began = performance.now();
		canvas.dispatchEvent(new KeyboardEvent('keydown', { key }));
		draw_at_once(); // eslint-disable-line no-undef
		const drawn = performance.now();
		let answered = drawn, longest = 0;
		await new Promise((resolve) => {
			const channel = new MessageChannel();
			const look = () => {
				longest = Math.max(longest, performance.now() - answered);
				answered = performance.now();
				if (document.body.getAttribute('aria-busy') === 'false')
					resolve();
				else
					channel.port1.postMessage(0);
			};
			channel.port2.onmessage = look;
			look();
		});
		times.push([drawn - began, answered - drawn, longest]);
	}
	return times;
})();

const middle = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const text = (list) => `${middle(list).toFixed(1)} ms (at most ${Math.max(...list).toFixed(1)})`;

with_browser(async (browser) => {
	const files = process.argv.slice(2), seen = files.map(() => ({ opened: [], zooms: [] }));
	for (let i = 0; i < Number(process.env.REPEAT || 3); i++) {
		for (const [k, file] of files.entries()) {
			const page = await browser.open('about:blank', 1280, 1000), began = Date.now();
			await page.goto(`file://${path.resolve(file)}`);
			await page.until(() => document.body.getAttribute('aria-busy') === 'false');
			seen[k].opened.push(Date.now() - began);
			seen[k].zooms.push(...await page.evaluate(`(${zooms})()`));
			await page.close();
		}
	}
	files.forEach((file, k) => {
		const [first, later, longest] = [0, 1, 2].map((i) => seen[k].zooms.map((times) => times[i]));
		console.log(`${path.basename(file)}: opened in ${text(seen[k].opened)}; a zoom takes ${text(first)}, ` +
			`${text(later)} more until all else shows the range, without an answer for ${text(longest)}`);
	});
});
