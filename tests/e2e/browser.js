// SPDX-License-Identifier: MIT
//
// Drives a headless Chromium for the tests, over the pipe of its DevTools protocol: no port, no package. It runs with a profile
// of its own in a folder that is removed, and ends with the test, whatever becomes of that.
//
// Usage: const { with_browser } = require('./browser.js');
//        with_browser(async (browser) => { const page = await browser.open('file:///tmp/x.svg'); ... });
'use strict';

const assert = require('assert/strict');
const { spawn, spawnSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const DEADLINE_MS = 240000; // of one answer, on a machine that is busy

// name of a key -> code, and what the protocol calls windowsVirtualKeyCode
const KEYS = {
	Enter: ['Enter', 13], Escape: ['Escape', 27], Tab: ['Tab', 9], Backspace: ['Backspace', 8], Home: ['Home', 36],
	ArrowLeft: ['ArrowLeft', 37], ArrowUp: ['ArrowUp', 38], ArrowRight: ['ArrowRight', 39], ArrowDown: ['ArrowDown', 40],
};
const MODIFIERS = { alt: 1, ctrl: 2, shift: 8 };

function program() {
	for (const name of [process.env.PYROPE_CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'])
		if (name && spawnSync('sh', ['-c', 'command -v "$0"', name]).status === 0)
			return name;
	return null;
}

class Page {
	constructor(browser, session, target) {
		this.browser = browser;
		this.session = session;
		this.target = target;
		this.errors = []; // exceptions, what was logged as an error, and what a policy forbade
	}

	send(method, parameters = {}) {
		return this.browser.send(method, parameters, this.session);
	}

	async goto(url) {
		const loaded = this.browser.event('Page.loadEventFired', this.session);
		const answer = await this.send('Page.navigate', { url });
		if (answer.errorText)
			throw new Error(`${url}: ${answer.errorText}`);
		if (answer.loaderId) // else it is the same document with another fragment
			await loaded;
	}

	// What the function returns in the page, or the text of an expression; a promise is waited for. Must be JSON.
	async evaluate(what, ...args) {
		const expression = typeof what === 'function' ? `(${what})(...${JSON.stringify(args)})` : what;
		const answer = await this.send('Runtime.evaluate',
			{ expression, returnByValue: true, awaitPromise: true, userGesture: true });
		if (answer.exceptionDetails)
			throw new Error(answer.exceptionDetails.exception?.description || answer.exceptionDetails.text);
		return answer.result.value;
	}

	// The same where a page may be on its way to another one, of which nothing is true yet.
	async evaluate_now(what, ...args) {
		try {
			return await this.evaluate(what, ...args);
		} catch (error) {
			if (!/navigated or closed|context was destroyed|Cannot find context/.test(error.message))
				throw error;
			return undefined;
		}
	}

	// Until it returns what is true; returns that.
	async until(what, ...args) {
		const end = Date.now() + DEADLINE_MS;
		for (;;) {
			const value = await this.evaluate_now(what, ...args);
			if (value)
				return value;
			if (Date.now() > end)
				throw new Error(`never true: ${what}`);
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
	}

	// Until all that was asked for by now is drawn.
	frame() {
		return this.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => resolve(true))));
	}

	// Where the pointer goes is told to a page once a frame.
	async move(x, y) {
		await this.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y });
		await this.frame();
	}

	async click(x, y) {
		await this.move(x, y);
		for (const type of ['mousePressed', 'mouseReleased'])
			await this.send('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 });
	}

	// With the button held down.
	async drag(from_x, from_y, x, y) {
		await this.move(from_x, from_y);
		await this.send('Input.dispatchMouseEvent', { type: 'mousePressed', x: from_x, y: from_y, button: 'left', buttons: 1, clickCount: 1 });
		await this.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x: (from_x + x) / 2, y, button: 'left', buttons: 1 });
		await this.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y, button: 'left', buttons: 1 });
		await this.send('Input.dispatchMouseEvent', { type: 'mouseReleased', x, y, button: 'left', clickCount: 1 });
	}

	// key('f', 'ctrl'), key('Escape')
	async key(name, ...modifiers) {
		const [code, number] = KEYS[name] || [`Key${name.toUpperCase()}`, name.toUpperCase().charCodeAt(0)];
		const flags = modifiers.reduce((sum, modifier) => sum | MODIFIERS[modifier], 0);
		const key = { key: name, code, windowsVirtualKeyCode: number, modifiers: flags };
		const text = name === 'Enter' ? '\r' : name.length === 1 && !(flags & 3) ? name : undefined;
		await this.send('Input.dispatchKeyEvent', { type: text ? 'keyDown' : 'rawKeyDown', text, ...key });
		await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...key });
	}

	// Into what has the focus.
	type(text) {
		return this.send('Input.insertText', { text });
	}

	// Gives files to an <input type="file">.
	async choose_files(selector, files) {
		const { root } = await this.send('DOM.getDocument', { depth: 0 });
		const { nodeId } = await this.send('DOM.querySelector', { nodeId: root.nodeId, selector });
		await this.send('DOM.setFileInputFiles', { nodeId, files: files.map((file) => path.resolve(file)) });
	}

	resize(width, height) {
		return this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
	}

	dark(is_dark) {
		return this.send('Emulation.setEmulatedMedia',
			{ features: [{ name: 'prefers-color-scheme', value: is_dark ? 'dark' : 'light' }] });
	}

	// What is behind another page draws nothing: close that one.
	async close() {
		this.browser.pages.delete(this.session);
		await this.browser.send('Target.closeTarget', { targetId: this.target });
	}

	async screenshot(file) {
		const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
		fs.writeFileSync(file, Buffer.from(data, 'base64'));
	}
}

class Browser {
	constructor(options = {}) {
		this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pyrope-browser.'));
		this.waiting = new Map(); // number of a command -> what to do with its answer
		this.listeners = new Set();
		this.pages = new Map();
		this.number = 0;
		this.child = spawn(program(), ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
			'--hide-scrollbars', '--disable-extensions', '--disable-background-networking', '--disable-component-update',
			'--disable-sync', '--mute-audio', '--window-size=1200,800', `--user-data-dir=${this.folder}`,
			'--remote-debugging-pipe', ...(options.arguments || []), 'about:blank'],
		{ stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], detached: true });
		this.gone = new Promise((resolve) => {
			this.child.on('exit', resolve);
			this.child.on('error', resolve);
		});
		this.gone.then(() => this.fail(new Error('Chromium has ended')));
		this.child.stdio[3].on('error', () => {});
		let rest = Buffer.alloc(0);
		this.child.stdio[4].on('data', (bytes) => {
			rest = Buffer.concat([rest, bytes]);
			for (let end; (end = rest.indexOf(0)) >= 0; rest = rest.subarray(end + 1))
				this.take(JSON.parse(rest.subarray(0, end).toString()));
		});
	}

	fail(error) {
		for (const { reject } of this.waiting.values())
			reject(error);
		this.waiting.clear();
		for (const listener of this.listeners)
			listener.reject(error);
		this.listeners.clear();
	}

	take(message) {
		if (message.id) {
			const waiting = this.waiting.get(message.id);
			this.waiting.delete(message.id);
			if (waiting && message.error)
				waiting.reject(new Error(`${waiting.method}: ${message.error.message}`));
			else
				waiting?.resolve(message.result);
			return;
		}
		const page = this.pages.get(message.sessionId);
		if (message.method === 'Runtime.exceptionThrown')
			page?.errors.push(message.params.exceptionDetails.exception?.description || message.params.exceptionDetails.text);
		else if (message.method === 'Log.entryAdded' && message.params.entry.level === 'error')
			page?.errors.push(message.params.entry.text);
		for (const listener of this.listeners) {
			if (listener.method !== message.method || listener.session !== message.sessionId)
				continue;
			this.listeners.delete(listener);
			listener.resolve(message.params);
		}
	}

	// A promise that is kept, or broken when the deadline is over.
	promise(collection_add, what) {
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => reject(new Error(`no answer to ${what}`)), DEADLINE_MS);
			collection_add({
				resolve: (value) => { clearTimeout(timer); resolve(value); },
				reject: (error) => { clearTimeout(timer); reject(error); },
			});
		});
	}

	send(method, params = {}, sessionId = undefined) {
		const id = ++this.number;
		const answer = this.promise((entry) => this.waiting.set(id, { ...entry, method }), method);
		this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
		return answer;
	}

	// The next event of this name.
	event(method, session) {
		const event = this.promise((entry) => this.listeners.add({ ...entry, method, session }), method);
		event.catch(() => {}); // nobody may be waiting any more
		return event;
	}

	async open(url, width = 1200, height = 800) {
		const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
		const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
		const page = new Page(this, sessionId, targetId);
		this.pages.set(sessionId, page);
		for (const domain of ['Page', 'Runtime', 'Log', 'DOM'])
			await page.send(`${domain}.enable`);
		await page.resize(width, height);
		await page.goto(url);
		return page;
	}

	// Its processes are a group of their own.
	kill() {
		try {
			process.kill(-this.child.pid, 'SIGKILL');
		} catch { /* it is gone */ }
	}

	async close() {
		this.kill();
		await this.gone;
		for (let tries = 0; tries < 100; tries++) {
			try {
				fs.rmSync(this.folder, { recursive: true, force: true });
				return;
			} catch { // a process of it may still be writing
				await new Promise((resolve) => setTimeout(resolve, 50));
			}
		}
	}
}

// Runs use(browser). The exit code is 1, and the error printed, when it throws.
async function with_browser(use, options) {
	const browser = new Browser(options);
	const stop = (signal) => {
		browser.kill();
		fs.rmSync(browser.folder, { recursive: true, force: true, maxRetries: 5 });
		process.exit(128 + os.constants.signals[signal]);
	};
	for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'])
		process.on(signal, stop);
	process.on('exit', () => browser.kill());
	try {
		await use(browser);
	} catch (error) {
		console.log(error.stack || error);
		process.exitCode = 1;
	}
	await browser.close();
}

// Runs checks, which are [FILE, WHAT, use]: opens FILE of the folder (null: the page before stays), and prints "ok WHAT", or "not ok WHAT" when
// use(page, browser, folder) throws or the page has had errors. is_left_out(FILE, WHAT): not that one. open(path): the page.
async function run_checks(browser, folder, checks, is_left_out, open) {
	let page, current = null;
	for (const [file, what, use] of checks) {
		current = file ?? current;
		if (is_left_out(current, what))
			continue;
		try {
			if (file) {
				await page?.close();
				page = null;
				page = await open(path.join(folder, file));
			}
			await use(page, browser, folder);
			assert.deepEqual(page.errors, []);
			console.log(`ok ${what}`);
		} catch (error) {
			console.log(`not ok ${what}`);
			console.log(String(error.stack || error).replace(/^/gm, '# '));
		}
	}
}

module.exports = { with_browser, run_checks, program };

// node browser.js: is there a browser to drive?
if (require.main === module)
	process.exit(program() ? 0 : 1);
