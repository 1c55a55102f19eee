// The steps of clients/scenario.json, by name.
import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import {
  type ApiKeyWithSecret,
  Groundwork,
  Session,
  type User,
  verifyWebhook,
  WebhookError,
  type WebhookWithSecret,
} from 'groundwork-client';
import { expectError, expectRefusal, type Step, type World } from './world.js';

type Run = (world: World, step: Step) => Promise<void>;

export const steps: Record<string, Run> = {
  // By method and path, because the step needs the status.
  async register({ anonymous, scenario }, { expect }) {
    const { data, response } = await anonymous.api.POST('/api/v1/auth/register', { body: scenario.user });
    strictEqual(response.status, expect.status);
    strictEqual(data?.email, expect.email);
    strictEqual(data.full_name, expect.full_name);
    strictEqual(data.is_superuser, expect.is_superuser);
  },

  async duplicate({ anonymous, scenario }, { expect }) {
    await expectError(anonymous.auth.register(scenario.user), expect);
  },

  async invalid({ anonymous }, { body, expect }) {
    const fields = await expectError(anonymous.auth.register(body), expect);
    deepStrictEqual(fields.sort(), [...expect.fields].sort());
  },

  async login(world, { expect }) {
    const { tokens } = await world.login();
    strictEqual(tokens?.token_type, expect.token_type);
    strictEqual(tokens.expires_in, expect.expires_in);
  },

  async me({ user }, { expect }) {
    const me = await user.users.me();
    strictEqual(me.email, expect.email);
    strictEqual(me.full_name, expect.full_name);
  },

  async patch_absent({ user }, { expect }) {
    const me = await user.users.meUpdate({});
    strictEqual(me.full_name, expect.full_name);
  },

  async patch_null({ user }, { expect }) {
    const me = await user.users.meUpdate({ full_name: null });
    strictEqual(me.full_name, expect.full_name);
  },

  async forbidden({ user }, { expect }) {
    await expectError(user.users.list().page(), expect);
  },

  async pages(world, { limit, email, expect }) {
    const admin = await world.admin();
    const before = world.adminRequests;
    const ids: number[] = [];
    for await (const user of admin.users.list({ limit, email })) ids.push(user.id);
    strictEqual(ids.length, expect.count);
    strictEqual(world.adminRequests - before, expect.calls);
    ok(ids.every((id, index) => index === 0 || id > (ids[index - 1] ?? id)));
  },

  async not_found(world, { id, expect }) {
    const admin = await world.admin();
    await expectError(admin.users.get(id), expect);
    await expectRefusal(admin.api.GET('/api/v1/users/{id}', { params: { path: { id } } }), expect);
  },

  async sorted_pages(world, { limit, email, sort, expect }) {
    const admin = await world.admin();
    const before = world.adminRequests;
    const ids: number[] = [];
    for await (const user of admin.users.list({ limit, email, sort })) ids.push(user.id);
    strictEqual(ids.length, expect.count);
    strictEqual(world.adminRequests - before, expect.calls);
    ok(ids.every((id, index) => index === 0 || id < (ids[index - 1] ?? id)));
  },

  async api_key(world, { key, expect }) {
    const admin = await world.admin();
    const created = await admin.apiKeys.create(key);
    world.keep('key', created);
    deepStrictEqual(created.scopes, expect.scopes);
    strictEqual((await withKey(world).users.me()).email, expect.email);
  },

  async insufficient_scope(world, { body, expect }) {
    await expectError(withKey(world).users.create(body), expect);
  },

  async deleted_api_key(world, { expect }) {
    const admin = await world.admin();
    await admin.apiKeys.delete(world.kept<ApiKeyWithSecret>('key').id);
    await expectError(withKey(world).users.me(), expect);
  },

  async sessions(world, { expect }) {
    world.keep('other', await world.anotherSession());
    const sessions = [];
    for await (const session of world.user.auth.sessionsList()) sessions.push(session);
    const others = sessions.filter(({ is_current }) => !is_current);
    strictEqual(sessions.length, expect.count);
    strictEqual(sessions.length - others.length, expect.current);
    world.keep('other id', others[0]?.id);
  },

  async revoked_session(world, { expect }) {
    await world.user.auth.sessionsRevoke(world.kept<string>('other id'));
    await expectError(world.kept<Session>('other').users.me(), expect);
  },

  async logout_all(world, { expect }) {
    const other = await world.anotherSession();
    await world.user.auth.logoutAll();
    await world.user.users.me();
    await expectError(other.users.me(), expect);
  },

  async lost_response(world, { body, expect }) {
    const admin = await world.admin();
    const before = world.retries;
    await world.loseResponse();
    const user = await admin.users.create(body);
    strictEqual(world.replayed, expect.replayed);
    strictEqual(user.email, expect.email);
    strictEqual(world.retries - before, expect.retries);
    const { items } = await admin.users.list({ email: user.email }).page();
    strictEqual(items.length, expect.count);
  },

  async own_key(world, { body, idempotency_key: idempotencyKey, expect }) {
    const admin = await world.admin();
    const first = await admin.users.create(body, { idempotencyKey });
    strictEqual(world.replayed, null);
    const second = await admin.users.create(body, { idempotencyKey });
    strictEqual(world.replayed, expect.replayed);
    strictEqual(new Set([first.id, second.id]).size, expect.users);
    world.keep('user', first);
  },

  async reused_key(world, { body, idempotency_key: idempotencyKey, expect }) {
    const admin = await world.admin();
    await expectError(admin.users.create(body, { idempotencyKey }), expect);
  },

  // By method and path, because the step needs a header.
  async fresh_etag(world, { full_name, expect }) {
    const admin = await world.admin();
    const { id } = world.kept<User>('user');
    const { response } = await admin.api.GET('/api/v1/users/{id}', { params: { path: { id } } });
    const ifMatch = response.headers.get('ETag') ?? '';
    world.keep('etag', ifMatch);
    strictEqual((await admin.users.update(id, { full_name }, { ifMatch })).full_name, expect.full_name);
  },

  async stale_etag(world, { full_name, expect }) {
    const admin = await world.admin();
    const options = { ifMatch: world.kept<string>('etag') };
    await expectError(admin.users.update(world.kept<User>('user').id, { full_name }, options), expect);
  },

  async webhook(world, { events, body, expect }) {
    const admin = await world.admin();
    const webhook = await admin.webhooks.create({ url: world.receiver, events });
    world.keep('webhook', webhook);
    await admin.users.create(body);
    const message = await world.message();
    await verifyWebhook(webhook.secret, message.headers, message.body);
    const event = JSON.parse(message.body) as { type: string; data: User };
    strictEqual(event.type, expect.type);
    strictEqual(event.data.email, expect.email);
    const changed = verifyWebhook(webhook.secret, message.headers, `${message.body} `);
    await rejects(changed, (error) => error instanceof WebhookError && error.problem === expect.changed);
  },

  async rotated_secret(world, { expect }) {
    const admin = await world.admin();
    const { id, secret: old } = world.kept<WebhookWithSecret>('webhook');
    const { secret } = await admin.webhooks.rotateSecret(id);
    await admin.webhooks.test(id);
    const message = await world.message();
    strictEqual((JSON.parse(message.body) as { type: string }).type, expect.type);
    const secrets = new Set([secret, old]);
    for (const each of secrets) await verifyWebhook(each, message.headers, message.body);
    strictEqual(secrets.size, expect.secrets);
  },

  async expired_token(world, { advance_seconds, parallel, expect }) {
    await world.advance(advance_seconds);
    const calls = Array.from({ length: parallel }, () => world.user.users.me());
    for (const me of await Promise.all(calls)) strictEqual(me.email, expect.email);
    strictEqual(world.refreshes, expect.refreshes);
  },

  async rate_limited(world, { first, advance_seconds, then, expect }) {
    const before = world.retries;
    const call = async (times: number) => {
      for (let time = 0; time < times; time += 1) await world.user.auth.me();
    };
    await call(first);
    await world.advance(advance_seconds);
    await call(then);
    strictEqual(world.retries - before, expect.retries);
  },

  async logout({ user, baseUrl }, { expect }) {
    const { tokens } = user;
    await user.logout();
    strictEqual(user.tokens, undefined);
    ok(tokens);
    // A client that stored the tokens: they are refused, and so is their exchange.
    const kept = new Session({ baseUrl }, tokens);
    await expectError(kept.users.me(), expect);
    strictEqual(kept.tokens, undefined);
  },
};

/** A client with the API key that a step has kept. */
function withKey(world: World): Groundwork {
  return new Groundwork({ baseUrl: world.baseUrl, apiKey: world.kept<ApiKeyWithSecret>('key').key });
}
