import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Groundwork, GroundworkError } from 'groundwork-client';
import { ADA, BASE_URL, failure, json } from './fake-service.js';

const CREDENTIALS = { email: ADA.email, password: 'correct horse battery staple' };

/** A client of a service that gives every request the same answer. */
function clientOf(answer: () => Response) {
  const requests: string[] = [];
  const fetch = async (request: Request) => {
    const { pathname, search } = new URL(request.url);
    requests.push(`${request.method} ${pathname}${search} ${await request.text()}`.trimEnd());
    return answer();
  };
  return { client: new Groundwork({ baseUrl: BASE_URL, fetch }), requests };
}

test('a method sends the path, the query and the body of its operation', async () => {
  const { client, requests } = clientOf(() => json(200, ADA));
  assert.deepEqual(await client.users.get(7), ADA);
  assert.deepEqual(await client.users.update(7, { full_name: null }), ADA);
  assert.deepEqual(await client.auth.register(CREDENTIALS), ADA);
  assert.deepEqual(requests, [
    'GET /api/v1/users/7',
    'PATCH /api/v1/users/7 {"full_name":null}',
    `POST /api/v1/auth/register ${JSON.stringify(CREDENTIALS)}`,
  ]);
});

test('a method without content returns nothing', async () => {
  const { client, requests } = clientOf(() => new Response(null, { status: 204 }));
  assert.equal(await client.users.delete(7), undefined);
  assert.deepEqual(requests, ['DELETE /api/v1/users/7']);
});

test('a method throws the error of the service', async () => {
  const { client } = clientOf(() => failure(403, 'forbidden'));
  await assert.rejects(client.users.get(7), (error) => error instanceof GroundworkError && error.code === 'forbidden');
  await assert.rejects(client.users.list().page(), { status: 403 });
});

test('a list gives its items page by page, as often as it is iterated over', async () => {
  const { client, requests } = clientOf(() =>
    json(200, { items: [ADA], next_page: requests.length % 2 === 1 ? 'second' : null }),
  );
  const users = client.users.list({ email: 'a', limit: 1 });
  assert.deepEqual(requests, [], 'nothing is requested before the first item is needed');
  for (let time = 1; time <= 2; time += 1) {
    let count = 0;
    for await (const user of users) count += user.id;
    assert.equal(count, 2);
  }
  const both = ['GET /api/v1/users?email=a&limit=1', 'GET /api/v1/users?email=a&limit=1&page_token=second'];
  assert.deepEqual(requests, [...both, ...both]);
});

test('a page can be requested by its token', async () => {
  const { client, requests } = clientOf(() => json(200, { items: [ADA], next_page: null }));
  const { items, next_page } = await client.users.list({ limit: 1 }).page('second');
  assert.deepEqual([items, next_page], [[ADA], null]);
  assert.deepEqual(requests, ['GET /api/v1/users?limit=1&page_token=second']);
});

test('login opens a session with the same options', async () => {
  const pair = { access_token: 'secret', refresh_token: 'secret', token_type: 'bearer', expires_in: 1800 };
  const { client, requests } = clientOf(() => json(200, requests.length === 1 ? pair : ADA));
  const session = await client.login(CREDENTIALS);
  assert.deepEqual(await session.users.me(), ADA);
  assert.equal(requests.length, 2);
  assert.doesNotMatch(inspect(session, { depth: null }) + JSON.stringify(session), /secret/);
});

test('a misspelt field or filter, or another type, does not compile', () => {
  const { client } = clientOf(() => json(200, ADA));
  const wrong = [
    // @ts-expect-error there is no such filter
    () => client.users.list({ emial: 'a' }),
    // @ts-expect-error the pager adds it
    () => client.users.list({ page_token: 'second' }),
    // @ts-expect-error there is no such field
    () => client.users.update(7, { fullname: null }),
    // @ts-expect-error an id is a number
    () => client.users.get('7'),
  ];
  assert.equal(wrong.length, 4);
});
