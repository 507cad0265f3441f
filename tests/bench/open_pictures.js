// SPDX-License-Identifier: MIT
//
// How long Chromium takes to open flame graphs, until they are drawn, and to zoom to a frame of them.
//
// Usage: node open_pictures.js FILE...
'use strict';

const path = require('path');
const { with_browser } = require('../e2e/browser.js');

const drawn = (page) => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0))));

with_browser(async (browser) => {
	const page = await browser.open('about:blank');
	for (const file of process.argv.slice(2)) {
		const began = Date.now();
		await page.goto(`file://${path.resolve(file)}`);
		await drawn(page);
		const opened = Date.now();
		const [x, y] = await page.evaluate(() => Array.from(document.querySelectorAll('#frames rect'), (rect) => rect.getBoundingClientRect())
			.filter((box) => box.width > 50 && box.width < innerWidth / 2 && box.y > 150 && box.y < innerHeight - 20)
			.map((box) => [box.x + 5, box.y + 5])[0]);
		const pressed = Date.now();
		await page.click(x, y);
		await drawn(page);
		console.log(`${path.basename(file)}: opened in ${opened - began} ms, zoomed in ${Date.now() - pressed} ms`);
	}
});
