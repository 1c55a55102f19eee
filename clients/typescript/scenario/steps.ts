// The steps of clients/scenario.json, by name.
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { Session } from 'groundwork-client';
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
