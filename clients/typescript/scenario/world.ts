// What the steps share: the data of the scenario, the two sessions, and what the helper reported.
import { fail, ok, strictEqual } from 'node:assert';
import {
  Groundwork,
  GroundworkError,
  type LoginRequest,
  type RegisterRequest,
  type Result,
  Session,
} from 'groundwork-client';

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
  readonly anonymous: Groundwork;
  refreshes = 0;
  retries = 0;
  adminRequests = 0;
  #user: Session | undefined;
  #admin: Session | undefined;
  readonly #control: string;

  constructor(scenario: Scenario, baseUrl: string, control: string) {
    this.scenario = scenario;
    this.baseUrl = baseUrl;
    this.#control = control;
    this.anonymous = new Groundwork({ baseUrl });
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
    const options = {
      baseUrl: this.baseUrl,
      fetch: (request: Request) => {
        this.adminRequests += 1;
        return fetch(request);
      },
    };
    this.#admin ??= await Session.login(options, this.scenario.seed.admin);
    return this.#admin;
  }

  /** Moves the service's clock forward. */
  async advance(seconds: number): Promise<void> {
    const response = await fetch(`${this.#control}/advance?seconds=${seconds}`, { method: 'POST' });
    strictEqual(response.status, 204);
  }
}

/** Fails unless the call throws this error. Returns the names of the invalid fields. */
export async function expectError(call: Promise<unknown>, expected: Expected): Promise<string[]> {
  try {
    await call;
  } catch (error) {
    ok(error instanceof GroundworkError);
    strictEqual(error.status, expected.status);
    strictEqual(error.code, expected.error);
    return error.fields.map(({ field }) => field);
  }
  return fail('no error');
}

/** Fails unless the call returned this error. */
export async function expectRefusal(call: Promise<Result<unknown>>, expected: Expected): Promise<void> {
  const { error, response } = await call;
  strictEqual(response.status, expected.status);
  strictEqual(error?.error, expected.error);
}
