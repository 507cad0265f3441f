// SPDX-License-Identifier: MIT
//
// The list of profiles. What comes from a profile or from who has sent it becomes text of an element and nothing else.
'use strict';

const PAGE_ROWS = 100;
const state = { offset: 0, sort: 'received', order: 'down', chosen: [], formats: [], upload_bytes: Infinity, matches: 0, asked: 0 };
const $ = (id) => document.getElementById(id);

function element(name, text, class_name) {
	const made = document.createElement(name);
	if (text !== undefined)
		made.textContent = text;
	if (class_name)
		made.className = class_name;
	return made;
}

function say(text, failed) {
	$('message').textContent = text;
	$('message').classList.toggle('failed', Boolean(failed));
}

// ---- numbers for people ----

function bytes_text(bytes) {
	for (const [unit, size] of [['GB', 1e9], ['MB', 1e6], ['kB', 1e3]])
		if (bytes >= size)
			return `${(bytes / size).toFixed(1)} ${unit}`;
	return `${bytes} B`;
}

function duration_text(ms) {
	if (!ms)
		return '';
	if (ms < 60000)
		return `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
	return ms < 3600000 ? `${(ms / 60000).toFixed(1)} min` : `${(ms / 3600000).toFixed(1)} h`;
}

function time_text(ms) {
	const two = (number) => String(number).padStart(2, '0');
	const time = new Date(ms);
	return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ` +
		`${two(time.getHours())}:${two(time.getMinutes())}`;
}

// ---- rows ----

function name_cell(profile) {
	const cell = element('td', undefined, 'name');
	const link = element('a', profile.name);
	link.href = `/p/${profile.id}`;
	cell.append(link);
	if (profile.command)
		cell.append(element('span', profile.command, 'command'));
	return cell;
}

function time_cell(profile) {
	const cell = element('td', time_text(profile.received), 'time');
	if (profile.start)
		cell.title = `recorded ${time_text(profile.start)}`;
	return cell;
}

function labels_cell(profile) {
	const cell = element('td', undefined, 'labels');
	for (const [name, value] of profile.labels) {
		const label = element('button', `${name}=${value}`, 'label');
		label.title = 'show those with this label';
		label.addEventListener('click', () => {
			$('search').value = `${name}=${value}`;
			search();
		});
		cell.append(label);
	}
	return cell;
}

function download_select(profile) {
	const select = element('select');
	select.setAttribute('aria-label', `Download ${profile.name}`);
	select.append(new Option('Download as', ''), new Option('original', 'original'));
	for (const format of state.formats) {
		const option = new Option(format.name, format.name);
		option.title = format.description;
		select.append(option);
	}
	select.addEventListener('change', () => {
		if (select.value)
			download(profile, select.value);
		select.value = '';
	});
	return select;
}

// A refusal has a reason, which a link would not show.
async function download(profile, format) {
	say('');
	const answer = await fetch(`/p/${profile.id}/${format}`);
	if (!answer.ok) {
		say(`${profile.name} as ${format}: ${await answer.text()}`, true);
		return;
	}
	const name = /filename\*=UTF-8''([^;]*)/.exec(answer.headers.get('Content-Disposition') || '');
	const link = element('a');
	link.href = URL.createObjectURL(await answer.blob());
	link.download = name ? decodeURIComponent(name[1]) : `${profile.name}.${format}`;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 60000);
	say(`${link.download} is downloaded`);
}

// Two clicks, so that no dialog is needed: the first one asks.
function delete_button(profile) {
	const button = element('button', 'Delete');
	button.setAttribute('aria-label', `Delete ${profile.name}`);
	button.addEventListener('click', async () => {
		if (button.textContent === 'Delete') {
			button.textContent = 'Really?';
			setTimeout(() => { button.textContent = 'Delete'; }, 5000);
			return;
		}
		const answer = await fetch(`/p/${profile.id}`, { method: 'DELETE' });
		state.chosen = state.chosen.filter((other) => other.id !== profile.id);
		await load();
		say(answer.ok ? `${profile.name} is deleted` : await answer.text(), !answer.ok);
	});
	return button;
}

function choose_box(profile) {
	const box = element('input');
	box.type = 'checkbox';
	box.checked = state.chosen.some((other) => other.id === profile.id);
	box.setAttribute('aria-label', `Compare ${profile.name}`);
	box.addEventListener('change', () => {
		state.chosen = state.chosen.filter((other) => other.id !== profile.id);
		if (box.checked)
			state.chosen.push(profile);
		show_chosen();
	});
	return box;
}

// The older one is what was before.
function show_chosen() {
	state.chosen.sort((one, other) => (one.start || one.received) - (other.start || other.received));
	$('compare').disabled = state.chosen.length !== 2;
	$('chosen').textContent = state.chosen.length === 2 ? `${state.chosen[0].name} before, ${state.chosen[1].name} after`
		: `${state.chosen.length} chosen`;
}

function row(profile) {
	const made = element('tr');
	const choose = element('td');
	choose.append(choose_box(profile));
	const actions = element('td', undefined, 'actions');
	actions.append(download_select(profile), ' ', delete_button(profile));
	made.append(choose, name_cell(profile), element('td', profile.host), time_cell(profile),
		element('td', duration_text(profile.duration), 'number'), element('td', profile.samples.toLocaleString('en'), 'number'),
		element('td', bytes_text(profile.bytes), 'number'), labels_cell(profile), actions);
	return made;
}

// ---- the list ----

async function load() {
	const asked = ++state.asked;
	const query = new URLSearchParams({ q: $('search').value, sort: state.sort, order: state.order, offset: state.offset, limit: PAGE_ROWS });
	let answer;
	try {
		answer = await fetch(`/api/profiles?${query}`);
	} catch {
		say('The server does not answer', true);
		return;
	}
	$('login').hidden = answer.status !== 401;
	if (!answer.ok) {
		if (answer.status !== 401)
			say(await answer.text(), true);
		return;
	}
	const list = await answer.json();
	if (asked !== state.asked) // something newer was asked for
		return;
	Object.assign(state, { formats: list.formats, upload_bytes: list.upload_bytes, matches: list.matches });
	$('profiles').tBodies[0].replaceChildren(...list.profiles.map(row));
	const last = state.offset + list.profiles.length;
	$('count').textContent = list.matches === 0 ? 'no profiles' : `${state.offset + 1} to ${last} of ${list.matches}` +
		(list.unknown ? `, and ${list.unknown} files are still being read` : '');
	$('newer').disabled = state.offset === 0;
	$('older').disabled = last >= list.matches;
	for (const button of document.querySelectorAll('[data-sort]')) {
		if (button.dataset.sort === state.sort)
			button.setAttribute('aria-sort', state.order === 'down' ? 'descending' : 'ascending');
		else
			button.removeAttribute('aria-sort');
	}
	show_chosen();
}

function search() {
	state.offset = 0;
	load();
}

function turn(rows) {
	state.offset = Math.max(0, state.offset + rows);
	load();
}

// ---- uploads ----

function labels_query() {
	const query = new URLSearchParams();
	for (const word of $('labels').value.split(/\s+/).filter(Boolean)) {
		const at = word.indexOf('=');
		query.append(at > 0 ? word.slice(0, at) : 'tag', word.slice(at + 1));
	}
	return String(query);
}

// XMLHttpRequest tells how much has been sent, which fetch does not.
function send(file, item) {
	return new Promise((resolve) => {
		const request = new XMLHttpRequest();
		const end = (text, failed) => {
			item.textContent = `${file.name}: ${text}`;
			item.classList.toggle('failed', failed);
			resolve();
		};
		request.open('PUT', `/${encodeURIComponent(file.name)}?${labels_query()}`);
		request.upload.addEventListener('progress', (event) => {
			item.textContent = `${file.name}: ${Math.floor(100 * event.loaded / (event.total || 1))} %`;
		});
		request.addEventListener('load', () => end(request.status === 201 ? 'is here' : request.responseText.trim(), request.status !== 201));
		request.addEventListener('error', () => end('the server has cut it off', true));
		request.send(file);
	});
}

async function upload(files) {
	for (const file of files) {
		const item = element('li', `${file.name}: 0 %`);
		$('progress').append(item);
		if (file.size > state.upload_bytes) {
			item.textContent = `${file.name}: ${bytes_text(file.size)} are too much, ${bytes_text(state.upload_bytes)} are the most`;
			item.classList.add('failed');
			continue;
		}
		await send(file, item);
	}
	state.offset = 0;
	await load();
}

function watch_drops() {
	const zone = $('upload');
	for (const name of ['dragenter', 'dragover', 'dragleave', 'drop'])
		document.addEventListener(name, (event) => {
			event.preventDefault();
			zone.classList.toggle('over', name === 'dragenter' || name === 'dragover');
		});
	document.addEventListener('drop', (event) => upload([...event.dataTransfer.files]));
	$('files').addEventListener('change', async () => {
		await upload([...$('files').files]);
		$('files').value = '';
	});
}

async function login(event) {
	event.preventDefault();
	const answer = await fetch('/api/login', { method: 'POST', headers: { Authorization: `Bearer ${$('token').value.trim()}` } });
	$('token').value = '';
	say('');
	if (!answer.ok)
		say(await answer.text(), true);
	else if (location.pathname !== '/')
		location.reload();
	else
		load();
}

function begin() {
	$('example').textContent = `curl -T service.pyrope ${location.origin}/`;
	$('login').addEventListener('submit', login);
	$('search').addEventListener('input', search);
	$('newer').addEventListener('click', () => turn(-PAGE_ROWS));
	$('older').addEventListener('click', () => turn(PAGE_ROWS));
	$('compare').addEventListener('click', () => { location.href = `/diff/${state.chosen[0].id}/${state.chosen[1].id}`; });
	for (const button of document.querySelectorAll('[data-sort]'))
		button.addEventListener('click', () => {
			state.order = state.sort === button.dataset.sort && state.order === 'down' ? 'up' : 'down';
			state.sort = button.dataset.sort;
			search();
		});
	watch_drops();
	load();
}

begin();
