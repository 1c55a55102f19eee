import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { verifyWebhook, WebhookError, type WebhookProblem } from 'groundwork-client';

interface Case {
  name: string;
  secret: string;
  headers: Record<string, string>;
  body: string;
  now: number;
  error: WebhookProblem | null;
}

// From build/test, where the compiled test is.
const { cases } = JSON.parse(readFileSync(new URL('../../../webhooks.json', import.meta.url), 'utf8')) as {
  cases: Case[];
};

for (const { name, secret, headers, body, now, error } of cases) {
  test(`a webhook message is ${error ? 'refused' : 'accepted'}: ${name}`, async () => {
    const at = new Date(now * 1000);
    const bytes = new TextEncoder().encode(body);
    const forms = [
      () => verifyWebhook(secret, headers, body, at),
      () => verifyWebhook(secret, new Headers(headers), bytes, at),
    ];
    for (const verify of forms) {
      if (error === null) await verify();
      else await assert.rejects(verify, (thrown) => thrown instanceof WebhookError && thrown.problem === error);
    }
  });
}

test('a message of long ago is refused by the clock of the machine', async () => {
  const first = cases[0];
  assert.ok(first);
  await assert.rejects(verifyWebhook(first.secret, first.headers, first.body), { problem: 'timestamp' });
});
