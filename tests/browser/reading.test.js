// What a person does at /redoc, in a real browser. Run with ./scripts/test browser.
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
    if (new URL(request.url()).host !== new URL(server.origin).host) foreignRequests.push(request.url());
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

/** Waits until the page has gone there. */
async function assertInView(id) {
  await page.waitForURL((url) => url.hash === `#${id}`);
  await page.waitForFunction((id) => {
    const { top } = document.getElementById(id).getBoundingClientRect();
    return top >= 0 && top < 200;
  }, id);
}

test('the page names every operation of the document and uses its style sheet', TIMEOUT, async () => {
  await page.goto(`${server.origin}/redoc`);
  const document = await (await fetch(`${server.origin}/openapi.json`)).json();
  const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
  assert.ok(operations.length > 0);
  for (const { operationId, summary } of operations) {
    assert.equal(await page.locator(`article[id="${operationId}"] h3`).innerText(), summary);
  }
  assert.equal(await page.locator('nav').evaluate((nav) => getComputedStyle(nav).position), 'sticky');
  assert.equal(await page.locator('script').count(), 0);
  assertCleanPage();
});

test('a deep link leads to its operation, and its links lead on', TIMEOUT, async () => {
  await page.goto(`${server.origin}/redoc#users_list`);
  await assertInView('users_list');

  await page.locator('#users_list').getByRole('link', { name: 'UserPage', exact: true }).click();
  await assertInView('UserPage');

  await page.getByRole('navigation', { name: 'Contents' }).getByRole('link', { name: 'Log in' }).click();
  await assertInView('auth_login');
  assertCleanPage();
});

test('an example is folded until someone asks for it', TIMEOUT, async () => {
  await page.goto(`${server.origin}/redoc#users_me`);
  const answer = page.locator('#users_me tr', { has: page.getByRole('rowheader', { name: '401' }) });
  const example = answer.locator('pre').first();
  assert.equal(await example.isVisible(), false);
  await answer.getByText('2 examples').click();
  await example.waitFor();
  assert.equal(JSON.parse(await example.innerText()).error, 'unauthorized');
  assertCleanPage();
});

test('a person gets from reading to trying and back', TIMEOUT, async () => {
  await page.goto(`${server.origin}/redoc`);
  await page.locator('#users_me').getByRole('link', { name: 'Try it' }).click();
  await page.locator('[id$="users_me"].opblock .opblock-body').waitFor();
  await page.getByRole('link', { name: 'Read the reference' }).click();
  await page.waitForURL((url) => url.pathname === '/redoc');
  await page.getByRole('heading', { level: 1 }).waitFor();
  assert.deepEqual(foreignRequests, [], 'requests to another origin');
});

test('on a phone the page does not scroll sideways', TIMEOUT, async () => {
  await page.setViewportSize({ width: 375, height: 667 });
  await page.goto(`${server.origin}/redoc`);
  // All at once, because there are many: a click of the mouse for each takes long.
  await page.locator('summary').evaluateAll((summaries) => summaries.forEach((summary) => summary.click()));
  assert.equal(await page.locator('details:not([open])').count(), 0);
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
