// The pages below a path of a proxy, and pages of another origin. Run with ./scripts/test pages.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { newPage, start } from './browser.js';
import { startNginx } from './nginx.js';

const PREFIX = '/svc/';
const EMAIL = 'ada@example.com';
const PASSWORD = 'correct horse battery staple';
const TIMEOUT = { timeout: 120_000 };

let server;
let nginx;
let browser;
let page;
let requests;
let problems;

before(async () => {
  ({ server, browser } = await start());
  nginx = await startNginx(PREFIX, server.origin);
});

after(async () => {
  await browser?.close();
  await nginx?.stop();
  await server?.stop();
});

beforeEach(async () => {
  page = await newPage(browser);
  requests = [];
  problems = [];
  page.context().on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Deprecated: escaping deep link')) {
      problems.push(`${message.text()} (${message.location().url})`);
    }
  });
  page.on('pageerror', (error) => problems.push(String(error)));
});

afterEach(async () => {
  for (const text of problems) console.log(`the page: ${text}`);
  await page.context().close();
});

/** Asserts that the pages asked for nothing beside the prefix, and that nothing failed. */
function assertInsideThePrefix() {
  assert.ok(requests.length > 0);
  const outside = requests.filter((url) => !/^(data|blob):/.test(url) && !url.startsWith(nginx.origin + PREFIX));
  assert.deepEqual(outside, [], 'requests beside the prefix');
  assert.deepEqual(problems, [], 'errors in the console');
}

async function post(origin, path, body) {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${origin}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

test('a person logs in below the prefix, calls an operation there and stays logged in', TIMEOUT, async () => {
  const { status } = await post(nginx.origin, `${PREFIX}api/v1/auth/register`, { email: EMAIL, password: PASSWORD });
  assert.equal(status, 201);
  await page.goto(`${nginx.origin}${PREFIX}docs#/users/users_me`);
  await page.getByLabel('Email', { exact: true }).fill(EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await page.getByRole('button', { name: 'Log out', exact: true }).waitFor();

  for (const again of [false, true]) {
    if (again) await page.reload();
    await page.getByRole('button', { name: 'Log out', exact: true }).waitFor();
    const block = page.locator('[id$="users_me"].opblock').first();
    await block.getByRole('button', { name: 'Execute', exact: true }).click();
    const answer = block.locator('.live-responses-table .response');
    await answer.waitFor();
    assert.equal((await answer.locator('.response-col_status').innerText()).trim(), '200');
    assert.ok((await answer.locator('.response-col_description').innerText()).includes(EMAIL));
  }
  assert.ok(requests.includes(`${nginx.origin}${PREFIX}api/v1/users/me`), requests.join('\n'));
  assertInsideThePrefix();
});

test('a token is kept for its tab alone', TIMEOUT, async () => {
  await page.goto(`${nginx.origin}${PREFIX}docs`);
  await page.getByLabel('Email', { exact: true }).fill(EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await page.getByRole('button', { name: 'Log out', exact: true }).waitFor();
  assert.ok(!(await page.evaluate(() => JSON.stringify({ ...localStorage }))).includes('eyJ'));

  const other = await page.context().newPage();
  await other.goto(`${nginx.origin}${PREFIX}docs`);
  await other.locator('.opblock').first().waitFor();
  await other.getByRole('button', { name: 'Log in', exact: true }).waitFor();
  assertInsideThePrefix();
});

test('the reference, its links and the card lead nowhere else', TIMEOUT, async () => {
  await page.goto(`${nginx.origin}${PREFIX}redoc`);
  await page.locator('[data-section-id="operation/users_me"] h2').waitFor();
  await page.getByRole('link', { name: 'Try it out' }).click();
  await page.locator('[id$="users_me"].opblock').first().waitFor();
  await page.getByRole('link', { name: 'Read the reference' }).click();
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  assertInsideThePrefix();

  const addresses = await page.locator('nav[aria-label="Documentation"] a').evaluateAll((links) => links.map((link) => link.href));
  const base = `${nginx.origin}${PREFIX}`;
  const card = await fetch(base);
  const { docs, openapi } = await card.json();
  addresses.push(new URL(docs, base).href, new URL(openapi, base).href);
  for (const [, target] of card.headers.get('link').matchAll(/<([^>]*)>/g)) addresses.push(new URL(target, base).href);
  assert.equal(addresses.length, 8);
  for (const address of addresses) {
    assert.ok(address.startsWith(base), address);
    assert.equal((await fetch(address)).status, 200, address);
  }
});

test('the document says where its operations are, below the prefix and without it', TIMEOUT, async () => {
  for (const base of [`${nginx.origin}${PREFIX}`, `${server.origin}/`]) {
    for (const name of ['openapi.json', 'openapi-3.0.json']) {
      const document = await (await fetch(base + name)).json();
      assert.equal(document.servers.length, 1);
      // OpenAPI 3.1, "Server Object": relative to the document. A path begins with the slash that the server ends with.
      const root = new URL(document.servers[0].url, base + name).href.replace(/\/$/, '');
      assert.equal((await fetch(`${root}/api/v1/health`)).status, 200);
    }
  }
});

test('a front end on another port of the machine calls the API, with a trace', TIMEOUT, async () => {
  const frontEnd = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<p>front end</p>'));
  await new Promise((resolve) => frontEnd.listen(0, '127.0.0.1', resolve));
  try {
    await page.goto(`http://127.0.0.1:${frontEnd.address().port}/`);
    const seen = await page.evaluate(
      async ({ url, credentials }) => {
        const headers = {
          'content-type': 'application/json',
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          tracestate: 'a=b',
          baggage: 'c=d',
        };
        const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(credentials) });
        return { status: answer.status, id: answer.headers.get('x-request-id'), how: answer.headers.get('www-authenticate') };
      },
      { url: `${server.origin}/api/v1/auth/login`, credentials: { email: EMAIL, password: `not ${PASSWORD}` } },
    );
    assert.equal(seen.status, 401);
    assert.equal(seen.how, 'Bearer');
    assert.match(seen.id, /^[0-9a-f]{32}$/);
  } finally {
    await new Promise((resolve) => frontEnd.close(resolve));
  }
});
