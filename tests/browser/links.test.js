// The pages of the links in mails, in a real browser on a small screen. Run with ./scripts/test pages.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { newPage, start } from './browser.js';

const API = '/api/v1';
const PASSWORD = 'correct horse battery staple';
const NEW_PASSWORD = 'a staple of other horses';
const PHONE = { width: 320, height: 568 };
const TIMEOUT = { timeout: 120_000 };
const SPENT = 'This link has expired or was used before. Ask for a new one.';

let server;
let browser;
let page;
/** What a page must not do; a test that provokes one takes it out. */
let consoleErrors;
let foreignRequests;
/** The requests of the page, as `METHOD path`. */
let requests;

before(async () => {
  ({ server, browser } = await start());
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

beforeEach(async () => {
  page = await newPage(browser, PHONE);
  [consoleErrors, foreignRequests, requests] = [[], [], []];
  page.on('console', (message) => {
    if (message.type() === 'error') consoleErrors.push(message.text());
  });
  page.on('pageerror', (error) => consoleErrors.push(String(error)));
  page.on('request', (request) => {
    const { protocol, host, pathname } = new URL(request.url());
    if (protocol === 'data:') return;
    requests.push(`${request.method()} ${pathname}`);
    if (host !== new URL(server.origin).host) foreignRequests.push(request.url());
  });
});

afterEach(async () => {
  for (const text of [...consoleErrors, ...foreignRequests]) console.log(`the page: ${text}`);
  await page.context().close();
});

async function post(path, body, token) {
  const response = await fetch(`${server.origin}${API}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text && JSON.parse(text) };
}

async function expect(status, answer) {
  const { status: found, body } = await answer;
  assert.equal(found, status, JSON.stringify(body));
  return body;
}

/** Waits for the newest link to a page that was mailed to an address, and gives its path. */
async function mailed(name, email, count = 1) {
  const link = new RegExp(`to="${email.replaceAll('.', '\\.')}" link="[^"]*(/${name}\\?token=[\\w-]+)"`, 'g');
  for (;;) {
    const found = [...server.log().matchAll(link)].map((match) => match[1]);
    if (found.length >= count) return found.at(-1);
    await sleep(50);
  }
}

async function register(email) {
  await expect(201, post('/auth/register', { email, password: PASSWORD }));
  return mailed('verify-email', email);
}

async function logIn(email, password = PASSWORD) {
  const tokens = await expect(200, post('/auth/login', { email, password }));
  return tokens.access_token;
}

async function currentUser(token) {
  const response = await fetch(`${server.origin}${API}/users/me`, { headers: { authorization: `Bearer ${token}` } });
  return response.json();
}

/** Opens a link as a person does, and asserts what holds for all of these pages. */
async function open(path) {
  const response = await page.goto(`${server.origin}${path}`);
  const policy = response.headers()['content-security-policy'];
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"]) {
    assert.ok(policy.split('; ').includes(part), policy);
  }
  assert.ok(!policy.includes('unsafe'), policy);
  assert.equal(response.headers()['referrer-policy'], 'no-referrer');
  assert.equal(response.headers()['cache-control'], 'no-store');
  // The token works like a password, so it is not left where others see it.
  assert.equal(new URL(page.url()).search, '');
  await page.locator('#form:not([hidden]), #problem:not(:empty)').first().waitFor();
  const { content, window } = await page.evaluate(() => ({
    content: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
  }));
  assert.ok(content <= window, `the page is ${content} px wide in a window of ${window} px`);
}

/** Moves the focus by the keyboard to the element with this id. */
async function tabTo(id) {
  for (let presses = 0; presses < 10; presses += 1) {
    await page.keyboard.press('Tab');
    if ((await page.evaluate(() => document.activeElement?.id)) === id) return;
  }
  assert.fail(`${id} cannot be reached by the keyboard`);
}

async function says(role, text) {
  await page.getByRole(role).filter({ hasText: text }).waitFor();
}

/** Chromium reports each refused request; the test has provoked `count` of them. */
function assertClean(count = 0) {
  const refused = consoleErrors.filter((text) => text.startsWith('Failed to load resource'));
  assert.equal(refused.length, count, 'refused requests');
  assert.deepEqual(consoleErrors.filter((text) => !refused.includes(text)), [], 'errors in the console');
  assert.deepEqual(foreignRequests, [], 'requests to another origin');
}

test('an email is verified with the keyboard alone, once, and opening the link spends nothing', TIMEOUT, async () => {
  const link = await register('ada@example.com');
  await open(link);
  await open(link);
  assert.deepEqual(requests.filter((request) => request.startsWith('POST')), []);
  const { height } = await page.getByRole('button').boundingBox();
  assert.ok(height >= 44, `a button of ${height} px is hard to hit with a finger`);
  await tabTo('submit');
  const outline = await page.getByRole('button').evaluate((button) => getComputedStyle(button).outlineStyle);
  assert.notEqual(outline, 'none', 'the focus is visible');
  await page.keyboard.press('Enter');
  await says('status', 'Your email address is verified.');
  assert.ok(!(await page.getByRole('button').isVisible()));
  assert.deepEqual(requests.filter((request) => request.startsWith('POST')), [`POST ${API}/auth/verify-email`]);
  assert.equal((await currentUser(await logIn('ada@example.com'))).is_verified, true);
  assertClean();

  await open(link);
  await page.getByRole('button').click();
  await says('alert', SPENT);
  assertClean(1);
});

test('a forgotten password is replaced, and a password that is refused leaves the link valid', TIMEOUT, async () => {
  const email = 'grace@example.com';
  await register(email);
  await expect(202, post('/auth/forgot-password', { email }));
  const link = await mailed('reset-password', email);
  await open(link);
  const field = page.getByLabel('New password');
  await tabTo('password');

  // The browser refuses a short one by itself.
  await page.keyboard.type('short');
  await page.keyboard.press('Enter');
  assert.equal(await field.evaluate((input) => input.validity.tooShort), true);
  assert.deepEqual(requests.filter((request) => request.startsWith('POST')), []);

  await field.fill('password1');
  await page.keyboard.press('Enter');
  await says('alert', /common/);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'password');

  await field.fill(NEW_PASSWORD);
  assert.equal(await field.getAttribute('type'), 'password');
  await tabTo('show');
  await page.keyboard.press('Space');
  assert.equal(await field.getAttribute('type'), 'text');
  await tabTo('submit');
  await page.keyboard.press('Enter');
  await says('status', 'Your password is changed.');
  assert.equal(await field.inputValue(), '', 'the password does not stay in the page');
  await logIn(email, NEW_PASSWORD);
  await expect(401, post('/auth/login', { email, password: PASSWORD }));
  assertClean(1);

  await open(link);
  await page.getByLabel('New password').fill(NEW_PASSWORD);
  await page.keyboard.press('Enter');
  await says('alert', SPENT);
  assertClean(2);
});

test('a new address is confirmed, and a newer link replaces the older one', TIMEOUT, async () => {
  const [email, next] = ['joan@example.com', 'joan.clarke@example.com'];
  await register(email);
  const token = await logIn(email);
  const request = () => post('/users/me/email', { email: next, current_password: PASSWORD }, token);
  await expect(202, request());
  const older = await mailed('confirm-email', next);
  await expect(202, request());
  const newer = await mailed('confirm-email', next, 2);

  await open(older);
  await page.getByRole('button').click();
  await says('alert', SPENT);
  assertClean(1);

  await open(newer);
  await tabTo('submit');
  await page.keyboard.press('Space');
  await says('status', 'Your account uses the new email address now.');
  const user = await currentUser(await logIn(next));
  assert.deepEqual([user.email, user.is_verified], [next, true]);
  assertClean(1);
});

test('a link that is wrong or not complete says so', TIMEOUT, async () => {
  for (const name of ['verify-email', 'reset-password', 'confirm-email']) {
    await open(`/${name}`);
    await says('alert', 'This link is not complete. Open the link in the mail again.');
    assert.ok(!(await page.getByRole('button').isVisible()), name);
  }
  assert.deepEqual(requests.filter((request) => request.startsWith('POST')), []);
  assertClean();

  await open('/verify-email?token=wrong');
  await page.getByRole('button').click();
  await says('alert', SPENT);
  assertClean(1);
});

test('a page says what to do while the service cannot be reached', TIMEOUT, async () => {
  await open('/verify-email?token=any');
  await page.context().setOffline(true);
  await page.getByRole('button').click();
  await says('alert', 'The server cannot be reached. Check your connection and try again.');
  assert.ok(await page.getByRole('button').isEnabled());
});
