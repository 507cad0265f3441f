// SPDX-License-Identifier: MIT
//
// What speedscope shows of a file: in the table of its sandwich view NAME SELF TOTAL for each frame, in ticks, all of its profiles added up
// by name when asked to; with --profiles the name of each profile before its table. The page is that of npm's package, from disk.
//
// Usage: read_speedscope.js FOLDER-OF-NODE-MODULES FILE MILLISECONDS-OF-A-TICK [--profiles | --sum]
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const { with_browser } = require('./browser.js');

const [modules, file, tick_ms, option] = process.argv.slice(2);
const UNITS_MS = { ns: 1e-6, 'µs': 1e-3, ms: 1, s: 1000 };

// "170.00ms (40%)", "1.20s (...)", "1:02.50 (...)"
function ticks_of(text) {
	const count = /^([\d,]+) \(/.exec(text); // of what has no times
	if (count)
		return Number(count[1].replaceAll(',', ''));
	const minutes = /^(\d+):([\d.]+) /.exec(text);
	const [, number, unit] = /^([\d.]+)(\D+) \(/.exec(text) || [];
	const ms = minutes ? (Number(minutes[1]) * 60 + Number(minutes[2])) * 1000 : Number(number) * UNITS_MS[unit];
	const ticks = ms / Number(tick_ms);
	if (!(Math.abs(ticks - Math.round(ticks)) < 0.02))
		throw new Error(`no number of ticks: ${text}`);
	return Math.round(ticks);
}

// Its rows (those of the list of profiles have no percents), and what stands in the middle of its bar: the profile's name, and which of how many it is.
function read_page() {
	const rows = [...document.querySelectorAll('table tr')].map((row) => [...row.querySelectorAll('td')].map((cell) => cell.innerText.trim()));
	return { rows: rows.filter((row) => row.length === 3 && row[0].endsWith('%)') && row[1].endsWith('%)')), title: document.body.innerText.split('\n').find((line) => line && !/Time Order|Left Heavy|Sandwich/.test(line)) };
}

async function read_table(page) {
	let before = '';
	for (;;) { // until it does not change any more
		await new Promise((resolve) => setTimeout(resolve, 150));
		const now = await page.evaluate(read_page);
		if (JSON.stringify(now) === before)
			return now;
		before = JSON.stringify(now);
	}
}

with_browser(async (browser) => {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pyrope-speedscope.'));
	try {
		const loader = path.join(folder, 'load.js');
		fs.writeFileSync(loader, `speedscope.loadFileFromBase64(${JSON.stringify(path.basename(file))}, ` +
			`${JSON.stringify(fs.readFileSync(file).toString('base64'))})`);
		const page = await browser.open(`file://${modules}/speedscope/dist/release/index.html#localProfilePath=${loader.slice(1)}`, 1400, 4000);
		await page.until(() => /Sandwich|Something went wrong/.test(document.body.innerText));
		if (await page.evaluate(() => /Something went wrong/.test(document.body.innerText)))
			throw new Error(`speedscope does not take it: ${page.errors.join('\n')}`);
		await page.key('3');
		await page.until(() => document.querySelector('table'));
		const sums = new Map();
		const lines = [];
		for (let seen = 1, count = 1; seen <= count; seen++) {
			const { rows, title } = await read_table(page);
			count = Number((/\(\d+\/(\d+)\)/.exec(title) || [0, 1])[1]);
			if (option === '--profiles')
				lines.push(`profile ${title}`);
			for (const [total, self, symbol] of rows) {
				const name = symbol.replace(/ \{"file":.*\}$/, '');
				const numbers = [ticks_of(self), ticks_of(total)];
				lines.push(`${name} ${numbers.join(' ')}`);
				const sum = sums.get(name) || [0, 0];
				sums.set(name, sum.map((number, i) => number + numbers[i]));
			}
			if (seen < count) {
				await page.key('n');
				await page.until((was) => !document.body.innerText.includes(was), title);
			}
		}
		if (option === '--sum')
			lines.splice(0, lines.length, ...[...sums].map(([name, numbers]) => `${name} ${numbers.join(' ')}`));
		if (option !== '--profiles')
			lines.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
		if (page.errors.length)
			lines.push(...page.errors.map((error) => `error: ${error}`));
		process.stdout.write(lines.map((line) => `${line}\n`).join(''));
	} finally {
		fs.rmSync(folder, { recursive: true, force: true });
	}
});
