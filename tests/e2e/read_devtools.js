// SPDX-License-Identifier: MIT
//
// What the Performance panel of Chromium's own DevTools shows of a file. Of a CPU profile its bottom-up table: NAME SELF TOTAL for each function
// in which time was spent, in ticks. With --text it only has to show this text: of trace events
// how long they take, for their tracks are painted.
//
// Usage: read_devtools.js FILE MILLISECONDS-OF-A-TICK [--text TEXT]
'use strict';

const fs = require('fs');
const path = require('path');
const { with_browser } = require('./browser.js');

const [file, tick_ms, option, wanted] = process.argv.slice(2);

// All elements of the page, also those in shadow trees. Goes before what is evaluated in it.
const elements = `const elements = [];
	(function walk(node) { for (const child of node.children) { elements.push(child); if (child.shadowRoot) walk(child.shadowRoot); walk(child); } })(document);`;
const in_page = (text) => `(() => { ${elements} ${text} })()`;

// Where its web server listens: the page that debugs is on it.
async function port_of(browser) {
	for (let tries = 0; tries < 2400; tries++) {
		try {
			// it may be there and have nothing in it yet
			const port = /^(\d+)\n/.exec(fs.readFileSync(path.join(browser.folder, 'DevToolsActivePort'), 'utf8'));
			if (port)
				return port[1];
		} catch { /* not yet */ }
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	throw new Error('no DevToolsActivePort');
}

// Rows of "170.0 ms37.7 %", "220.0 ms48.7 %", "dumps\njson/__init__.py:1:1"
const rows = in_page(`return elements.filter((element) => element.matches('tr.data-grid-data-grid-node'))
	.map((row) => [...row.children].map((cell) => cell.innerText)).filter((row) => row.length >= 3 && /\\sms/.test(row[1]))`);

function ticks_of(text) {
	return Math.round(Number(/^([\d.,]+)\s*ms/.exec(text)[1].replace(/,/g, '')) / Number(tick_ms));
}

with_browser(async (browser) => {
	const page = await browser.open(`http://127.0.0.1:${await port_of(browser)}/devtools/devtools_app.html?panel=timeline`, 1600, 2000);
	const input = in_page(`return elements.find((element) => element.matches('input[type=file]'))`);
	await page.until(`!!${input}`);
	const { result } = await page.send('Runtime.evaluate', { expression: input });
	await page.send('DOM.setFileInputFiles', { objectId: result.objectId, files: [path.resolve(file)] });
	if (option === '--text') {
		await page.until(in_page(`return elements.some((element) => [...element.childNodes].some((node) => node.nodeType === 3 &&
			node.data.trim() === ${JSON.stringify(wanted)}))`));
		return;
	}
	// it is loaded when there is a summary; a tab is chosen by pressing, and is there before it can be
	await page.until(in_page(`return elements.some((element) => [...element.childNodes].some((node) => node.nodeType === 3 && /^Range:/.test(node.data.trim())))`));
	await page.until(in_page(`
		if (${rows}.length)
			return true;
		const tab = elements.find((element) => element.getAttribute('role') === 'tab' && element.textContent.trim() === 'Bottom-up');
		if (tab?.getAttribute('aria-selected') !== 'true') {
			tab?.dispatchEvent(new MouseEvent('mousedown', { bubbles: true, button: 0 }));
			tab?.click();
		}
		return false`));
	// of what is idle it shows a part
	const lines = (await page.evaluate(rows)).map(([self, total, activity]) =>
		`${activity.split('\n')[0]} ${ticks_of(self)} ${ticks_of(total)}`).filter((line) => !line.startsWith('(idle) '));
	console.log(lines.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).join('\n'));
}, { arguments: ['--remote-debugging-port=0'] });
