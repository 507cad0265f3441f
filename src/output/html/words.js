// SPDX-License-Identifier: MIT
//
// What each canvas shows, in words, for whoever does not see it: a screen reader reads them as the description of the canvas.
'use strict';

const THREADS_SAID = 12, STEPS_SAID = 12, CELLS_SAID = 5;

function timeline_words() {
	const [from, to] = range(), step = (to - from) / 1000;
	const threads = counted.states.map((mine, thread) => ({ thread, mine, all: mine.reduce((sum, count) => sum + count, 0) })).filter(({ all }) => all);
	const words = threads.slice(0, THREADS_SAID).map(({ thread, mine, all }) => {
		const parts = STATES.map(({ name }, state) => ({ name, part: mine[state] / all })).filter(({ part }) => part).sort((a, b) => b.part - a.part);
		return `${thread_text(thread)}: ${parts.map(({ name, part }) => `${name} ${percent(part, 1)}`).join(', ')}.`;
	});
	const more = threads.length > THREADS_SAID ? ` And ${plural(threads.length - THREADS_SAID, 'thread')} more.` : '';
	return `${moment_text(from, step)} to ${moment_text(to, step)}, ${plural(threads.length, 'thread')} with samples. ${words.join(' ')}${more}`;
}

// From the outermost frame on always into the one that has most.
function flame_words(total) {
	const tree = tree_now(), steps = [];
	let node = flame.root, depth = 0;
	for (; node !== undefined && depth < STEPS_SAID; depth++) {
		steps.push(`${node ? function_label(tree.function[node]) : 'all'} ${percent(total[node], counted.all)}`);
		node = tree.children_of(node).reduce((best, child) => total[child] > (total[best] ?? 0) ? child : best, undefined);
	}
	return counted.all ? `${plural(counted.all, 'sample')}. The way with most of them: ${steps.join(', ')}.` : 'There is no sample in this range.';
}

function heat_words() {
	const cells = Array.from(heat.cells.keys()).filter((cell) => heat.cells[cell]).sort((a, b) => heat.cells[b] - heat.cells[a]).slice(0, CELLS_SAID);
	return `${plural(heat.columns, 'column')} of ${plural(heat.step, 'second')} each. Most samples: ${
		cells.map((cell) => place_in_second([Math.floor(cell / CELLS), cell % CELLS]).join(': ')).join('; ')}.`;
}

const describe = (id, text) => {
	by_id(`${id}-words`).textContent = text;
};
