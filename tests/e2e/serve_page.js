// SPDX-License-Identifier: MIT
//
// The page of `pyrope serve` in a headless Chromium: what people do with it, and what pages elsewhere try.
// node serve_page.js URL FOLDER TOKEN PICTURES: URL has no profile yet, and asks for TOKEN; FOLDER has known.txt and later.txt.
'use strict';

const { with_browser } = require('./browser.js');
const path = require('path');
const http = require('http');

const [url, folder, token, pictures] = process.argv.slice(2);

function check(description, passed, ...what) {
	console.log(`${passed ? 'ok' : 'not ok'} ${description}`);
	if (!passed)
		console.log(JSON.stringify(what));
}

const names = (page) => page.evaluate(() => [...document.querySelectorAll('td.name a')].map((link) => link.textContent));

// A page of somebody else, which has a name of its own for this machine, too.
function elsewhere(use) {
	return new Promise((resolve, reject) => {
		const server = http.createServer((_, answer) => {
			answer.setHeader('Content-Type', 'text/html');
			answer.end('<!DOCTYPE html><title>elsewhere</title>');
		});
		server.listen(0, '127.0.0.1', () => {
			use(server.address().port).then(resolve, reject).finally(() => server.close());
		});
	});
}

async function attack(browser, port, id) {
	await browser.send('Target.getTargets');
	const page = await browser.open(`http://evil.example:${port}/`);
	const results = await page.evaluate(async (base, target) => {
		const ask = async (address, options) => {
			try {
				const answer = await fetch(address, options);
				return answer.type === 'opaque' ? 'opaque' : answer.status;
			} catch {
				return 'refused';
			}
		};
		const rebound = base.replace('127.0.0.1', 'evil.example');
		return [await ask(`${base}/evil.txt`, { method: 'POST', mode: 'no-cors', body: 'a.py:f:1 1\n' }),
			await ask(`${base}/p/${target}`, { method: 'DELETE' }), await ask(`${base}/api/profiles`),
			await ask(`${rebound}/evil.txt`, { method: 'POST', mode: 'no-cors', body: 'a.py:f:1 1\n' })];
	}, url, id);
	await page.close();
	return results;
}

async function sign_in(page) {
	await page.until(() => !document.getElementById('login').hidden);
	check('without a token the page asks for it', (await names(page)).length === 0);
	await page.evaluate(() => document.getElementById('token').focus());
	await page.type('this is another token');
	await page.key('Enter');
	await page.until(() => document.getElementById('message').textContent.includes('not the token'));
	check('another one is refused', await page.evaluate(() => !document.getElementById('login').hidden));
	await page.evaluate(() => document.getElementById('token').focus());
	await page.type(token);
	await page.key('Enter');
	await page.until(() => document.getElementById('login').hidden);
	check('with it the list is there', await page.evaluate(() => document.getElementById('count').textContent) === 'no profiles');
}

async function upload(page) {
	await page.evaluate(() => { document.getElementById('labels').value = 'env=prod branch=<b>main</b>'; });
	await page.choose_files('#files', [path.join(folder, 'known.txt'), path.join(folder, 'later.txt')]);
	await page.until(() => document.querySelectorAll('td.name a').length === 2);
	check('files that are chosen are uploaded', (await names(page)).sort().join() === 'known.txt,later.txt');
	// as they are dropped; a name and contents that would like to be more than text
	await page.evaluate(() => {
		const data = new DataTransfer();
		data.items.add(new File(['a.py:<script>alert(1)</script>:1;a.py:<img src=x onerror=alert(1)>:2 7\n'], '<img src=x onerror=alert(1)>.txt'));
		data.items.add(new File(['no profile'], 'bad.txt'));
		document.getElementById('upload').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
	});
	await page.until(() => document.querySelectorAll('td.name a').length === 3 && document.querySelectorAll('#progress .failed').length === 1);
	check('and those that are dropped', (await names(page)).some((name) => name.includes('onerror=alert(1)')), await names(page));
	check('what is no profile is said', await page.evaluate(() => document.querySelector('#progress .failed').textContent.startsWith('bad.txt: ')));
	check('names are text', await page.evaluate(() => document.querySelectorAll('main img, main script, main b').length === 0));
	check('labels are shown', await page.evaluate(() => document.querySelector('.label').textContent.startsWith('env=')));
}

async function search(page) {
	await page.evaluate(() => document.getElementById('search').focus());
	await page.type('later');
	await page.until(() => document.querySelectorAll('td.name a').length === 1);
	check('a search leaves what matches', (await names(page)).join() === 'later.txt');
	await page.evaluate(() => {
		document.getElementById('search').value = '';
		document.getElementById('search').dispatchEvent(new Event('input'));
	});
	await page.until(() => document.querySelectorAll('td.name a').length === 3);
	await page.evaluate(() => document.querySelector('[data-sort=samples]').click());
	await page.until(() => document.querySelector('[data-sort=samples]').hasAttribute('aria-sort'));
	await page.until(() => document.querySelector('td.name a').textContent === 'later.txt');
	check('sorted by samples', (await names(page))[1] === 'known.txt', await names(page));
}

async function reports(browser, page) {
	const links = await page.evaluate(() => [...document.querySelectorAll('td.name a')].map((link) => link.href));
	for (const [index, name] of ['later.txt', 'known.txt', 'the hostile one'].entries()) {
		const report = await browser.open(links[index], 1280, 900);
		const text = await report.until(() => document.documentElement.textContent.length > 100 && document.documentElement.textContent);
		check(`${name} is shown`, text.includes(index === 2 ? 'a.py' : 'dumps') || text.length > 1000);
		await report.evaluate(() => new Promise((resolve) => setTimeout(resolve, 300)));
		check(`${name}: no errors in the page`, report.errors.length === 0, report.errors);
		check(`${name}: it has no access to the server`, await report.evaluate(async () => {
			try {
				await fetch('/api/profiles', { credentials: 'include' });
				return false;
			} catch {
				return true;
			}
		}));
		if (pictures)
			await report.screenshot(path.join(pictures, `serve_report_${index}.png`));
		await report.close();
	}
	await page.evaluate(() => {
		for (const box of [...document.querySelectorAll('td input')].slice(0, 2))
			box.click();
	});
	check('two are chosen', await page.evaluate(() => !document.getElementById('compare').disabled &&
		document.getElementById('chosen').textContent === 'known.txt before, later.txt after'),
	await page.evaluate(() => document.getElementById('chosen').textContent));
	if (pictures)
		await page.screenshot(path.join(pictures, 'serve_list.png'));
	await page.evaluate(() => document.getElementById('compare').click());
	await page.until(() => location.pathname.startsWith('/diff/') && document.readyState === 'complete' && document.querySelector('table'));
	check('and compared', await page.evaluate(() => document.documentElement.textContent.includes('json')), page.errors);
	if (pictures)
		await page.screenshot(path.join(pictures, 'serve_diff.png'));
	await page.goto(`${url}/`);
	await page.until(() => document.querySelectorAll('td.name a').length === 3);
}

async function remove(page) {
	const buttons = () => [...document.querySelectorAll('td.actions button')];
	await page.evaluate(`(${buttons})()[0].click()`);
	check('one click deletes nothing', (await names(page)).length === 3);
	await page.evaluate(`(${buttons})()[0].click()`);
	await page.until(() => document.querySelectorAll('td.name a').length === 2);
	check('the second one does', true);
}

with_browser(async (browser) => {
	const page = await browser.open(`${url}/`, 1280, 900);
	await sign_in(page);
	await upload(page);
	await search(page);
	await reports(browser, page);
	for (const width of [1280, 400]) {
		await page.resize(width, 800);
		check(`it fits ${width} pixels`, await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
		if (pictures)
			await page.screenshot(path.join(pictures, `serve_${width}.png`));
	}
	await page.dark(true);
	if (pictures)
		await page.screenshot(path.join(pictures, 'serve_dark.png'));
	await page.resize(1280, 900);
	const id = await page.evaluate(() => document.querySelector('td.name a').pathname.slice(3));
	const results = await elsewhere((port) => attack(browser, port, id));
	check('a page elsewhere can do nothing', results.slice(1, 3).every((result) => result === 'refused'), results);
	await page.goto(`${url}/`);
	await page.until(() => document.querySelectorAll('td.name a').length >= 3);
	check('and has sent and deleted nothing', !(await names(page)).includes('evil.txt') && (await names(page)).length === 3, await names(page));
	await remove(page);
	check('the page itself has no errors but for refusals', page.errors.every((error) => /40[01]|422/.test(error)), page.errors);
}, { arguments: ['--host-resolver-rules=MAP evil.example 127.0.0.1'] });
