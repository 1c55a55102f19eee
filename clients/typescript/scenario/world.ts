// What the steps share: the data of the scenario, the two sessions, and what the helper reported.
import { strictEqual } from 'node:assert';
import { type Api, createApi, type LoginRequest, type RegisterRequest, type Result, Session } from 'groundwork-client';

/** The expectation of a step. Its fields depend on the step. */
export interface Expected {
  status: number;
  error: string;
  fields: string[];
  email: string;
  full_name: string | null;
  is_superuser: boolean;
  token_type: string;
  expires_in: number;
  count: number;
  calls: number;
  refreshes: number;
  retries: number;
}

/** A step. Its values depend on the step. */
export interface Step {
  step: string;
  body: RegisterRequest;
  limit: number;
  email: string;
  id: number;
  advance_seconds: number;
  parallel: number;
  first: number;
  then: number;
  expect: Expected;
}

export interface Scenario {
  seed: { admin: LoginRequest };
  user: LoginRequest & { full_name: string };
  steps: Step[];
}

export class World {
  readonly scenario: Scenario;
  readonly baseUrl: string;
  readonly anonymous: Api;
  refreshes = 0;
  retries = 0;
  #user: Session | undefined;
  #admin: Session | undefined;
  readonly #control: string;

  constructor(scenario: Scenario, baseUrl: string, control: string) {
    this.scenario = scenario;
    this.baseUrl = baseUrl;
    this.#control = control;
    this.anonymous = createApi({ baseUrl });
  }

  async login(): Promise<Session> {
    const options = {
      baseUrl: this.baseUrl,
      onRefresh: () => {
        this.refreshes += 1;
      },
      onRetry: () => {
        this.retries += 1;
      },
    };
    const { email, password } = this.scenario.user;
    this.#user = await Session.login(options, { email, password });
    return this.#user;
  }

  get user(): Session {
    if (!this.#user) throw new Error('the step login comes first');
    return this.#user;
  }

  async admin(): Promise<Session> {
    this.#admin ??= await Session.login({ baseUrl: this.baseUrl }, this.scenario.seed.admin);
    return this.#admin;
  }

  /** Moves the service's clock forward. */
  async advance(seconds: number): Promise<void> {
    const response = await fetch(`${this.#control}/advance?seconds=${seconds}`, { method: 'POST' });
    strictEqual(response.status, 204);
  }
}

/** Fails unless the call returned this error. */
export async function expectError(call: Promise<Result<unknown>>, expected: Expected): Promise<string[]> {
  const { error, response } = await call;
  strictEqual(response.status, expected.status);
  strictEqual(error?.error, expected.error);
  return (error?.details?.fields ?? []).map(({ field }) => field);
}
