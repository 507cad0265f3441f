// SPDX-License-Identifier: MIT
//
// More checks of a report for read_html.js: fingers, keys, words for who does not see it, and levels of detail.
'use strict';

const assert = require('assert/strict');

module.exports = ({ settle, text_of, open_tab, press, place }) => {
	const touch = (page, type, ...points) => page.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
	const at = async (page, seconds) => (await place(page, 'main', seconds)).map(Math.round);
	const shown = async (page) => (await text_of(page, 'range')).match(/[\d.]+/g).map(Number);
	const is_near = (values, ...expected) => values.every((value, i) => Math.abs(value - expected[i]) < 0.05);

	async function touches(page) {
		await page.send('Emulation.setTouchEmulationEnabled', { enabled: true, maxTouchPoints: 5 });
		// A finger selects a range.
		await touch(page, 'touchStart', await at(page, 4));
		await touch(page, 'touchMove', await at(page, 4.5));
		await touch(page, 'touchMove', await at(page, 5));
		await touch(page, 'touchEnd');
		await settle(page);
		assert.ok(is_near(await shown(page), 4, 5), `selected: ${await shown(page)}`);
		// Two that go apart zoom; the selection is as it was before the first one had moved.
		await touch(page, 'touchStart', await at(page, 3));
		await touch(page, 'touchMove', await at(page, 4));
		await touch(page, 'touchStart', await at(page, 4), await at(page, 6));
		await touch(page, 'touchMove', await at(page, 2), await at(page, 7));
		await touch(page, 'touchMove', await at(page, 1), await at(page, 8));
		await touch(page, 'touchEnd');
		await settle(page);
		assert.ok(is_near(await shown(page), 4, 5), `it is selected still: ${await shown(page)}`);
		await press(page, '#clear');
		// 3 s are where 1 s was, for the first finger holds the moment that it has touched, and 6 s are where 8 s were.
		const before = await shown(page);
		assert.ok(is_near(before, 3 - 3 / 7, 6 + 6 / 7), `zoomed: ${before}`);
		// Side by side they move it.
		const [x, y] = await at(page, 5);
		await touch(page, 'touchStart', [x, y], [x + 100, y]);
		await touch(page, 'touchMove', [x - 60, y], [x + 40, y]);
		await touch(page, 'touchMove', [x - 120, y], [x - 20, y]);
		await touch(page, 'touchEnd');
		await settle(page);
		const moved = await shown(page);
		assert.ok(moved[0] > before[0] + 0.3 && Math.abs(moved[1] - moved[0] - (before[1] - before[0])) < 0.02, `moved: ${moved}`);
		await press(page, '#zoom-all');
		// A touch is a click.
		await touch(page, 'touchStart', await at(page, 1.5));
		await touch(page, 'touchEnd');
		await settle(page);
		assert.match(await text_of(page, 'sample-head'), /^MainThread \(100\) at [01]\.00\d* s: holds the GIL/);
		await press(page, '#sample-close');
		await page.send('Emulation.setTouchEmulationEnabled', { enabled: false });
	}

	async function has_words(page) {
		await settle(page);
		assert.equal(await text_of(page, 'timeline-words'), '0.00 s to 10.00 s, 3 threads with samples. ' +
			'MainThread (100): holds the GIL 70.00%, waits for the GIL 20.00%, system call 10.00%. ' +
			'worker (101): waits for the GIL 60.00%, CPU without the GIL 20.00%, garbage collection 20.00%. ' +
			'MainThread (200): system call 90.00%, holds the GIL 10.00%.');
		assert.equal(await text_of(page, 'flame-words'), '3,000 samples. The way with most of them: all 100.00%, <module> (app.py) 33.33%, ' +
			'main (app.py) 33.33%, handle (app.py) 30.00%, render (app.py) 16.67%.');
		await open_tab(page, 'heat');
		assert.match(await text_of(page, 'heat-words'), /^10 columns of 1 second each\. Most samples: second 0, 0 to 20 ms: 6 samples; /);
		for (const name of ['flame', 'heat']) {
			await open_tab(page, name);
			const { nodes } = await page.send('Accessibility.getFullAXTree');
			const canvases = nodes.filter((node) => !node.ignored && node.role?.value === 'application');
			assert.equal(canvases.length, 2, `the timeline and ${name}`);
			for (const { name: title, description } of canvases)
				assert.ok(title.value.length > 20 && description?.value.length > 60, `${title.value}: ${description?.value}`);
		}
	}

	// With nothing but Tab one comes to each that can be used, to the tabs with the arrow keys.
	async function reaches_all(page) {
		await settle(page);
		await page.evaluate(() => {
			window.reached = new Set();
			document.addEventListener('focusin', (event) => window.reached.add(event.target));
		});
		const missing = () => page.evaluate(() => Array.from(document.querySelectorAll('button, input, select, canvas, [tabindex]'))
			.filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility() && !window.reached.has(one)).map((one) => one.id || one.textContent.slice(0, 40) || one.tagName));
		for (const name of ['flame', 'table', 'lines', 'heat']) {
			await open_tab(page, name);
			for (let i = 0; i < 8 && (await missing()).length; i++)
				for (let k = 0; k < 20; k++)
					await page.key('Tab');
			assert.deepEqual(await missing(), [], name);
		}
		await page.evaluate(() => document.getElementById('tab-heat').focus());
		for (const name of ['flame', 'table', 'lines', 'heat']) {
			await page.key('ArrowRight');
			assert.equal(await page.evaluate(() => document.activeElement.id), `tab-${name}`);
			assert.equal(await page.evaluate(() => document.querySelector('[role=tabpanel]:not([hidden])').id), `panel-${name}`);
		}
	}

	// In the page, for each of some windows: how many steps a row takes, how many runs are there, and how far a column is from what all of
	// these make when they are added one by one.
	const measure_levels = `(() => {
		const results = [], width = 1000, { runs } = profile, one = add_run, many = add_group;
		find_common(runs.stack[11]);
		for (const [from, to] of [[0, 1], [0.25, 0.75], [0.4, 0.45], [0.013, 0.0131]]) {
			view.from = from * profile.length;
			view.to = to * profile.length;
			let steps = 0, there = 0, worst = 0, high = 0;
			add_run = (...of) => (steps++, one(...of));
			add_group = (...of) => (steps++, many(...of));
			fill_columns(0, width);
			add_run = one;
			add_group = many;
			const scale = width / (view.to - view.from), sums = new Float64Array(width * STATES.length), shared = new Float64Array(width);
			for (let run = 0; run < profile.first[1]; run++) {
				const left = Math.max((runs.start[run] - view.from) * scale, 0), right = Math.min((runs.end[run] - view.from) * scale, width);
				there += right > left;
				for (let x = Math.floor(left); x < right; x++) {
					const part = Math.min(right, x + 1) - Math.max(left, x);
					sums[x * STATES.length + runs.state[run]] += part;
					shared[x] += part * common[runs.stack[run]];
				}
			}
			sums.forEach((sum, i) => {
				worst = Math.max(worst, Math.abs(sum - column_states[i]));
			});
			shared.forEach((sum, x) => {
				worst = Math.max(worst, Math.abs(sum - column_common[x]) / 3);
				high = Math.max(high, column_depth[x]);
			});
			results.push({ steps, there, worst, high });
		}
		return results;
	})()`;

	// Of 40,000 runs a row takes as few steps as it has pixels, and shows the same as all of them do.
	async function has_levels(page) {
		await settle(page);
		const measured = await page.evaluate(measure_levels);
		for (const { steps, there, worst, high } of measured) {
			assert.ok(steps <= 8500, `${steps} steps for ${there} runs`);
			assert.ok(worst < 0.3, `a column is wrong by ${worst} of its width`);
			assert.equal(high, 3);
		}
		assert.ok(measured[0].there > 39000, `${measured[0].there} runs`);
		assert.ok(measured.at(-1).worst < 1e-3, 'single samples are exact');
	}

	return [
		['known.html', 'fingers: one selects, two zoom and move', touches],
		['known.html', 'what a canvas shows, in words', has_words],
		[null, 'Tab reaches all that can be used', reaches_all],
		['many.html', 'levels of detail show what all samples show', has_levels],
	];
};
