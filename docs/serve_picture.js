// SPDX-License-Identifier: MIT
//
// The picture of the list that `pyrope serve` shows: node serve_picture.js URL FILE.png
'use strict';

const { with_browser } = require('../tests/e2e/browser.js');

with_browser(async (browser) => {
	const page = await browser.open(process.argv[2], 1180, 540);
	await page.until(() => document.querySelectorAll('td.name a').length >= 4);
	await page.evaluate(() => {
		for (const box of [...document.querySelectorAll('td input')].slice(0, 2))
			box.click();
	});
	await page.screenshot(process.argv[3]);
});
