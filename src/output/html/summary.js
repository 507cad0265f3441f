// SPDX-License-Identifier: MIT
//
// What a person reads first: how long, how many, how sure, who held the GIL and who waited for it, which functions, and what to look at
// next. And the sample that is selected, with its stack.
'use strict';

const TOP_FUNCTIONS = 5, TOP_THREADS = 4;
const VERIFIED = 0, PAUSED = 1, PARTIAL = 2, UNVERIFIED = 3, FAILED = 4;
const STATE = { unknown: 0, gil: 1, waits: 2, running: 3, sleeps: 4, waits_cpu: 5 };

const fact = (name, value, more) => make('div', { class: 'fact' }, make('dt', {}, name), make('dd', {}, value, ...more ? [make('small', {}, more)] : []));

// Samples in each state, of all threads that count.
const state_sums = () => STATES.map((_, state) => counted.states.reduce((sum, mine) => sum + mine[state], 0));

function quality_facts() {
	const { qualities } = profile, all = qualities.slice(0, FAILED + 1).reduce((sum, count) => sum + count, 0);
	const lost = profile.missed, sure = qualities[VERIFIED] + qualities[PAUSED];
	return [
		fact('lost', plural(lost, 'tick'), ` ${percent(lost, lost + ticks_taken())}`),
		fact('verified', percent(sure, all), ` ${with_commas(qualities[PARTIAL])} partial, ${with_commas(qualities[UNVERIFIED] + qualities[FAILED])} not sure`),
	];
}

// About as many looks as there were: the time of all, by intervals.
const ticks_taken = () => Math.round(profile.length / profile.interval);

function gil_facts(sums) {
	if (!profile.has_state)
		return [];
	const waits = sums[STATE.waits], span = (range()[1] - range()[0]) / profile.interval, held_by = profile.processes.map(() => 0);
	const by_thread = counted.states.map((mine, thread) => ({ thread, held: mine[STATE.gil] + mine[GC], waits: mine[STATE.waits] }));
	by_thread.forEach(({ thread, held }) => {
		held_by[profile.threads[thread].process] += held;
	});
	// Each process has a GIL of its own: the busiest one is shown.
	const process = held_by.indexOf(Math.max(...held_by)), held = held_by[process];
	const names = (key, whole, only) => by_thread
		.filter((one) => one[key] && (only === undefined || profile.threads[one.thread].process === only)).sort((a, b) => b[key] - a[key]).slice(0, TOP_THREADS)
		.map((one) => `${thread_text(one.thread)} ${percent(one[key], whole)}`).join(', ');
	return [
		fact('GIL held', percent(Math.min(held, span), span), held ?
			` of the time${profile.processes.length > 1 ? ` in ${process_text(process)}` : ''}; of that: ${names('held', held, process)}` : ''),
		fact('waited for the GIL', span_text(waits * profile.interval), waits ? ` added up; of that: ${names('waits', waits)}` : ''),
	];
}

// ---- what to look at next ----

const heaviest = (key) => counted.functions[key].reduce((best, count, number) =>
	profile.functions[number][4] < 3 && count > counted.functions[key][best] ? number : best, 0);

function hints(sums) {
	const list = [], all = sums.reduce((sum, count) => sum + count, 0), awake = all - sums[STATE.sleeps] - sums[IDLE];
	const could_run = sums[STATE.gil] + sums[STATE.running] + sums[STATE.waits] + sums[GC];
	const top = heaviest('self'), part = counted.all ? counted.functions.self[top] / counted.all : 0;
	if (!counted.all)
		return ['There is no sample in this range in the states that count: choose another range, or more states.'];
	if (part > 0.1)
		list.push(`${function_label(top)} itself takes ${percent(part, 1)} of these samples: look at its lines and its callers.`);
	if (sums[STATE.waits] > 0.1 * could_run)
		list.push(`Threads that could run waited for the GIL ${percent(sums[STATE.waits], could_run)} of that time: see in the timeline who has it then.`);
	if (sums[GC] > 0.05 * awake)
		list.push(`Garbage collection takes ${percent(sums[GC], awake)} of the time in which threads do something: look for where objects are made in masses.`);
	if (sums[STATE.waits_cpu] > 0.1 * awake)
		list.push(`Threads that could run had no CPU ${percent(sums[STATE.waits_cpu], awake)} of that time: the machine or the container is short of CPUs.`);
	if (all && awake < 0.1 * all)
		list.push(`Threads slept ${percent(all - awake, all)} of the time: to see what they wait for, let the state "system call" count.`);
	if (profile.missed > 0.05 * ticks_taken())
		list.push(`${plural(profile.missed, 'tick')} were missed: a lower rate (-r) or less load gives a truer picture.`);
	if (profile.qualities[PARTIAL] > 0.05 * profile.qualities.reduce((sum, count) => sum + count, 0))
		list.push('More than 5% of the stacks are partial: their innermost frames could not be read.');
	if (!list.length)
		list.push('Nothing stands out: compare a slow part of the timeline with another one ("keep this range").');
	return list;
}

function show_summary() {
	const sums = state_sums(), [from, to] = range(), top = [];
	const functions = counted.functions.self.map((count, number) => number);
	for (const number of Array.from(functions).filter((one) => counted.functions.self[one]).sort((a, b) => counted.functions.self[b] - counted.functions.self[a]).slice(0, TOP_FUNCTIONS))
		top.push(make('li', {}, make('span', { class: 'number' }, `${percent(counted.functions.self[number], counted.all)} `),
			make('button', { type: 'button', class: 'link', on: { click: () => open_function(number) } }, function_label(number))));
	by_id('facts').replaceChildren(
		fact('range', span_text(to - from), ` of ${span_text(profile.length)}`),
		fact('samples', with_commas(counted.all), ` of ${plural(profile.threads.length, 'thread')}, ${plural(profile.processes.length, 'process').replace('processs', 'processes')}`),
		...quality_facts(), ...gil_facts(sums));
	by_id('top').replaceChildren(...top);
	by_id('hints').replaceChildren(...hints(sums).map((text) => make('li', {}, text)));
	by_id('range').textContent = `${moment_text(from, (to - from) / 1000)} to ${moment_text(to, (to - from) / 1000)}`;
}

function open_function(number) {
	open_tab('table');
	choose_function(number);
}

// ---- the sample that is selected ----

function show_sample() {
	const box = by_id('sample');
	box.hidden = !view.sample;
	if (!view.sample)
		return;
	const { thread, run } = view.sample, { runs } = profile, frames = [];
	for (let node = runs.stack[run]; node; node = profile.node_parent[node])
		frames.push(node);
	frames.reverse();
	const step = profile.interval / 10, same = runs.weight[run] === 1 ? '' : `, ${with_commas(runs.weight[run])} samples alike`;
	const head = `${thread_text(thread)} at ${moment_text(runs.start[run], step)}: ${STATES[runs.state[run]].name}${same}`;
	by_id('sample-head').textContent = head;
	by_id('sample-stack').replaceChildren(...frames.map((node) => {
		const number = profile.node_function[node], line = profile.frame_line[profile.node_frame[node]];
		return make('li', {}, make('span', { class: 'number', title: 'samples of the range that begin with the same frames' }, percent(counted.total[node], counted.all)),
			make('button', { type: 'button', class: 'link', on: { click: () => open_function(number) } }, function_name(number)),
			make('span', { class: 'path', title: function_path(number) }, ` ${function_place(number, line || null)}`));
	}));
	const leaf = frames.at(-1);
	say(leaf ? `${head}: ${function_name(profile.node_function[leaf])}` : head);
}
