import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { createApi, Groundwork, type Retry } from 'groundwork-client';
import { ADA, BASE_URL, failure, json } from './fake-service.js';

const NEW_USER = { email: ADA.email, password: 'correct horse battery staple' };

let bodies: string[];
let retries: Retry[];

beforeEach(() => {
  bodies = [];
  retries = [];
});

/** Refuses `times` requests with `status`, and then responds. */
function refusing(times: number, status: number, retryAfter?: string, onRetry = (retry: Retry) => void retries.push(retry)) {
  const headers = retryAfter === undefined ? undefined : { 'Retry-After': retryAfter };
  const fetch = async (request: Request) => {
    bodies.push(await request.text());
    return bodies.length > times ? json(201, ADA) : failure(status, 'busy', headers);
  };
  return createApi({ baseUrl: BASE_URL, fetch, onRetry });
}

test('a limited request is sent again with its body, whatever its method', async () => {
  const { response } = await refusing(2, 429, '0').POST('/api/v1/auth/register', { body: NEW_USER });
  assert.equal(response.status, 201);
  assert.deepEqual(bodies, Array(3).fill(JSON.stringify(NEW_USER)));
  const retry = { method: 'POST', path: '/api/v1/auth/register', status: 429, seconds: 0 };
  assert.deepEqual(retries, [retry, retry]);
});

test('after three retries the error is given', async () => {
  const { response } = await refusing(9, 429, '0').GET('/api/v1/users/me');
  assert.equal(response.status, 429);
  assert.equal(bodies.length, 4);
});

test('an unavailable service is asked again where that is safe', async () => {
  assert.equal((await refusing(1, 503, '0').GET('/api/v1/users/me')).response.status, 201);
  bodies = [];
  assert.equal((await refusing(1, 503, '0').DELETE('/api/v1/users/me')).response.status, 201);
});

test('an unavailable service is not asked again where that may do it twice', async () => {
  assert.equal((await refusing(1, 503, '0').POST('/api/v1/auth/register', { body: NEW_USER })).response.status, 503);
  bodies = [];
  assert.equal((await refusing(1, 503, '0').PATCH('/api/v1/users/me', { body: {} })).response.status, 503);
});

test('other errors are not retried', async () => {
  assert.equal((await refusing(1, 500).GET('/api/v1/users/me')).response.status, 500);
});

test('Retry-After may be a date', async () => {
  const past = new Date(Date.now() - 5_000).toUTCString();
  assert.equal((await refusing(1, 429, past).GET('/api/v1/users/me')).response.status, 201);
});

test('a wait of more than a minute is not begun', async () => {
  for (const retryAfter of ['61', new Date(Date.now() + 120_000).toUTCString()]) {
    bodies = [];
    assert.equal((await refusing(1, 429, retryAfter).GET('/api/v1/users/me')).response.status, 429);
  }
  assert.deepEqual(retries, []);
});

test('the wait is as long as Retry-After says, a second without one, and can be aborted', async () => {
  for (const [retryAfter, seconds] of [['30', 30], [undefined, 1], ['soon', 1]] as const) {
    const controller = new AbortController();
    let waited: number | undefined;
    bodies = [];
    const api = refusing(1, 429, retryAfter, (retry) => {
      waited = retry.seconds;
      setImmediate(() => controller.abort());
    });
    await assert.rejects(api.GET('/api/v1/users/me', { signal: controller.signal }), { name: 'AbortError' });
    assert.equal(waited, seconds);
  }
});

test('an unavailable service is asked again with the same idempotency key, which every call has', async () => {
  const keys: (string | null)[] = [];
  const fetch = async (request: Request) => {
    keys.push(request.headers.get('Idempotency-Key'));
    return keys.length % 2 === 0 ? json(201, ADA) : failure(503, 'busy', { 'Retry-After': '0' });
  };
  const { users } = new Groundwork({ baseUrl: BASE_URL, fetch });
  await users.create(NEW_USER);
  await users.create(NEW_USER);
  await users.create(NEW_USER, { idempotencyKey: 'mine' });
  assert.match(keys[0] ?? '', /^[0-9a-f]{32}$/);
  assert.deepEqual([keys[0], keys[2], keys[4]], [keys[1], keys[3], keys[5]]);
  assert.notEqual(keys[0], keys[2]);
  assert.equal(keys[4], 'mine');
});

test('a change can have a condition', async () => {
  const conditions: (string | null)[] = [];
  const fetch = async (request: Request) => {
    conditions.push(request.headers.get('If-Match'));
    return json(200, ADA);
  };
  const { users } = new Groundwork({ baseUrl: BASE_URL, fetch });
  await users.update(1, {}, { ifMatch: '"tag"' });
  await users.update(1, {});
  assert.deepEqual(conditions, ['"tag"', null]);
});

test('without Web Crypto, as in Node 18, every call has a key of its own as well', async (context) => {
  const found = Object.getOwnPropertyDescriptor(globalThis, 'crypto');
  context.after(() => found && Object.defineProperty(globalThis, 'crypto', found));
  Object.defineProperty(globalThis, 'crypto', { value: undefined, configurable: true });
  const keys: (string | null)[] = [];
  const fetch = async (request: Request) => {
    keys.push(request.headers.get('Idempotency-Key'));
    return json(201, ADA);
  };
  const client = new Groundwork({ baseUrl: BASE_URL, fetch });
  for (let call = 0; call < 2; call += 1) await client.users.create(NEW_USER);
  for (const key of keys) assert.match(key ?? '', /^[0-9a-f]{32}$/);
  assert.equal(new Set(keys).size, 2);
});
