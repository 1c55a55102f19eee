// What a user does at /redoc, in a real browser. Run with ./scripts/test pages.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { newPage, start } from './browser.js';

const TIMEOUT = { timeout: 120_000 };

let server;
let browser;
let page;
let consoleErrors;
let foreignRequests;

before(async () => {
  ({ server, browser } = await start());
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

beforeEach(async () => {
  page = await newPage(browser);
  consoleErrors = [];
  foreignRequests = [];
  // A broken policy shows here: Chromium writes what it refused to the console.
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) consoleErrors.push(message.text());
  });
  page.on('pageerror', (error) => consoleErrors.push(String(error)));
  page.context().on('request', (request) => {
    // Redoc's search runs in a worker whose script is a blob of this origin.
    const { protocol, host } = new URL(request.url());
    if (!['data:', 'blob:'].includes(protocol) && host !== new URL(server.origin).host) foreignRequests.push(request.url());
  });
});

afterEach(async () => {
  for (const text of [...consoleErrors, ...foreignRequests]) console.log(`the page: ${text}`);
  await page.context().close();
});

/** Asserts what holds for every page, however the person got there. */
function assertCleanPage() {
  assert.deepEqual(consoleErrors, [], 'errors in the console');
  assert.deepEqual(foreignRequests, [], 'requests to another origin');
}

/** The section of an operation. */
function section(operationId) {
  return page.locator(`[data-section-id="operation/${operationId}"]`);
}

async function openReference(anchor = '') {
  await page.goto(`${server.origin}/redoc${anchor}`);
  await page.getByRole('heading', { level: 1 }).first().waitFor();
}

/** Waits until the section of an operation is at the top of the window. */
async function assertInView(operationId) {
  await page.waitForFunction((id) => {
    const { top } = document.querySelector(`[data-section-id="operation/${id}"]`).getBoundingClientRect();
    return top > -100 && top < 300;
  }, operationId);
}

test('the page lists every operation of the document, in its contents too', TIMEOUT, async () => {
  await openReference();
  const document = await (await fetch(`${server.origin}/openapi.json`)).json();
  const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
  assert.ok(operations.length > 0);
  for (const { operationId, summary, tags } of operations) {
    assert.equal((await section(operationId).locator('h2').innerText()).trim(), summary);
    const entry = page.locator(`[role="menuitem"][data-item-id="tag/${tags[0]}/operation/${operationId}"]`);
    assert.equal(await entry.getAttribute('aria-label'), summary);
  }
  assert.ok((await page.title()).startsWith(document.info.title));
  assertCleanPage();
});

test('a deep link leads to its operation, and the contents lead on', TIMEOUT, async () => {
  await openReference('#tag/users/operation/users_list');
  await assertInView('users_list');

  await page.getByRole('menuitem', { name: 'auth', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Log in', exact: true }).click();
  await assertInView('auth_login');
  assertCleanPage();
});

test('each error of an operation has its example', TIMEOUT, async () => {
  await openReference('#tag/users/operation/users_me');
  const operation = section('users_me');
  await operation.getByRole('tab', { name: '401' }).click();
  const example = operation.locator('.redoc-json').filter({ hasText: 'request_id' }).first();
  await example.waitFor();
  assert.match(await example.innerText(), /"error":\s*"unauthorized"/);
  assertCleanPage();
});

test('an operation shows its samples, one language at a time', TIMEOUT, async () => {
  await openReference('#tag/users/operation/users_create');
  const document = await (await fetch(`${server.origin}/openapi.json`)).json();
  const samples = document.paths['/api/v1/users'].post['x-codeSamples'];
  assert.ok(samples.length > 1);
  for (const { label, source } of samples) {
    await section('users_create').getByRole('tab', { name: label, exact: true }).click();
    const shown = section('users_create').locator('pre').filter({ hasText: source.split('\n')[0] });
    assert.equal((await shown.innerText()).trim(), source);
  }
  assertCleanPage();
});

test('the search finds an operation', TIMEOUT, async () => {
  await openReference();
  await page.getByPlaceholder('Search').fill('refresh');
  await page.locator('[role="search"] [data-item-id="tag/auth/operation/auth_refresh"]').first().waitFor();
  assertCleanPage();
});

test('a user gets from reading to trying and back', TIMEOUT, async () => {
  await openReference();
  await page.getByRole('link', { name: 'Try it out' }).click();
  await page.locator('[id$="users_me"].opblock').first().waitFor();
  await page.getByRole('link', { name: 'Read the reference' }).click();
  await page.waitForURL((url) => url.pathname === '/redoc');
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  assert.deepEqual(foreignRequests, [], 'requests to another origin');
});

test('on a phone the page does not scroll sideways', TIMEOUT, async () => {
  await page.setViewportSize({ width: 375, height: 667 });
  await openReference();
  const { content, window } = await page.evaluate(() => ({
    content: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth),
    window: document.documentElement.clientWidth,
  }));
  assert.ok(content <= window, `the page is ${content} px wide in a window of ${window} px`);
  assertCleanPage();
});

test('the service ends with exit code 0 when it is asked to', TIMEOUT, async () => {
  assert.equal(await server.stop(), 0, server.log());
});
