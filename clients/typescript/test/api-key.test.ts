import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Groundwork, GroundworkError } from 'groundwork-client';
import { BASE_URL, failure } from './fake-service.js';

test('an API key is sent as it is and never refreshed', async () => {
  const seen: string[] = [];
  const fetch = (request: Request) => {
    seen.push(`${request.method} ${new URL(request.url).pathname} ${request.headers.get('Authorization')}`);
    const isRead = request.method === 'GET';
    return Promise.resolve(isRead ? failure(401, 'invalid_token') : failure(403, 'insufficient_scope'));
  };
  const service = new Groundwork({ baseUrl: BASE_URL, fetch, apiKey: 'gwk_secret' });
  const fails = (code: string) => (error: unknown) => error instanceof GroundworkError && error.code === code;
  await assert.rejects(service.users.me(), fails('invalid_token'));
  await assert.rejects(service.users.meUpdate({ full_name: 'Ada' }), fails('insufficient_scope'));
  assert.deepEqual(seen, [
    'GET /api/v1/users/me Bearer gwk_secret',
    'PATCH /api/v1/users/me Bearer gwk_secret',
  ]);
  assert.ok(!`${inspect(service, { depth: 10 })} ${JSON.stringify(service)}`.includes('secret'));
});
