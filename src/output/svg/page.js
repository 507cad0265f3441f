// SPDX-License-Identifier: MIT
//
// The page of an SVG flame graph. It draws again, as wide as the window, what the plain picture shows: the frames that can be seen
// where the window is now, whatever there is of others. Names come from the profiled program: they become text, and nothing
// else. What is looked at is in the fragment of the URL, so that a link, reload and back lead to it.
'use strict';
(() => {
	const SVG = 'http://www.w3.org/2000/svg', HTML = 'http://www.w3.org/1999/xhtml';
	const MARGIN = 10, ROW = 16, TOP = 104, LETTER = 7.2; // as svg.c has them; below the head there is a bar of buttons
	const LEAST_PIXELS = 0.5, NARROWEST = 320;
	const svg = document.currentScript.closest('svg'), is_part = 'page' in svg.dataset;
	if (svg !== document.documentElement && !is_part)
		return; // a part of another page: it stays a picture
	const by_id = (id) => document.getElementById(id);

	// ---- what was sampled ----

	const lines = (id) => by_id(id).textContent.split('\n').slice(0, -1);
	const kinds = new Map(lines('kinds').map((line) => [line[0], line.slice(1)]));
	const files = lines('files').map((line) => line.split('\t'));
	const names = lines('names').map((line) => {
		const [start, number, name] = line.split('\t');
		const [shown, whole] = files[parseInt(start.slice(2), 36)];
		const at = number === '0' ? '' : `:${parseInt(number, 36)}`;
		return {
			colour: `${start[0]} ${start[1]}`, kind: kinds.get(start[0]), name,
			label: shown ? `${name} (${shown}${at})` : name,
			path: whole ? whole + at : '',
		};
	});
	const by_gil = svg.dataset.colours === 'gil', inverted = 'inverted' in svg.dataset;
	const count = Number(svg.dataset.frames);
	const name_of = new Uint32Array(count), parent_of = new Uint32Array(count), depth_of = new Uint32Array(count);
	const end_of = new Uint32Array(count); // behind the last frame that it calls, however deep
	const is_difference = 'difference' in svg.dataset;
	const gil = new Float64Array(count);
	// What frames are as wide as: of a difference the samples after, or those before.
	const sides = (is_difference ? ['after', 'before'] : ['']).map((name) => ({
		name, self: new Float64Array(count), total: new Float64Array(count),
		start: new Float64Array(count), // samples to the left of it
	}));
	// Of times: what all samples of a side are, and the unit; else shares are shown.
	const times = (svg.dataset.difference ?? '').match(/^(\S+) (\S+) (\S+)$/);
	sides.forEach((side, i) => {
		side.worth = times ? Number(times[2 - i]) : 100;
	});
	let { self, total, start } = sides[0];
	let rows = []; // by depth: frames from left to right
	const verdicts = is_difference ? lines('verdicts') : [];
	const changes = (is_difference ? lines('changes') : []).map((line) => {
		const [low, high] = line.slice(2).split(' ').map((hundredths) => hundredths / 100);
		return { colour: `d ${line[0]}`, verdict: verdicts[Number(line[1])], low, high };
	});

	function read_tree() {
		const text = by_id('tree').textContent;
		let at = 0, frame = 0, parent = 0, depth = 0;
		const number = () => {
			let value = 0;
			for (;; at++) {
				const code = text.charCodeAt(at);
				if (code >= 48 && code <= 57)
					value = value * 36 + code - 48;
				else if (code >= 97 && code <= 122)
					value = value * 36 + code - 87;
				else
					return value;
			}
		};
		while (at < text.length && frame < count) {
			const character = text[at];
			if (character === '(') {
				parent = frame - 1;
				depth++;
				at++;
			} else if (character === ')') {
				parent = parent_of[parent];
				depth--;
				at++;
			} else if (character === ' ') {
				at++;
			} else {
				name_of[frame] = number();
				parent_of[frame] = parent;
				depth_of[frame] = depth;
				if (text[at] === ',') {
					at++;
					self[frame] = number();
				}
				if (text[at] === ',') {
					at++;
					(sides[1]?.self ?? gil)[frame] = number();
				}
				frame++;
			}
		}
	}

	function add_up(side) {
		const next = new Float64Array(count); // where the next one that it calls begins
		for (let frame = count - 1; frame >= 0; frame--) {
			side.total[frame] += side.self[frame];
			if (frame)
				side.total[parent_of[frame]] += side.total[frame];
		}
		for (let frame = 0; frame < count; frame++) {
			const parent = parent_of[frame];
			side.start[frame] = next[parent];
			next[parent] += frame ? side.total[frame] : 0;
			next[frame] = side.start[frame];
		}
	}

	function link() {
		for (let frame = count - 1; frame >= 0; frame--) {
			const parent = parent_of[frame];
			end_of[frame] = Math.max(end_of[frame], frame + 1);
			if (frame) {
				gil[parent] += gil[frame];
				end_of[parent] = Math.max(end_of[parent], end_of[frame]);
			}
		}
		for (let frame = 0; frame < count; frame++)
			(rows[depth_of[frame]] ||= []).push(frame);
	}

	read_tree();
	link();
	sides.forEach(add_up);

	// ---- numbers and text ----

	const number = (value) => value.toLocaleString('en-US');
	// Rounded as the program that wrote the page rounds: half of a hundredth up, which toFixed() alone does not do.
	const hundredths = (number) => (Math.floor(number + 0.5) / 100).toFixed(2);
	const percent = (part, whole) => `${hundredths(whole ? part * 10000 / whole : 0)}%`;
	const samples = (value) => `${number(value)} sample${value === 1 ? '' : 's'}`;

	// Of a monospaced font: what is wide takes two columns.
	const wide = new RegExp('[\\u1100-\\u115f\\u2e80-\\ua4cf\\uac00-\\ud7a3\\uf900-\\ufaff\\ufe30-\\ufe6f' +
		'\\uff00-\\uff60\\uffe0-\\uffe6\\u{1f000}-\\u{1faff}\\u{20000}-\\u{3fffd}]', 'u');
	const columns_of = (letters) => letters.reduce((sum, letter) => sum + (wide.test(letter) ? 2 : 1), 0);
	const plain = /^[\x20-\x7e]*$/;

	function fit(text, columns) {
		if (text.length <= columns && plain.test(text))
			return text;
		const letters = Array.from(text);
		let used = 0, kept = 0, room = 0; // room: letters that leave space for two dots
		for (; kept < letters.length && used <= columns; kept++) {
			used += wide.test(letters[kept]) ? 2 : 1;
			if (used <= columns - 2)
				room = kept + 1;
		}
		return used <= columns ? text : `${letters.slice(0, room).join('')}..`;
	}

	// Where there is no room for both, the function alone.
	function fit_label(name, columns) {
		const label = fit(name.label, columns);
		return label === name.label ? label : fit(name.name, columns);
	}

	// ---- what is looked at ----

	const view = { frame: 0, search: '', matches_case: false, is_regex: false, side: 0 };
	let hits = null; // by name: does it match? null: nothing is searched
	let cursor = -1; // the frame that the keyboard is at

	function read_fragment() {
		const fields = new URLSearchParams(location.hash.slice(1));
		const frame = parseInt(fields.get('frame') || '0', 10);
		view.frame = frame > 0 && frame < count ? frame : 0;
		view.search = fields.get('search') || '';
		view.matches_case = fields.get('case') === '1';
		view.is_regex = fields.get('regex') === '1';
		view.side = is_difference && fields.get('widths') === 'before' ? 1 : 0;
	}

	function fragment() {
		const fields = new URLSearchParams();
		if (view.frame)
			fields.set('frame', view.frame);
		if (view.search)
			fields.set('search', view.search);
		if (view.matches_case)
			fields.set('case', '1');
		if (view.is_regex)
			fields.set('regex', '1');
		if (view.side)
			fields.set('widths', sides[view.side].name);
		return `#${fields}`;
	}

	// A step to go back to, or the present one changed.
	function remember(is_step) {
		const steps = (history.state?.steps || 0) + (is_step ? 1 : 0);
		try {
			history[is_step ? 'pushState' : 'replaceState']({ steps }, '', fragment());
		} catch { /* where a page may not: it can still be looked at */ }
	}

	// ---- the page ----

	const frames = by_id('frames'), head = by_id('head'), paper = document.querySelector('.paper');
	const head_paper = head.querySelector('.paper');

	function svg_element(name, attributes = {}) {
		const element = document.createElementNS(SVG, name);
		for (const [key, value] of Object.entries(attributes))
			element.setAttribute(key, value);
		return element;
	}

	function html_element(name, attributes = {}, text = '') {
		const element = document.createElementNS(HTML, name);
		for (const [key, value] of Object.entries(attributes))
			element.setAttribute(key, value);
		element.textContent = text;
		return element;
	}

	const bar = html_element('div', { class: 'bar', id: 'bar' });
	const reset = html_element('button', { id: 'reset', title: 'show all (Home)' }, 'reset');
	const back = html_element('button', { id: 'back', title: 'what was shown before (Backspace)' }, 'back');
	const field = html_element('input', {
		id: 'search', type: 'search', placeholder: 'search (Ctrl-F)', 'aria-label': 'search',
		spellcheck: 'false', autocomplete: 'off',
	});
	const case_button = html_element('button', { id: 'case', title: 'match case (Alt-C)' }, 'Aa');
	const regex_button = html_element('button', { id: 'regex', title: 'regular expression (Alt-R)' }, '.*');
	const side_button = html_element('button', { id: 'side', title: 'how wide frames are: as before or after (Alt-W)' });
	const result = html_element('span', { id: 'result', role: 'status' });
	const bar_place = svg_element('foreignObject', { x: MARGIN, y: 68, height: 30 });
	const tip = svg_element('g', { id: 'tip', visibility: 'hidden' });
	const template = svg_element('g');

	function build_page() {
		bar.append(reset, back, ...is_difference ? [side_button] : [], field, case_button, regex_button, result);
		bar_place.append(bar);
		by_id('note')?.remove();
		head.append(bar_place);
		head_paper.setAttribute('height', TOP - 4);
		svg.append(tip);
		svg.removeAttribute('viewBox');
		template.append(svg_element('rect', { height: ROW - 1 }));
	}

	// ---- drawing ----

	let width = 0, scale = 0, height = 0, row_count = 0, drawn_from = 0, drawn_to = -1;

	const left_of = (frame) => MARGIN + Math.max(0, start[frame] - start[view.frame]) * scale;
	const wide_of = (frame) => Math.min(total[frame], total[view.frame]) * scale;
	const top_of = (depth) => TOP + (inverted ? depth : row_count - 1 - depth) * ROW;

	// The frames of a row that the view has: from the first one that does not end before it.
	function* row_frames(depth) {
		const row = rows[depth] || [], from = start[view.frame], to = from + total[view.frame];
		let low = 0, high = row.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (start[row[middle]] + total[row[middle]] <= from)
				low = middle + 1;
			else
				high = middle;
		}
		for (; low < row.length && start[row[low]] < to; low++)
			if (wide_of(row[low]) >= LEAST_PIXELS)
				yield row[low];
	}

	function choose_side() {
		({ self, total, start } = sides[view.side]);
		while (!total[view.frame] && view.frame)
			view.frame = parent_of[view.frame]; // it was not there then
	}

	function measure() {
		width = Math.max(is_part ? document.documentElement.clientWidth : innerWidth, NARROWEST);
		scale = total[view.frame] ? (width - 2 * MARGIN) / total[view.frame] : 0;
		row_count = depth_of[view.frame] + 1;
		while (row_count < rows.length && !row_frames(row_count).next().done)
			row_count++;
		height = Math.max(is_part ? 0 : innerHeight, TOP + row_count * ROW + MARGIN);
		svg.setAttribute('width', width);
		svg.setAttribute('height', height);
		paper.setAttribute('height', height);
		bar_place.setAttribute('width', width - 2 * MARGIN);
		by_id('title').textContent = fit(document.title, Math.floor((width - 2 * MARGIN) / 10.3));
	}

	function colour_of(frame) {
		if (is_difference)
			return changes[frame].colour;
		if (by_gil && frame)
			return `w ${'abcdefghijk'[Math.round(10 * gil[frame] / total[frame])]}`;
		return names[name_of[frame]].colour;
	}

	function draw_frame(frame) {
		const group = template.cloneNode(true), rect = group.firstChild;
		const x = left_of(frame), wide_pixels = wide_of(frame), y = top_of(depth_of[frame]);
		let classes = depth_of[frame] < depth_of[view.frame] ? 'above' : '';
		if (hits?.[name_of[frame]])
			classes += ' hit';
		if (frame === cursor)
			classes += ' cursor';
		group.setAttribute('class', classes);
		group.dataset.frame = frame;
		rect.setAttribute('class', colour_of(frame));
		rect.setAttribute('x', x.toFixed(2));
		rect.setAttribute('y', y);
		rect.setAttribute('width', (wide_pixels > 1 ? wide_pixels - 0.4 : wide_pixels).toFixed(2));
		if (wide_pixels >= 3 * LETTER + 6) {
			const text = svg_element('text', { x: (x + 3).toFixed(2), y: y + 11 });
			text.textContent = fit_label(names[name_of[frame]], Math.floor((wide_pixels - 6) / LETTER));
			group.append(text);
		}
		return group;
	}

	// The rows that the window shows, and some more.
	function draw() {
		const screen = innerHeight, from = scrollY - screen, to = scrollY + 2 * screen;
		const parts = document.createDocumentFragment();
		for (let depth = 0; depth < row_count; depth++) {
			const y = top_of(depth);
			if (y + ROW < from || y > to)
				continue;
			for (const frame of row_frames(depth))
				parts.append(draw_frame(frame));
		}
		frames.replaceChildren(parts);
		drawn_from = from;
		drawn_to = to;
	}

	function place_head() {
		head.setAttribute('transform', `translate(${scrollX} ${scrollY})`);
	}

	function show_search() {
		field.value = view.search;
		case_button.setAttribute('aria-pressed', view.matches_case);
		regex_button.setAttribute('aria-pressed', view.is_regex);
		side_button.textContent = `widths: ${sides[view.side].name}`;
		reset.disabled = !view.frame && !view.search;
		back.disabled = !history.state?.steps;
	}

	// Where a callgraph grows upwards, its beginning is at the bottom.
	function show_root() {
		const y = top_of(depth_of[view.frame]);
		scrollTo(0, inverted ? y - TOP : y + 2 * ROW + MARGIN - innerHeight);
	}

	function show(moves) {
		choose_side();
		search();
		measure();
		if (moves)
			show_root();
		place_head();
		hide_tip();
		draw();
		show_search();
	}

	// ---- search ----

	function matcher() {
		if (!view.is_regex && !view.matches_case) {
			const wanted = view.search.toLowerCase();
			return (text) => text.toLowerCase().includes(wanted);
		}
		if (!view.is_regex)
			return (text) => text.includes(view.search);
		const expression = new RegExp(view.search, view.matches_case ? 'u' : 'iu');
		return (text) => expression.test(text);
	}

	// Samples that are in a frame that matches, each once.
	function matched_samples() {
		let sum = 0, frame = view.frame;
		for (let above = frame; ; above = parent_of[above]) {
			if (hits[name_of[above]])
				return total[frame];
			if (!above)
				break;
		}
		while (frame < end_of[view.frame]) {
			const is_hit = hits[name_of[frame]];
			sum += is_hit ? total[frame] : 0;
			frame = is_hit ? end_of[frame] : frame + 1;
		}
		return sum;
	}

	function search() {
		hits = null;
		field.setAttribute('aria-invalid', 'false');
		result.textContent = '';
		if (!view.search)
			return;
		try {
			const matches = matcher();
			hits = names.map((name) => matches(name.label) || (name.path && matches(name.path)));
		} catch {
			field.setAttribute('aria-invalid', 'true');
			result.textContent = 'not a regular expression';
			return;
		}
		const sum = matched_samples();
		result.textContent = `matched: ${percent(sum, total[view.frame])}${view.frame ? ' of this' : ''} (${samples(sum)})`;
	}

	function change_search(changes) {
		Object.assign(view, changes);
		remember(false);
		show(false);
	}

	// ---- going somewhere ----

	function zoom(frame) {
		if (frame === view.frame)
			return;
		view.frame = frame;
		remember(true);
		show(true);
	}

	function show_all() {
		const is_step = view.frame !== 0;
		view.frame = 0;
		view.search = '';
		cursor = -1;
		remember(is_step);
		show(true);
	}

	function go_back() {
		if (history.state?.steps)
			history.back();
	}

	// As wide as before, or as after.
	function change_side() {
		view.side = 1 - view.side;
		remember(false);
		show(false);
	}

	// ---- the tooltip ----

	const signed = (points) => (points < 0 ? '-' : '+') + String(+hundredths(Math.abs(points) * 100));

	function change_lines(frame) {
		const [after, before] = sides, { low, high, verdict } = changes[frame];
		const value = (side) => (side.total[0] ? side.total[frame] * side.worth / side.total[0] : 0);
		const shown = (side) => (times ? `${hundredths(value(side) * 100)} ${times[3]}` : percent(side.total[frame], side.total[0]));
		const line = (side) => `${side.name}: ${shown(side)} (${samples(side.total[frame])})`;
		return [line(before), line(after),
			`change: ${signed(value(after) - value(before))}, 95 %: ${signed(low)} to ${signed(high)}`, verdict];
	}

	function tip_lines(frame) {
		const name = names[name_of[frame]], all = total[0];
		const texts = [name.label];
		if (name.path)
			texts.push(name.path);
		if (is_difference)
			return texts.concat(change_lines(frame));
		texts.push(`${samples(total[frame])}, ${percent(total[frame], all)} of all`);
		if (frame)
			texts.push(`${percent(total[frame], total[parent_of[frame]])} of its caller`);
		texts.push(`self: ${samples(self[frame])}, ${percent(self[frame], all)}`);
		if (by_gil)
			texts.push(`with the GIL: ${percent(gil[frame], total[frame])}`);
		else if (frame && name.kind)
			texts.push(name.kind);
		return texts;
	}

	// Long names go on in the next lines.
	function wrap(texts, columns) {
		const wrapped = [];
		for (const text of texts) {
			const letters = Array.from(text);
			for (let at = 0; at < letters.length; at += columns)
				wrapped.push(letters.slice(at, at + columns).join(''));
		}
		return wrapped;
	}

	function show_tip(frame, x, y) {
		const columns = Math.max(10, Math.min(100, Math.floor((width - 40) / LETTER)));
		const texts = wrap(tip_lines(frame), columns);
		const longest = Math.max(...texts.map((text) => columns_of(Array.from(text))));
		const box = { width: longest * LETTER + 16, height: texts.length * 15 + 10 };
		const left = Math.max(4, Math.min(x + 12, width - box.width - 4));
		const below = y + 18, fits_below = below + box.height < scrollY + innerHeight;
		const top = fits_below ? below : Math.max(scrollY + 4, y - box.height - 8);
		tip.replaceChildren(svg_element('rect', { x: left, y: top, rx: 3, ...box }));
		texts.forEach((text, line) => {
			const element = svg_element('text', { x: left + 8, y: top + 17 + line * 15 });
			element.textContent = text;
			tip.append(element);
		});
		tip.setAttribute('visibility', 'visible');
	}

	function hide_tip() {
		tip.setAttribute('visibility', 'hidden');
	}

	// ---- the keyboard ----

	function neighbour(frame, step) {
		const row = Array.from(row_frames(depth_of[frame]));
		return row[row.indexOf(frame) + step] ?? frame;
	}

	function widest_callee(frame) {
		let widest = frame;
		for (const callee of row_frames(depth_of[frame] + 1))
			if (parent_of[callee] === frame && (widest === frame || total[callee] > total[widest]))
				widest = callee;
		return widest;
	}

	function move_cursor(key) {
		const inwards = inverted ? 'ArrowDown' : 'ArrowUp';
		if (cursor < 0)
			cursor = view.frame;
		else if (key === 'ArrowLeft' || key === 'ArrowRight')
			cursor = neighbour(cursor, key === 'ArrowLeft' ? -1 : 1);
		else
			cursor = key === inwards ? widest_callee(cursor) : parent_of[cursor];
		const y = top_of(depth_of[cursor]);
		if (y < scrollY + TOP)
			scrollTo(scrollX, y - TOP - ROW);
		else if (y + 2 * ROW > scrollY + innerHeight)
			scrollTo(scrollX, y + 3 * ROW - innerHeight);
		place_head();
		draw();
		show_tip(cursor, left_of(cursor), y);
	}

	function press(event) {
		const is_typing = event.target === field, key = event.key;
		if ((event.ctrlKey || event.metaKey) && !event.altKey && key.toLowerCase() === 'f') {
			if (document.activeElement === field)
				return; // once more: the browser's own
			field.focus();
			field.select();
		} else if (event.altKey && key.toLowerCase() === 'c') {
			change_search({ matches_case: !view.matches_case });
		} else if (event.altKey && key.toLowerCase() === 'r') {
			change_search({ is_regex: !view.is_regex });
		} else if (event.altKey && key.toLowerCase() === 'w' && is_difference) {
			change_side();
		} else if (event.ctrlKey || event.metaKey || event.altKey) {
			return;
		} else if (key === 'Escape') {
			if (is_typing || view.search)
				change_search({ search: '' });
			cursor = -1;
			field.blur();
			show(false);
		} else if (is_typing) {
			return;
		} else if (key === '/') {
			field.focus();
		} else if (key === 'Home') {
			show_all();
		} else if (key === 'Backspace') {
			go_back();
		} else if (key.startsWith('Arrow')) {
			move_cursor(key);
		} else if (key === 'Enter' && cursor >= 0 && event.target.localName !== 'button') {
			zoom(cursor);
		} else {
			return;
		}
		event.preventDefault();
	}

	// ---- what happens ----

	const frame_at = (event) => {
		const group = event.target.closest?.('#frames g');
		return group ? Number(group.dataset.frame) : -1;
	};
	let is_due = false; // one drawing for all events of a moment
	const redraw = (draws) => {
		if (is_due)
			return;
		is_due = true;
		requestAnimationFrame(() => {
			is_due = false;
			draws();
		});
	};

	build_page();
	frames.addEventListener('click', (event) => {
		if (frame_at(event) >= 0)
			zoom(frame_at(event));
	});
	frames.addEventListener('mousemove', (event) => {
		if (frame_at(event) >= 0)
			show_tip(frame_at(event), event.clientX + scrollX, event.clientY + scrollY);
	});
	frames.addEventListener('mouseleave', hide_tip);
	reset.addEventListener('click', show_all);
	back.addEventListener('click', go_back);
	field.addEventListener('input', () => change_search({ search: field.value }));
	case_button.addEventListener('click', () => change_search({ matches_case: !view.matches_case }));
	regex_button.addEventListener('click', () => change_search({ is_regex: !view.is_regex }));
	side_button.addEventListener('click', change_side);
	addEventListener('keydown', press);
	addEventListener('resize', () => redraw(() => show(false)));
	addEventListener('scroll', () => {
		place_head();
		hide_tip();
		if (scrollY < drawn_from + innerHeight / 2 || scrollY + innerHeight > drawn_to - innerHeight / 2)
			redraw(draw);
	});
	const revisit = () => {
		read_fragment();
		show(true);
	};
	addEventListener('popstate', revisit);
	addEventListener('hashchange', revisit);
	revisit();
})();
