// SPDX-License-Identifier: MIT
//
// The page: its parts are started, its buttons and fields do what they say, tabs open.
'use strict';

const tabs = {
	flame: { start: () => start_flame(), show: () => show_flame(), steps: () => flame_steps() },
	table: { start: () => start_table(), show: () => show_table() },
	lines: { start: () => {}, show: () => show_lines() },
	heat: { start: () => start_heat(), show: () => show_heat() },
};
let tab = 'flame';

function open_tab(name) {
	tab = name;
	for (const [key] of Object.entries(tabs)) {
		by_id(`tab-${key}`).setAttribute('aria-selected', String(key === name));
		by_id(`tab-${key}`).tabIndex = key === name ? 0 : -1;
		by_id(`panel-${key}`).hidden = key !== name;
	}
	tabs[name].show();
}

function start_tabs() {
	const names = Object.keys(tabs);
	names.forEach((name, i) => {
		tabs[name].start();
		by_id(`tab-${name}`).setAttribute('aria-selected', String(name === tab));
		by_id(`tab-${name}`).tabIndex = name === tab ? 0 : -1;
		by_id(`tab-${name}`).addEventListener('click', () => open_tab(name));
		by_id(`tab-${name}`).addEventListener('keydown', (event) => {
			const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
			if (!by)
				return;
			const next = names[(i + by + names.length) % names.length];
			open_tab(next);
			by_id(`tab-${next}`).focus();
		});
	});
}

// ---- what counts ----

const SHOWN = { wall: 255, awake: 255 & ~(1 << STATE.sleeps | 1 << IDLE), cpu: 1 << STATE.unknown | 1 << STATE.gil | 1 << STATE.running | 1 << GC };

function start_states() {
	const seen = new Set(profile.runs.state);
	view.states = profile.has_state ? SHOWN[profile.shown] : 255;
	if (![...seen].some(counts_state))
		view.states = 255;
	by_id('states').append(...STATES.map(({ name }, state) => {
		const box = make('input', { type: 'checkbox', id: `state-${state}`, on: { change: () => {
			view.states ^= 1 << state;
			changed(RANGE);
		} } });
		box.checked = counts_state(state);
		const label = make('label', {}, box, make('i', { class: 'swatch' }), name);
		label.hidden = !seen.has(state);
		return label;
	}));
}

function colour_states() {
	document.querySelectorAll('#states .swatch').forEach((swatch, state) => {
		swatch.style.background = state_colour(state);
	});
}

function start_threads() {
	const select = by_id('thread');
	select.append(make('option', { value: -1 }, `all ${plural(profile.threads.length, 'thread')}`),
		...profile.threads.map((thread, i) => make('option', { value: i }, `${process_text(thread.process)}: ${thread_text(i)}`)));
	select.addEventListener('change', () => {
		view.thread = Number(select.value);
		layout_rows();
		changed(RANGE);
	});
}

// ---- the range ----

function fields_range() {
	const [from, to] = ['from', 'to'].map((id) => Number(by_id(id).value) * 1e6);
	if (by_id('to').value && to > from)
		select_range(from, to);
}

function show_range() {
	const [from, to] = range(), step = Math.max((to - from) / 1000, 1);
	for (const [id, value] of [['from', from], ['to', to]])
		if (document.activeElement !== by_id(id))
			by_id(id).value = moment_text(value, step).replace(' s', '');
	by_id('clear').disabled = !view.selection;
	by_id('zoom-selection').disabled = !view.selection;
	by_id('kept').hidden = !view.kept;
	if (view.kept)
		by_id('kept-range').textContent = `compared with ${view.kept.map((at) => moment_text(at, (view.kept[1] - view.kept[0]) / 1000)).join(' to ')}`;
}

function keep_range() {
	view.kept = [...range()];
	changed(RANGE);
}

const buttons = {
	'zoom-in': () => zoom(0.5), 'zoom-out': () => zoom(2), 'zoom-all': show_all, 'zoom-selection': zoom_to_selection,
	earlier: () => pan(-0.5), later: () => pan(0.5), clear: () => select_range(null), keep: keep_range,
	'kept-drop': () => {
		view.kept = null;
		changed(RANGE);
	},
	'kept-swap': () => {
		const kept = view.kept;
		view.kept = [...range()];
		select_range(...kept);
	},
	'sample-before': () => step_sample(-1), 'sample-after': () => step_sample(1), 'sample-close': () => select_sample(-1, 0),
};

function start_range() {
	for (const [id, act] of Object.entries(buttons))
		by_id(id).addEventListener('click', act);
	for (const id of ['from', 'to'])
		by_id(id).addEventListener('change', fields_range);
}

// ---- all of it ----

function* show_afterwards(what) {
	if (what >= RANGE) {
		yield* count_again();
		show_summary();
		show_range();
		describe('timeline', timeline_words());
		yield;
		if (tabs[tab].steps)
			yield* tabs[tab].steps();
		else
			tabs[tab].show();
		yield;
	}
	show_sample();
}

function show_head() {
	const title = profile.title || profile.processes[0]?.name || 'profile';
	by_id('title').textContent = title.slice(0, 300);
	document.title = `${title.slice(0, 100)}: pyrope`;
	const when = profile.start ? `${new Date(profile.start / 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC` : '';
	const versions = [...new Set(profile.processes.map((process) => process.version).filter(Boolean))].map((version) => `Python ${version}`);
	by_id('subtitle').textContent = [when, ...versions, profile.machine, `one sample every ${span_text(profile.interval)}`, profile.arguments]
		.filter(Boolean).join(' · ');
}

// Paper has all tabs.
function print_all(is_begin) {
	for (const key of Object.keys(tabs)) {
		by_id(`panel-${key}`).hidden = !is_begin && key !== tab;
		if (is_begin)
			tabs[key].show();
	}
}

async function main() {
	const data = by_id('data').textContent;
	if (typeof DecompressionStream === 'undefined') {
		by_id('loading').textContent = 'This browser is too old for this page: it has no DecompressionStream (Chrome 80, Firefox 113, Safari 16.4).';
		return;
	}
	profile = await read_profile(data);
	by_id('loading').hidden = true;
	by_id('page').hidden = false;
	all_steps(count_again()); // of nothing yet
	view.to = Math.max(profile.length, 1);
	profile.length = view.to;
	show_head();
	start_states();
	start_threads();
	start_range();
	start_timeline();
	start_tabs();
	colour_states();
	afterwards.push(show_afterwards);
	changed(RANGE);
	addEventListener('resize', () => changed(RANGE));
	addEventListener('beforeprint', () => print_all(true));
	addEventListener('afterprint', () => print_all(false));
	is_dark.addEventListener('change', () => {
		colour_states();
		changed(RANGE);
	});
}

main().catch((error) => {
	by_id('loading').hidden = false;
	by_id('loading').textContent = `This page cannot be shown: ${error.message}`;
	throw error;
});
