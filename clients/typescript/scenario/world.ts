// What the steps share: the data of the scenario, the two sessions, and what the helper reported.
import { fail, ok, strictEqual } from 'node:assert';
import {
  type ApiKeyCreate,
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
  scopes: string[];
  current: number;
  users: number;
  replayed: string;
  type: string;
  changed: string;
  secrets: number;
  refreshes: number;
  retries: number;
}

/** A step. Its values depend on the step. */
export interface Step {
  step: string;
  body: RegisterRequest;
  limit: number;
  email: string;
  sort: string;
  id: number;
  key: ApiKeyCreate;
  idempotency_key: string;
  full_name: string;
  events: string[];
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

/** Where the program finds what it works with. */
export interface Addresses {
  baseUrl: string;
  control: string;
  receiver: string;
}

export class World {
  readonly scenario: Scenario;
  readonly baseUrl: string;
  /** The address for a webhook whose messages {@link World.message} returns. */
  readonly receiver: string;
  readonly anonymous: Groundwork;
  refreshes = 0;
  retries = 0;
  adminRequests = 0;
  /** The header `Idempotency-Replayed` of the admin's last response. */
  replayed: string | null = null;
  #user: Session | undefined;
  #admin: Session | undefined;
  readonly #control: string;
  readonly #made = new Map<string, unknown>();

  constructor(scenario: Scenario, { baseUrl, control, receiver }: Addresses) {
    this.scenario = scenario;
    this.baseUrl = baseUrl;
    this.receiver = receiver;
    this.#control = control;
    this.anonymous = new Groundwork({ baseUrl });
  }

  async login(): Promise<Session> {
    this.#user = await this.anotherSession();
    return this.#user;
  }

  /** One more session of the user. */
  anotherSession(): Promise<Session> {
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
    return Session.login(options, { email, password });
  }

  get user(): Session {
    if (!this.#user) throw new Error('the step login comes first');
    return this.#user;
  }

  async admin(): Promise<Session> {
    const options = {
      baseUrl: this.baseUrl,
      fetch: async (request: Request) => {
        this.adminRequests += 1;
        const response = await fetch(request);
        this.replayed = response.headers.get('Idempotency-Replayed');
        return response;
      },
      onRetry: () => {
        this.retries += 1;
      },
    };
    this.#admin ??= await Session.login(options, this.scenario.seed.admin);
    return this.#admin;
  }

  /** Keeps what a later step needs. */
  keep(name: string, value: unknown): void {
    this.#made.set(name, value);
  }

  /** What an earlier step kept. */
  kept<Value>(name: string): Value {
    ok(this.#made.has(name), `no step has kept ${name}`);
    return this.#made.get(name) as Value;
  }

  /** Moves the service's clock forward. */
  advance(seconds: number): Promise<void> {
    return this.#order(`/advance?seconds=${seconds}`);
  }

  /** Loses the next response to a request with an `Idempotency-Key`. */
  loseResponse(): Promise<void> {
    return this.#order('/lose');
  }

  /** The next webhook message, as its receiver gets it. */
  async message(): Promise<{ headers: Headers; body: string }> {
    const response = await fetch(`${this.#control}/message`);
    strictEqual(response.status, 200);
    return { headers: response.headers, body: await response.text() };
  }

  async #order(path: string): Promise<void> {
    const response = await fetch(this.#control + path, { method: 'POST' });
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
