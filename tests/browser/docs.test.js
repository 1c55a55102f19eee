// What a person does at /docs, in a real browser. Run with ./scripts/test pages.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { newPage, start } from './browser.js';

const EMAIL = 'ada@example.com';
const PASSWORD = 'correct horse battery staple';
const LOGIN_PATH = '/api/v1/auth/login';
/** Swagger UI says so of every link whose operation id has a `_`, and ours have one on purpose. It follows the link. */
const KNOWN_CONSOLE_ERROR = 'Deprecated: escaping deep link whitespace with `_`';
const TIMEOUT = { timeout: 120_000 };

let server;
let browser;
let page;
/** Everything that a page of ours must not do; a test that provokes one takes it out. */
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
  const inspect = (url) => {
    const { protocol, host } = new URL(url);
    if (!['data:', 'blob:'].includes(protocol) && host !== new URL(server.origin).host) foreignRequests.push(url);
  };
  page.on('console', (message) => {
    if (message.type() !== 'error' || message.text().startsWith(KNOWN_CONSOLE_ERROR)) return;
    consoleErrors.push(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => consoleErrors.push(String(error)));
  page.context().on('request', (request) => inspect(request.url()));
  page.on('websocket', (socket) => inspect(socket.url()));
});

afterEach(async () => {
  // A broken script usually shows as a wait that ends in a timeout; this is its cause.
  for (const text of [...consoleErrors, ...foreignRequests]) console.log(`the page: ${text}`);
  await page.context().close();
});

async function post(path, body) {
  const response = await fetch(`${server.origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

/** Asserts what holds for every page, however the person got there. */
function assertCleanPage() {
  assert.deepEqual(consoleErrors, [], 'errors in the console');
  assert.deepEqual(foreignRequests, [], 'requests to another origin');
}

/** Gives the status of the answer; when it let the person in, the page has taken note of it. */
async function logIn(password) {
  await page.getByLabel('Email', { exact: true }).fill(EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(password);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => new URL(response.url()).pathname === LOGIN_PATH),
    page.getByRole('button', { name: 'Log in', exact: true }).click(),
  ]);
  if (answer.status() === 200) await page.getByRole('button', { name: 'Log out', exact: true }).waitFor();
  return answer.status();
}

/** The block of GET /users/me. */
function usersMe() {
  return page.locator('[id$="users_me"].opblock').first();
}

/** Clicks Execute, in the block that the deep link opens, and gives what the page shows of the answer. */
async function executeUsersMe() {
  const block = usersMe();
  await block.getByRole('button', { name: 'Execute', exact: true }).click();
  const response = block.locator('.live-responses-table .response');
  await response.waitFor();
  return {
    status: (await response.locator('.response-col_status').innerText()).trim(),
    body: await response.locator('.response-col_description').innerText(),
  };
}

async function assertNoHorizontalOverflow(where) {
  const { content, window } = await page.evaluate(() => ({
    content: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth),
    window: document.documentElement.clientWidth,
  }));
  assert.ok(content <= window, `${where}: the page is ${content} px wide in a window of ${window} px`);
}

test('a user registers through the API', TIMEOUT, async () => {
  const { status, body } = await post('/api/v1/auth/register', { email: EMAIL, password: PASSWORD });
  assert.equal(status, 201, JSON.stringify(body));
  assert.equal(body.email, EMAIL);
});

test('a person logs in at /docs, calls users/me there, and is still logged in after a reload', TIMEOUT, async () => {
  await page.goto(`${server.origin}/docs#/users/users_me`);
  assert.equal(await logIn(PASSWORD), 200);

  const first = await executeUsersMe();
  assert.equal(first.status, '200', first.body);
  assert.ok(first.body.includes(EMAIL), first.body);

  await page.reload();
  await page.getByRole('button', { name: 'Log out', exact: true }).waitFor();
  const second = await executeUsersMe();
  assert.equal(second.status, '200', second.body);
  assert.ok(second.body.includes(EMAIL), second.body);
  assertCleanPage();
});

test('after logging out the page shows nothing that it was told before', TIMEOUT, async () => {
  await page.goto(`${server.origin}/docs#/users/users_me`);
  assert.equal(await logIn(PASSWORD), 200);
  const first = await executeUsersMe();
  // The email is the document's example too; when the account was made is not.
  const [told] = /"created_at": "[^"]+"/.exec(first.body);
  await page.getByRole('button', { name: 'Log out', exact: true }).click();
  await page.getByRole('button', { name: 'Log in', exact: true }).waitFor();

  await page.locator('.live-responses-table').first().waitFor({ state: 'detached' });
  const text = await page.locator('body').innerText();
  assert.ok(!text.includes(told), 'the answer is gone');
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.ok(!kept.includes('eyJ'), kept);
  assertCleanPage();
});

test('a wrong password shows the sentence that the API answers', TIMEOUT, async () => {
  const password = `not ${PASSWORD}`;
  const { status, body } = await post(LOGIN_PATH, { email: EMAIL, password });
  assert.equal(status, 401, JSON.stringify(body));

  await page.goto(`${server.origin}/docs`);
  assert.equal(await logIn(password), 401);
  await page.getByText(body.message).first().waitFor();

  // Chromium itself writes every 401 to the console; this one was asked for, and once.
  const expected = consoleErrors.findIndex((text) => text.includes('401') && text.includes(LOGIN_PATH));
  if (expected >= 0) consoleErrors.splice(expected, 1);
  assertCleanPage();
});

test('on a phone the page does not scroll sideways', TIMEOUT, async () => {
  await page.setViewportSize({ width: 375, height: 667 });
  await page.goto(`${server.origin}/docs`);
  await page.locator('.opblock').first().waitFor();
  await assertNoHorizontalOverflow('all operations closed');
  await usersMe().locator('.opblock-summary-control').first().click();
  await usersMe().getByRole('button', { name: 'Execute', exact: true }).waitFor();
  await assertNoHorizontalOverflow('users_me open');
  assertCleanPage();
});

test('the service ends with exit code 0 when it is asked to', TIMEOUT, async () => {
  const code = await server.stop();
  assert.equal(code, 0, server.log());
});
