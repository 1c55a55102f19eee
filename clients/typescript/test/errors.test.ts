import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Api, createApi, GroundworkError, unwrap } from 'groundwork-client';
import { BASE_URL, failure, json } from './fake-service.js';

function answering(response: Response): Api {
  return createApi({ baseUrl: BASE_URL, fetch: async () => response });
}

test('a validation error names its fields', async () => {
  const fields = [{ field: 'email', rule: 'format', message: 'must contain an @' }];
  const body = { success: false, error: 'validation_error', message: 'No.', details: { fields }, request_id: 'r1' };
  const call = unwrap(answering(json(422, body)).GET('/api/v1/users'));
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof GroundworkError);
    assert.deepEqual([error.status, error.code, error.requestId], [422, 'validation_error', 'r1']);
    assert.deepEqual(error.fields, fields);
    return true;
  });
});

test('a code that the client does not know is kept, beside its status', async () => {
  const { error, response } = await answering(failure(409, 'of_tomorrow')).GET('/api/v1/users/me');
  assert.equal(error?.error, 'of_tomorrow');
  assert.equal(response.status, 409);
});

test('what is not an answer of the service is thrown, without a code', async () => {
  const answers = [new Response('<html>Bad Gateway</html>', { status: 502 }), new Response(null, { status: 502 })];
  for (const answer of answers) {
    await assert.rejects(answering(answer).GET('/api/v1/users/me'), { status: 502, code: undefined });
  }
});

test('an operation without an answer resolves to undefined', async () => {
  assert.equal(await unwrap(answering(new Response(null, { status: 204 })).DELETE('/api/v1/users/me')), undefined);
});
