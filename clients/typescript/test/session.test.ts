import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { inspect } from 'node:util';
import { GroundworkError, Session, unwrap } from 'groundwork-client';
import { ADA, BASE_URL, failure, FakeService, json, tokens } from './fake-service.js';

const REFRESH = 'POST /api/v1/auth/refresh';
const ME = '/api/v1/users/me';

let service: FakeService;
let refreshes: number;
let session: Session;

beforeEach(async () => {
  service = new FakeService();
  refreshes = 0;
  session = await Session.login(
    { baseUrl: BASE_URL, fetch: service.fetch, onRefresh: () => (refreshes += 1) },
    { email: ADA.email, password: 'correct horse battery staple' },
  );
});

/** A promise and the function that fulfils it. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

function connectionLost(): never {
  throw new TypeError('fetch failed');
}

test('parallel calls with an expired token share one refresh', async () => {
  service.expire();
  const calls = Array.from({ length: 4 }, () => unwrap(session.api.GET(ME)));
  assert.deepEqual(await Promise.all(calls), Array(4).fill(ADA));
  assert.equal(service.count(REFRESH), 1);
  assert.equal(refreshes, 1);
  assert.deepEqual(session.tokens, tokens(2));
});

test('a call that was sent with an older token than the present one is only repeated', async () => {
  const answered = gate();
  let first = true;
  const fetch = async (request: Request) => {
    const isFirst = first;
    first = false;
    const response = await service.fetch(request);
    if (isFirst) await answered.opened;
    return response;
  };
  const slow = new Session({ baseUrl: BASE_URL, fetch }, tokens(1));
  service.expire();
  const late = unwrap(slow.api.GET(ME));
  await unwrap(slow.api.GET(ME));
  answered.open();
  assert.deepEqual(await late, ADA);
  assert.equal(service.count(REFRESH), 1);
});

test('a repeated request has its body', async () => {
  service.expire();
  await unwrap(session.api.PATCH(ME, { body: { full_name: null } }));
  assert.equal(service.lastBody, '{"full_name":null}');
});

test('a refused refresh ends the session: the error of the call, and no refresh for later calls', async () => {
  service.generation += 2;
  const refused = await Promise.all([session.api.GET(ME), session.api.GET(ME)]);
  for (const { error, response } of refused) {
    assert.equal(response.status, 401);
    assert.equal(error?.error, 'invalid_token');
  }
  assert.equal(session.tokens, undefined);
  assert.equal((await session.api.GET(ME)).error?.error, 'unauthorized');
  assert.equal(service.count(REFRESH), 1);
  assert.equal(refreshes, 0);
});

test('a refused repetition is not refreshed again', async () => {
  service.expire();
  service.refreshAnswers.push(() => json(200, tokens(7)));
  assert.equal((await session.api.GET(ME)).error?.error, 'invalid_token');
  assert.equal(service.count(REFRESH), 1);
});

test('a refresh whose answer was lost is asked for again at once', async () => {
  service.expire();
  service.refreshAnswers.push(connectionLost);
  assert.deepEqual(await unwrap(session.api.GET(ME)), ADA);
  assert.equal(service.count(REFRESH), 2);
});

test('a network failure during a refresh keeps the token', async () => {
  service.expire();
  service.refreshAnswers.push(connectionLost, connectionLost);
  await assert.rejects(session.api.GET(ME), TypeError);
  assert.deepEqual(session.tokens, tokens(1));
  assert.deepEqual(await unwrap(session.api.GET(ME)), ADA);
});

test('a refresh that the service cannot answer now keeps the token', async () => {
  service.expire();
  service.refreshAnswers.push(() => failure(503, 'service_unavailable'));
  await assert.rejects(session.api.GET(ME), { status: 503, code: 'service_unavailable' });
  assert.deepEqual(await unwrap(session.api.GET(ME)), ADA);
});

test('logging out forgets the tokens, also when the session is over', async () => {
  await session.logout();
  assert.equal(session.tokens, undefined);
  await session.logout();
});

test('tokens that arrive after the logout are dropped', async () => {
  const arrived = gate();
  const answered = gate();
  service.refreshAnswers.push(async () => {
    arrived.open();
    await answered.opened;
    return json(200, tokens(2));
  });
  service.expire();
  const call = session.api.GET(ME);
  await arrived.opened;
  service.generation = 1;
  await session.logout();
  answered.open();
  assert.equal((await call).error?.error, 'invalid_token');
  assert.equal(session.tokens, undefined);
});

test('no token is shown by a session or an error', async () => {
  service.expire();
  service.refreshAnswers.push(() => failure(503, 'service_unavailable'));
  const error: unknown = await session.api.GET(ME).catch((reason: unknown) => reason);
  assert.ok(error instanceof GroundworkError);
  for (const value of [session, session.api, error]) {
    const shown = inspect(value, { depth: null, showHidden: true }) + JSON.stringify(value) + String(value);
    assert.doesNotMatch(shown, /access-1|refresh-1/);
  }
});
