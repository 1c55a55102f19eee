// The service's messages, verified by the libraries of Standard Webhooks for JavaScript and Python. Run with
// ./scripts/test clients.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { startServer } from '../browser/server.js';

const ROOT = { email: 'root@example.com', password: 'correct horse battery staple' };
const TIMEOUT = { timeout: 120_000 };

let server;
let receiver;
let token;
/** The messages that nobody has looked at, and who waits for one. */
const messages = [];
let arrived = () => {};

before(async () => {
  for (const name of ['GROUNDWORK_BIN', 'WEBHOOKS_PYTHON']) {
    assert.ok(process.env[name], `${name} is not set: run ./scripts/test clients`);
  }
  server = await startServer(process.env.GROUNDWORK_BIN);
  server.run(['user', 'create', '--email', ROOT.email, '--superuser', '--password-stdin'], ROOT.password);
  token = (await call('POST', '/auth/login', ROOT)).access_token;
  receiver = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    response.writeHead(204).end();
    messages.push({ headers: request.headers, body });
    arrived();
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
});

after(async () => {
  receiver?.close();
  await server?.stop();
});

async function call(method, path, body) {
  const response = await fetch(`${server.origin}/api/v1${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

async function nextMessage() {
  while (messages.length === 0) await new Promise((resolve) => (arrived = resolve));
  return messages.shift();
}

/** What each library makes of a message; it throws if the library refuses it. */
const LIBRARIES = {
  javascript: (secret, { headers, body }) => new Webhook(secret).verify(body, headers),
  python: (secret, message) => {
    const script = new URL('verify.py', import.meta.url).pathname;
    const { status, stdout, stderr } = spawnSync(process.env.WEBHOOKS_PYTHON, [script], {
      input: JSON.stringify({ secret, ...message }),
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr.trim().split('\n').at(-1));
    return JSON.parse(stdout);
  },
};

async function createWebhook() {
  const { port } = receiver.address();
  return call('POST', '/webhooks', { url: `http://127.0.0.1:${port}/hooks`, events: ['user.created'] });
}

for (const [language, verify] of Object.entries(LIBRARIES)) {
  test(`${language}: accepts messages, also of a rotated secret, and refuses forged ones`, TIMEOUT, async () => {
    const { id, secret } = await createWebhook();
    await call('POST', `/webhooks/${id}/test`);
    const trial = await nextMessage();
    assert.deepEqual(verify(secret, trial).data, { webhook_id: id });

    const rotated = (await call('POST', `/webhooks/${id}/rotate-secret`)).secret;
    assert.notEqual(rotated, secret);
    const email = `${language}.é@example.com`;
    await call('POST', '/users', { email, password: ROOT.password, full_name: 'Zoë "Z" 😀' });
    const message = await nextMessage();
    for (const each of [secret, rotated]) {
      const event = verify(each, message);
      assert.equal(event.type, 'user.created');
      assert.deepEqual([event.data.email, event.data.full_name], [email, 'Zoë "Z" 😀']);
    }

    const forged = /signature/i;
    assert.throws(() => verify(rotated, { ...message, body: message.body.replace('Z', 'Y') }), forged);
    assert.throws(() => verify(rotated, trial), forged, 'it was sent before this secret');
    const other = { ...message.headers, 'webhook-id': trial.headers['webhook-id'] };
    assert.throws(() => verify(secret, { ...message, headers: other }), forged);
    const old = { ...message.headers, 'webhook-timestamp': '1600000000' };
    assert.throws(() => verify(secret, { ...message, headers: old }), /too old/i);
    await fetch(`${server.origin}/api/v1/webhooks/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } });
  });
}
